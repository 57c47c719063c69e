"""Days without lessons from the calendar that schools are judged by, as a policy says them.

From 1 April of the fiscal year of ``today`` to 31 March two years later: what an agent is told
changes once a year, not every day.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from collector.judge.calendar import Calendar, DayRange, fiscal_year, national_holidays
from wire.measurement import Json

Ranges = tuple[Json, ...]


def days_of(calendar: Calendar, today: date) -> tuple[Ranges, Ranges]:
    """Give the entries of ``closed`` and of ``blackouts``."""
    return _days_of(calendar, fiscal_year(today))


@lru_cache(maxsize=1_024)
def _days_of(calendar: Calendar, year: int) -> tuple[Ranges, Ranges]:
    days = list(_between(date(year, 4, 1), date(year + 2, 3, 31)))
    closed = [(day, reason) for day in days if (reason := _closed(calendar, day))]
    dark = [(day, reason) for day in days if (reason := _reason(calendar.blackout, day))]
    return tuple(_ranges(closed)), tuple(_ranges(dark))


def _closed(calendar: Calendar, day: date) -> str | None:
    if day in calendar.extra_school_days:
        return None
    reason = _reason(calendar.closed, day)
    if reason is None and calendar.national_holidays:
        reason = national_holidays(day.year).get(day)
    return reason


def _reason(ranges: tuple[DayRange, ...], day: date) -> str | None:
    return next((each.reason for each in ranges if each.holds(day)), None)


def _ranges(days: list[tuple[date, str]]) -> Iterator[Json]:
    """Join consecutive days with one reason."""
    start = 0
    for index, (day, reason) in enumerate(days):
        following = days[index + 1] if index + 1 < len(days) else None
        if following != (day + timedelta(days=1), reason):
            first = days[start][0]
            yield {"first": first.isoformat(), "last": day.isoformat(), "reason": reason}
            start = index + 1


def _between(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)
