"""Times in the database: whole microseconds since 1970 in UTC. Naive times are refused."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_DAY_MICROSECONDS: Final = 86_400_000_000
_TOKYO_MICROSECONDS: Final = 9 * 3_600_000_000
"""Japan Standard Time is UTC+9 without summer time (since 1952)."""


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} is naive: attach a timezone (UTC)")
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time of :func:`to_micros`."""
    return EPOCH + timedelta(microseconds=micros)


def week_of(micros: int) -> str:
    """ISO week in Asia/Tokyo, such as ``2026-W20``, of a time in microseconds since 1970 UTC."""
    return _week_of_day((micros + _TOKYO_MICROSECONDS) // _DAY_MICROSECONDS)


@lru_cache(maxsize=1024)
def _week_of_day(days_since_1970: int) -> str:
    ordinal = date(1970, 1, 1).toordinal() + days_since_1970
    ordinal = min(max(ordinal, 1), date.max.toordinal())  # the year 9999 plus nine hours
    year, week, _ = date.fromordinal(ordinal).isocalendar()
    return f"{year:04d}-W{week:02d}"
