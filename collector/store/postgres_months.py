"""Whole months of results that are dropped at once, when all that is in them is too old."""

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeVar

from collector.store.postgres_partitions import first_micros, following, months, name_of
from collector.store.sql import Sql
from collector.store.times import AFTER_ARRIVAL, BEFORE_ARRIVAL, MICROSECOND

_UNDATED: Final = (
    f"NOT (started_at BETWEEN received_at - {BEFORE_ARRIVAL // MICROSECOND} "
    f"AND received_at + {AFTER_ARRIVAL // MICROSECOND})"
)
T = TypeVar("T")


class _Store(Protocol):
    def read(self, question: Callable[[Sql], T]) -> T: ...

    def write(self, work: Callable[[Sql], T]) -> T: ...


def drop_months(store: _Store, before: int) -> list[str]:
    """Drop each month that ended before; one transaction a month. Give their names.

    A result whose clock is suspect lies in a month it was not measured in: those that arrived
    since ``before`` go to the rest.
    """
    ended = [
        month for month in sorted(store.read(months)) if first_micros(following(month)) <= before
    ]
    names = [name_of(month) for month in ended]
    return [name for name in names if store.write(partial(_drop, name=name, before=before))]


def _drop(sql: Sql, name: str, before: int) -> bool:
    sql.lock("result partitions")
    if name not in {name_of(month) for month in months(sql)}:
        return False  # another collector has done it
    sql.execute(f"ALTER TABLE result DETACH PARTITION {name}")
    sql.execute(
        f"INSERT INTO result SELECT * FROM {name} WHERE {_UNDATED} AND received_at >= ?",  # noqa: S608 - names of our own
        (before,),
    )
    sql.execute(f"DROP TABLE {name}")
    return True
