"""When a school teaches, when its network is quiet, and when neither can be said.

Times are Japanese. A period holds its start and not its end. What was measured is placed by
the moment it started.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import version
from types import MappingProxyType

from holidays import country_holidays

from collector.judge.week import JST, Week, fiscal_year, last_complete_week, local

__all__ = [
    "JST",
    "Calendar",
    "Calendars",
    "DayRange",
    "Period",
    "Week",
    "Window",
    "fiscal_year",
    "last_complete_week",
    "local",
]


class Window(StrEnum):
    """What a moment is good for."""

    LESSON = "lesson"
    """All classes are taught."""
    QUIET = "quiet"
    """A school day, before pupils come or after they left."""
    BETWEEN = "between"
    """A school day, neither of the two."""
    CLOSED = "closed"
    """Not a school day, or one on which the network is to be left alone."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A time of day from ``start`` up to, not including, ``end``."""

    start: time
    end: time

    def holds(self, moment: time) -> bool:
        """Say whether ``moment`` lies inside."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRange:
    """Days from ``first`` to ``last`` inclusive, of one year or (year None) of every year."""

    first: tuple[int | None, int, int]
    """(year or None, month, day)."""
    last: tuple[int | None, int, int]
    reason: str

    def holds(self, day: date) -> bool:
        """Say whether ``day`` lies inside. A yearly range may run over New Year."""
        if self.first[0] is not None and self.last[0] is not None:
            return date(*_dated(self.first)) <= day <= date(*_dated(self.last))
        first, last, this = self.first[1:], self.last[1:], (day.month, day.day)
        return first <= this <= last if first <= last else this >= first or this <= last


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """School days and hours of one school."""

    version: str
    school_weekdays: frozenset[int]
    """ISO weekdays, 1 Monday to 7 Sunday."""
    national_holidays: bool
    envelope: Period
    lessons: tuple[Period, ...]
    """Ascending, without overlap, inside the envelope."""
    quiet_before: time
    quiet_after: time
    closed: tuple[DayRange, ...] = ()
    blackout: tuple[DayRange, ...] = ()
    extra_school_days: frozenset[date] = frozenset()

    @property
    def fingerprint(self) -> str:
        """Version and a hash of all that decides about days and hours.

        Two calendars with the same fingerprint place every moment alike. The library of national
        holidays is part of it where it is asked.
        """
        return _fingerprint(self)

    def why_no_school(self, day: date) -> str | None:
        """Say why ``day`` counts as no school day, for people; None when it is one."""
        for item in self.blackout:
            if item.holds(day):
                return item.reason
        if day in self.extra_school_days:
            return None
        if day.isoweekday() not in self.school_weekdays:
            return "土曜日" if day.isoweekday() == 6 else "休業日"
        for item in self.closed:
            if item.holds(day):
                return item.reason
        return national_holidays(day.year).get(day) if self.national_holidays else None

    def is_school_day(self, day: date) -> bool:
        """Say whether lessons are taught and may be measured on ``day``."""
        return self.why_no_school(day) is None

    def school_days(self, week: Week) -> tuple[date, ...]:
        """Give the school days of a week, in order."""
        return tuple(day for day in week.days if self.is_school_day(day))

    def classify(self, moment: datetime) -> Window:
        """Say what an aware moment is good for."""
        here = local(moment)
        if not self.is_school_day(here.date()):
            return Window.CLOSED
        return self.window_of(here.time())

    def window_of(self, now: time) -> Window:
        """Say what a Japanese time of day is good for on a school day."""
        if now < self.quiet_before or now >= self.quiet_after:
            return Window.QUIET
        for period in self.lessons:
            if period.start <= now < period.end:
                return Window.LESSON
        return Window.BETWEEN

    def week_windows(self, week: Week) -> "WeekWindows":
        """Give what places many moments of one week quickly."""
        return _week_windows(self, week)

    def intervals(self, day: date, window: Window) -> tuple[tuple[datetime, datetime], ...]:
        """Give the stretches (start, end; UTC) of ``day`` that are LESSON or QUIET.

        Nothing on days that are no school days, and nothing for other windows.
        """
        if not self.is_school_day(day):
            return ()
        if window is Window.LESSON:
            return tuple((_at(day, item.start), _at(day, item.end)) for item in self.lessons)
        if window is Window.QUIET:
            midnight, next_midnight = _at(day, time()), _at(day + timedelta(days=1), time())
            return (
                (midnight, _at(day, self.quiet_before)),
                (_at(day, self.quiet_after), next_midnight),
            )
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekWindows:
    """One week of a calendar: its school days are looked up once, not for each moment."""

    calendar: Calendar
    start: datetime
    end: datetime
    school_days: frozenset[date]

    def classify(self, moment: datetime) -> Window | None:
        """As :meth:`Calendar.classify`; None for a moment outside the week."""
        if not self.start <= moment < self.end:
            return None
        here = moment.astimezone(JST)
        if here.date() not in self.school_days:
            return Window.CLOSED
        return self.calendar.window_of(here.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendars:
    """The calendar of every school: one default and what schools have of their own."""

    version: str
    default: Calendar
    by_school: Mapping[str, Calendar] = field(default_factory=dict)

    def for_school(self, code: str) -> Calendar:
        """Give the calendar of a school, by its code."""
        return self.by_school.get(code, self.default)


@lru_cache(maxsize=1024)
def _fingerprint(calendar: Calendar) -> str:
    content = []
    for item in fields(calendar):
        value = getattr(calendar, item.name)
        content.append(f"{item.name}={sorted(value) if isinstance(value, frozenset) else value!r}")
    if calendar.national_holidays:
        content.append(f"holidays={version('holidays')}")
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()
    return f"{calendar.version}#{digest[:16]}"


@lru_cache(maxsize=1024)
def _week_windows(calendar: Calendar, week: Week) -> WeekWindows:
    return WeekWindows(
        calendar=calendar,
        start=week.start,
        end=week.end,
        school_days=frozenset(calendar.school_days(week)),
    )


@lru_cache(maxsize=64)
def national_holidays(year: int) -> Mapping[date, str]:
    """National holidays of Japan with their names; empty outside the years the library knows.

    The ``holidays`` library knows 1949 to 2099, the equinoxes of future years by calculation.
    A holiday that a law adds later comes with a newer library or as ``closed`` in the file.
    """
    return MappingProxyType(dict(country_holidays("JP", years=year, language="ja").items()))


def _dated(part: tuple[int | None, int, int]) -> tuple[int, int, int]:
    year, month, day = part
    assert year is not None
    return year, month, day


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, JST).astimezone(UTC)
