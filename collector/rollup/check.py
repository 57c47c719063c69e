"""Compare stored roll-ups with the raw results, and make them anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from collector.rollup import rows
from collector.rollup.fold import DAY, HOUR, Raw, Series, day_of, fold_day, fold_hour, hour_of
from collector.rollup.keeper import HOURS_CLASS, is_closed, roll_all
from collector.rollup.rows import BELIEVED, Span, Stored
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

MAX_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A bucket that is not what its results give."""

    span: Span
    started_at: datetime
    school_code: str
    series: Series
    stored: Stored | None
    from_raw: Stored | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a comparison found."""

    buckets: int
    results: int
    waiting: int
    """Hours and days that were left aside because their roll-up is still to come."""
    differences: tuple[Difference, ...]
    """The first :data:`MAX_SHOWN` of them."""
    differing: int


def check(store: Store) -> Checked:
    """Fold everything again from the raw results and compare. Changes nothing."""
    buckets = results = waiting = differing = 0
    shown: list[Difference] = []
    for code, day in store.read(_days):
        for _attempt in range(3):  # a pass of the collector may come between two questions
            one = store.read(partial(_compare, school_code=code, day=day))
            if not one.differing:
                break
        buckets += one.buckets
        results += one.results
        waiting += one.waiting
        differing += one.differing
        shown += one.differences[: MAX_SHOWN - len(shown)]
    return Checked(buckets, results, waiting, tuple(shown), differing)


def rebuild(store: Store, now: datetime) -> int:
    """Make all roll-ups anew whose results are still there; give how many hours and days."""
    store.write(lambda sql: _mark_everything(sql, to_micros(now)))
    return roll_all(store, now)


def _days(sql: Sql) -> list[tuple[str, int]]:
    """Each (school, day of Japan) that has results or roll-ups."""
    found = {
        (code, day_of(hour))
        for code, hour in sql.execute(
            "SELECT DISTINCT school_code, started_at - started_at % ? FROM result "  # noqa: S608 - constants
            f"WHERE {BELIEVED}",
            (HOUR,),
        )
    }
    found |= {
        (code, day_of(at))
        for code, at in sql.execute("SELECT DISTINCT school_code, started_at FROM rollup")
    }
    return sorted(found)


def _compare(sql: Sql, school_code: str, day: int) -> Checked:
    closed = rows.closed(sql)
    raw = rows.raw_of(sql, school_code, day, day + DAY)
    by_hour: dict[int, list[Raw]] = {}
    for started, one in raw:
        by_hour.setdefault(hour_of(started), []).append(one)
    have = rows.stored(sql, "hour", school_code, day, day + DAY)
    waiting = compared = 0
    found: list[Difference] = []
    for hour in sorted({*by_hour, *(at for at, _ in have)}):
        if rows.is_due(sql, "hour", hour, school_code):
            waiting += 1
            continue
        fresh = rows.as_stored("hour", fold_hour(by_hour.get(hour, ())))
        mine = {series: one for (at, series), one in have.items() if at == hour}
        found += (
            one
            for one in _differences("hour", hour, school_code, mine, fresh)
            if not is_closed(one.series.probe, hour, closed)
        )
        compared += len(mine)
    if waiting or rows.is_due(sql, "day", day, school_code):
        waiting += 1
    elif day >= closed.get(HOURS_CLASS, day):
        fresh = rows.as_stored("day", fold_day(rows.hours_of(sql, school_code, day)))
        whole = rows.stored(sql, "day", school_code, day, day + 1)
        mine = {series: one for (_, series), one in whole.items()}
        found += _differences("day", day, school_code, mine, fresh)
        compared += len(mine)
    return Checked(compared, len(raw), waiting, tuple(found), len(found))


def _differences(
    span: Span,
    at: int,
    school_code: str,
    stored: dict[Series, Stored],
    fresh: dict[Series, Stored],
) -> Iterator[Difference]:
    for series in sorted({*stored, *fresh}):
        mine, theirs = stored.get(series), fresh.get(series)
        if mine != theirs:
            yield Difference(span, from_micros(at), school_code, series, mine, theirs)


def _mark_everything(sql: Sql, now: int) -> None:
    sql.lock(rows.LOCK)
    hours = {
        (hour, code)
        for code, hour in sql.execute(
            "SELECT DISTINCT school_code, started_at - started_at % ? FROM result "  # noqa: S608 - constants
            f"WHERE {BELIEVED}",
            (HOUR,),
        )
    }
    hours |= {
        (at, code)
        for code, at in sql.execute(
            "SELECT DISTINCT school_code, started_at FROM rollup WHERE span = 'hour'"
        )
    }
    days = {
        (at, code)
        for code, at in sql.execute(
            "SELECT DISTINCT school_code, started_at FROM rollup WHERE span = 'day'"
        )
    }
    rows.mark(sql, "hour", hours, now)
    rows.mark(sql, "day", days, now)
