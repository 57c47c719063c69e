"""Carry retention out: class by class, in small transactions, after the roll-ups."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from collector.retention import rows
from collector.retention.policy import Kind, Policy
from collector.rollup.rows import LOCK as ROLLUP_LOCK
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

EVERY: Final = timedelta(hours=20)
"""A daily run begins at the earliest this long after the last one."""
FURTHEST_JUMP: Final = timedelta(days=35)
"""A clock this far beyond the last sign of life is not believed: it would delete everything."""
_LOG: Final = logging.getLogger(__name__)


class ClockNotBelieved(Exception):
    """The collector's clock is far ahead of everything that it has heard; says what to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became, or would become, of one class."""

    kind: Kind
    cut: datetime | None
    rows: int
    months: tuple[str, ...] = ()
    """Monthly partitions that were dropped as a whole; their rows are not counted."""
    waits: bool = False
    """Left alone, because roll-ups of what would go are still to be made."""


def preview(store: Store, policy: Policy, now: datetime) -> list[Outcome]:
    """Count what a run would delete. Changes nothing."""
    found = []
    for kind in Kind:
        cut = policy.cut(kind, now)
        count = 0 if cut is None else store.read(partial(_count, kind=kind, cut=to_micros(cut)))
        found.append(Outcome(kind, cut, count))
    return found


def run(
    store: Store, policy: Policy, now: datetime, *, clock_is_right: bool = False
) -> list[Outcome]:
    """Delete what is older than the policy keeps. Safe to end at any moment and to run again.

    Raises :class:`ClockNotBelieved`, and StoreError where the database fails.
    """
    if not clock_is_right:
        _believe(store, now)
    outcomes = [_one(store, kind, policy.cut(kind, now), now) for kind in Kind]
    store.write(lambda sql: rows.note(sql, rows.RAN, 0, to_micros(now), 0))
    return outcomes


def run_daily(store: Store, policy: Policy, now: datetime) -> list[Outcome] | None:
    """Run where no collector has within the last day; None where it is not time."""
    if not store.write(lambda sql: _claim(sql, now)):
        return None
    return run(store, policy, now, clock_is_right=True)  # looked at when it was claimed


def _claim(sql: Sql, now: datetime) -> bool:
    sql.lock(rows.LOCK)
    last = rows.done(sql).get(rows.RAN)
    if last is not None and from_micros(last[1]) <= now < from_micros(last[1]) + EVERY:
        return False
    _check_jump(rows.newest_sign_of_life(sql), now)
    rows.note(sql, rows.RAN, 0, to_micros(now), 0)
    return True


def _believe(store: Store, now: datetime) -> None:
    _check_jump(store.read(rows.newest_sign_of_life), now)


def _check_jump(newest: int | None, now: datetime) -> None:
    if newest is not None and now - from_micros(newest) > FURTHEST_JUMP:
        raise ClockNotBelieved(
            f"the clock says {now:%Y-%m-%d}, the last sign of an agent is of "
            f"{from_micros(newest):%Y-%m-%d}: nothing was deleted. Set the clock; or, where it is "
            "right, run: hakaru-collector retention run --clock-is-right"
        )


def _one(store: Store, kind: Kind, cut: datetime | None, now: datetime) -> Outcome:
    if cut is None:
        return Outcome(kind, None, 0)
    before = to_micros(cut)
    if not store.write(partial(_close, kind=kind, before=before, now=to_micros(now))):
        _LOG.warning("retention of %s waits: roll-ups of what would go are still to be made", kind)
        return Outcome(kind, cut, 0, waits=True)
    deleted = 0
    months: tuple[str, ...] = ()
    if kind in rows.RESULTS:
        months = _drop_months(store)
        for code in store.read(
            partial(rows.schools_with_old_results, kind=kind, cut=before)  # small pieces
        ):
            while piece := store.write(
                partial(rows.delete_results, kind=kind, school_code=code, cut=before)
            ):
                deleted += piece
    else:
        while piece := store.write(partial(_piece, kind=kind, cut=before)):
            deleted += piece
    store.write(lambda sql: rows.note(sql, kind, before, to_micros(now), deleted))
    return Outcome(kind, cut, deleted, months)


def _close(sql: Sql, kind: Kind, before: int, now: int) -> bool:
    """Say, before anything goes, from where roll-ups are all there is. False: not yet."""
    if kind in rows.RESULTS or kind in (Kind.HOUR_ROLLUPS, Kind.DAY_ROLLUPS):
        sql.lock(ROLLUP_LOCK)
        if rows.rollups_wait(sql, before):
            return False
    rows.note(sql, kind, before, now, 0)
    return True


def _drop_months(store: Store) -> tuple[str, ...]:
    """Drop whole months of results, where the database keeps them apart."""
    done: Mapping[str, tuple[int, int, int]] = store.read(rows.done)
    kinds = [done.get(kind) for kind in rows.RESULTS]
    if any(one is None for one in kinds):
        return ()
    before = min(one[0] for one in kinds if one is not None)
    return tuple(store.drop_result_months(from_micros(before)))


def _piece(sql: Sql, kind: Kind, cut: int) -> int:
    if kind in (Kind.HOUR_ROLLUPS, Kind.DAY_ROLLUPS):
        return rows.delete_rollups(sql, kind, cut)
    return rows.delete_by_time(sql, kind, cut)


def _count(sql: Sql, kind: Kind, cut: int) -> int:
    if kind in rows.RESULTS:
        return rows.count_results(sql, kind, cut)
    if kind in (Kind.HOUR_ROLLUPS, Kind.DAY_ROLLUPS):
        return rows.count_rollups(sql, kind, cut)
    return rows.count_by_time(sql, kind, cut)
