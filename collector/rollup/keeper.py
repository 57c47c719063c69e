"""Keeps roll-ups up to date: computes what has got results, from the raw results, again.

The writer marks the hours that a transaction touches, in that transaction. A pass reads marks and
results, folds outside any transaction that others wait for, and stores an hour only where its
mark is still the one it read. So nothing is added to anything: a result sent twice, late, or in
another order gives the same roll-up, and a pass that dies leaves its marks. Days are made of the
hours, likewise.

What retention has deleted is never recomputed: hours before :func:`rows.closed` stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.rollup import rows
from collector.rollup.figures import FIGURES, HEAVY
from collector.rollup.fold import HOUR, Bucket, Series, day_of, fold_day, fold_hour
from collector.rollup.rows import Due
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import to_micros

HOURS_A_PASS: Final = 100
"""Hours of schools folded and stored at a time: keeps the transaction short."""
DAYS_A_PASS: Final = 50
HEAVY_CLASS: Final = "heavy_results"
LIGHT_CLASS: Final = "light_results"
HOURS_CLASS: Final = "hour_rollups"


@dataclass(frozen=True, slots=True)
class _Folded:
    due: Due
    buckets: Mapping[Series, Bucket]


def roll(store: Store, now: datetime, settle: timedelta = timedelta(0)) -> int:
    """Do one pass over hours, or over days where no hour waits; give how many were done.

    What got its first new result less than ``settle`` ago waits for more: an hour is read as a
    whole each time, so that one that results come into all the time is not read for each of them.
    Raises :class:`collector.store.interface.StoreError`.
    """
    at = to_micros(now)
    before = to_micros(now - settle) if settle else at + 1
    hours, closed = store.read(lambda sql: _fold_hours(sql, before, at))
    if hours:
        return store.write(lambda sql: _store_hours(sql, hours, closed, at))
    days, closed = store.read(lambda sql: _fold_days(sql, before, at))
    return store.write(lambda sql: _store_days(sql, days, closed)) if days else 0


def roll_all(store: Store, now: datetime) -> int:
    """Roll up until nothing waits; give how many hours and days were done."""
    total = 0
    while store.read(rows.waiting):
        total += roll(store, now)
    return total


def is_closed(probe: str, started_at: int, closed: Mapping[str, int]) -> bool:
    """Whether the raw results of a probe at that time may have been deleted by retention."""
    return started_at < closed.get(HEAVY_CLASS if probe in HEAVY else LIGHT_CLASS, started_at)


def _fold_hours(sql: Sql, before: int, now: int) -> tuple[list[_Folded], dict[str, int]]:
    """Marks first, results after them: what a mark stands for is among the results read."""
    due = rows.due(sql, "hour", HOURS_A_PASS, before, now)
    closed = rows.closed(sql)
    folded = []
    for one in due:
        end = one.started_at + HOUR
        found = rows.raw_of(sql, one.school_code, one.started_at, end)
        buckets = fold_hour(
            raw for _, raw in found if not is_closed(raw.probe, one.started_at, closed)
        )
        folded.append(_Folded(one, buckets))
    return folded, closed


def _store_hours(sql: Sql, hours: list[_Folded], closed: Mapping[str, int], arrived_at: int) -> int:
    sql.lock(rows.LOCK)
    if rows.closed(sql) != closed:  # retention ran meanwhile: read again
        return 0
    days = set()
    for one in sorted(hours, key=lambda each: each.due):
        at, code = one.due.started_at, one.due.school_code
        if rows.take(sql, "hour", one.due) and not _all_closed(at, closed):
            rows.replace(sql, "hour", at, code, one.buckets, _kept(sql, at, code, closed))
            days.add((day_of(at), code))
    rows.mark(sql, "day", days, arrived_at)
    return len(hours)


def _fold_days(sql: Sql, before: int, now: int) -> tuple[list[_Folded], dict[str, int]]:
    due = rows.due(sql, "day", DAYS_A_PASS, before, now)
    closed = rows.closed(sql)
    folded = [
        _Folded(one, fold_day(rows.hours_of(sql, one.school_code, one.started_at))) for one in due
    ]
    return folded, closed


def _store_days(sql: Sql, days: list[_Folded], closed: Mapping[str, int]) -> int:
    sql.lock(rows.LOCK)
    if rows.closed(sql) != closed:
        return 0
    for one in sorted(days, key=lambda each: each.due):
        at, code = one.due.started_at, one.due.school_code
        if rows.take(sql, "day", one.due) and at >= closed.get(HOURS_CLASS, at):
            rows.replace(sql, "day", at, code, one.buckets)
    return len(days)


def _all_closed(started_at: int, closed: Mapping[str, int]) -> bool:
    return all(is_closed(probe, started_at, closed) for probe in (*HEAVY, "any light one"))


def _kept(sql: Sql, at: int, school_code: str, closed: Mapping[str, int]) -> list[str]:
    """Probes whose raw results of this hour are gone: their roll-up stays as it is."""
    if at >= max(closed.get(HEAVY_CLASS, at), closed.get(LIGHT_CLASS, at)):
        return []
    known = sql.execute(
        "SELECT DISTINCT probe FROM rollup WHERE school_code = ? AND span = 'hour' "
        "AND started_at = ?",
        (school_code, at),
    )
    return sorted(
        {probe for (probe,) in known if is_closed(probe, at, closed)}
        | {probe for probe in FIGURES if is_closed(probe, at, closed)}
    )
