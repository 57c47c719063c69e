"""The result table's partitions: one for each month in Tokyo, and one for what has no month.

A month's partition is made by the writer when the first result that is believed needs it, and the
next month's with it. Results of suspect clocks (1970, 2100) make none: they lie in
``result_rest``, from where a month takes its own when it comes.
"""

from datetime import date, datetime, timedelta
from typing import Final

from collector.judge.week import JST
from collector.store.sql import Sql
from collector.store.times import to_micros

REST: Final = "result_rest"
_FIRST_DAY: Final = date(1970, 1, 1)
_PREFIX: Final = "result_"

Month = tuple[int, int]
"""Year and month in Tokyo."""


class Partitions:
    """Knows which months have a partition. One for each writer."""

    def __init__(self) -> None:
        self._known: set[Month] = set()
        self._days: set[int] = set()

    def ensure(self, sql: Sql, days: set[int]) -> None:
        """Make what these days (since 1970, in Tokyo) need, in the transaction of the caller.

        Nothing made here is remembered before it is found again, since it may be rolled back.
        """
        if days <= self._days:
            return
        wanted = {month_of(day) for day in days - self._days}
        if not wanted <= self._known:
            sql.lock("result partitions")
            self._known = months(sql)
            for month in sorted((wanted | {following(one) for one in wanted}) - self._known):
                _make(sql, month)
        if wanted <= self._known:
            self._days |= days


def months(sql: Sql) -> set[Month]:
    """Give the months that have a partition."""
    rows = sql.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'result'::regclass"
    )
    names = [name.rpartition(".")[2].strip('"') for (name,) in rows]
    return {_parse(name) for name in names if name != REST and name.startswith(_PREFIX)}


def name_of(month: Month) -> str:
    """The table of a month, such as ``result_2026_05``."""
    return f"{_PREFIX}{month[0]:04}_{month[1]:02}"


def month_of(day: int) -> Month:
    """The month of a day since 1970."""
    found = _FIRST_DAY + timedelta(days=day)
    return found.year, found.month


def following(month: Month) -> Month:
    """The month after."""
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def first_micros(month: Month) -> int:
    """When a month begins in Tokyo, in microseconds since 1970 UTC."""
    return to_micros(datetime(*month, 1, tzinfo=JST))


def _make(sql: Sql, month: Month) -> None:
    """Make and attach a partition. Inserting into the others goes on meanwhile.

    Attaching, unlike CREATE TABLE .. PARTITION OF, does not lock the whole table; the lock on
    the rest keeps a row of this month from getting there between moving and attaching.
    """
    name, start, end = name_of(month), first_micros(month), first_micros(following(month))
    sql.execute(f"LOCK TABLE {REST} IN ACCESS EXCLUSIVE MODE")
    sql.execute(f"CREATE TABLE {name} (LIKE result INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    sql.execute(
        f"WITH moved AS (DELETE FROM {REST} WHERE started_at >= ? AND started_at < ? RETURNING *) "  # noqa: S608 - names of our own
        f"INSERT INTO {name} SELECT * FROM moved",
        (start, end),
    )
    sql.execute(f"ALTER TABLE result ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})")


def _parse(name: str) -> Month:
    year, number = name.removeprefix(_PREFIX).split("_")
    return int(year), int(number)
