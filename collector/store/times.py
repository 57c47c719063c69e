"""Times in the database: whole microseconds since 1970 in UTC. Naive times are refused."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from collector.judge.week import Week

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
_DAY_MICROSECONDS: Final = 86_400_000_000
_TOKYO_MICROSECONDS: Final = 9 * 3_600_000_000
"""Japan Standard Time is UTC+9 without summer time (since 1952)."""
_FIRST_DAY: Final = date(1970, 1, 1)
BEFORE_ARRIVAL: Final = timedelta(days=400)
AFTER_ARRIVAL: Final = timedelta(days=1)
"""A result dated further before or after its arrival comes from a clock that was wrong: it is
kept and shown with its date, and is neither judged nor anybody's newest."""


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} is naive: attach a timezone (UTC)")
    since = moment - EPOCH  # in parts: a division of times costs twice as much
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The aware UTC time of :func:`to_micros`."""
    return EPOCH + timedelta(microseconds=micros)


def clock_suspect(started_at: datetime, received_at: datetime) -> bool:
    """Say whether the sender's clock cannot be believed: see :data:`BEFORE_ARRIVAL`."""
    return not -AFTER_ARRIVAL <= received_at - started_at <= BEFORE_ARRIVAL


def week_of(micros: int) -> str:
    """ISO week in Asia/Tokyo, such as ``2026-W20``, of a time in microseconds since 1970 UTC.

    Raises ValueError or OverflowError for times no week can be named of: ask
    :func:`clock_suspect` first.
    """
    return _week_of_day(tokyo_day(micros))


def tokyo_day(micros: int) -> int:
    """Days since 1970-01-01 of the day in Asia/Tokyo of a time in microseconds since 1970 UTC."""
    return (micros + _TOKYO_MICROSECONDS) // _DAY_MICROSECONDS


@lru_cache(maxsize=1024)
def _week_of_day(days_since_1970: int) -> str:
    return str(Week.of_day(_FIRST_DAY + timedelta(days=days_since_1970)))
