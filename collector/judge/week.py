"""ISO weeks and fiscal years in Japanese time.

Japan has kept UTC+9 without summer time since 1952, so the offset is a constant here and no
time zone database is needed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

JST: Final = timezone(timedelta(hours=9), "JST")
_FORM: Final = re.compile(r"([0-9]{4})-W([0-9]{2})")
_EARLIEST: Final = datetime(1952, 4, 28, 15, tzinfo=UTC)
_LATEST: Final = datetime(9998, 12, 1, tzinfo=UTC)


def local(moment: datetime) -> datetime:
    """Give an aware moment in Japanese time.

    Moments before 1952 or after 9998 (a clock that was never set) are held at these ends, so
    that one broken clock never stops the judging of others.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone: pass an aware datetime")
    return min(max(moment, _EARLIEST), _LATEST).astimezone(JST)


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """One ISO 8601 week, Monday to Sunday in Japanese time; written ``2026-W20``."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not 1952 <= self.year <= 9998:
            raise ValueError(f"week of year {self.year}: allowed is 1952 to 9998")
        date.fromisocalendar(self.year, self.number, 1)

    @classmethod
    def parse(cls, text: str) -> "Week":
        """Read ``2026-W20``. Raises ValueError saying what is allowed."""
        allowed = "an ISO week of that year, such as 2026-W20"
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"week: found {text[:20]!r}, allowed is {allowed}")
        try:
            return cls(int(match[1]), int(match[2]))
        except ValueError as error:
            raise ValueError(f"week: found {text!r}, allowed is {allowed} ({error})") from None

    @classmethod
    def of_day(cls, day: date) -> "Week":
        """Give the week a day of the Japanese calendar belongs to."""
        year, number, _ = day.isocalendar()
        return cls(year, number)

    @classmethod
    def containing(cls, moment: datetime) -> "Week":
        """Give the week in which ``moment`` falls in Japan."""
        return cls.of_day(local(moment).date())

    @property
    def monday(self) -> date:
        """First day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def days(self) -> tuple[date, ...]:
        """Monday to Sunday."""
        return tuple(self.monday + timedelta(days=number) for number in range(7))

    @property
    def start(self) -> datetime:
        """Monday 00:00 in Japan, as UTC. Belongs to the week."""
        return datetime.combine(self.monday, time(), JST).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """Next Monday 00:00 in Japan, as UTC. Belongs to the next week."""
        return self.start + timedelta(days=7)

    def plus(self, weeks: int) -> "Week":
        """Give the week ``weeks`` later (negative: earlier)."""
        return Week.of_day(self.monday + timedelta(weeks=weeks))

    def __str__(self) -> str:
        return f"{self.year:04d}-W{self.number:02d}"


def last_complete_week(now: datetime) -> Week:
    """Give the newest week that has ended in Japan."""
    return Week.containing(now).plus(-1)


def fiscal_year(day: date) -> int:
    """Give the Japanese fiscal year (年度, April to March) of a day: 2025-03-31 is in 2024."""
    return day.year if day.month >= 4 else day.year - 1
