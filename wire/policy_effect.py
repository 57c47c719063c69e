"""What a timetable comes to: runs a day at most, and the longest time without any. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from wire.planning.placing import gaps
from wire.planning.timetable import DAY_SECONDS, Blackout, Timetable, Window

MAX_RUNS_A_DAY: Final = 5_000
_WEEK_DAYS: Final = 7
_LAST: Final = date.max - timedelta(days=_WEEK_DAYS + 1)


@dataclass(frozen=True, slots=True)
class Pause:
    """Consecutive days on which nothing can run."""

    first: date
    days: int


def busiest_day_runs(timetable: Timetable) -> int:
    """Most runs that a day of the week has."""
    return max(
        sum(window.runs for window in _windows(timetable) if weekday in window.days)
        for weekday in range(_WEEK_DAYS)
    )


def longest_pause(timetable: Timetable) -> Pause:
    """The longest stretch without a run that closed days and blackouts make."""
    closed: set[date] = set()
    dark: dict[date, list[Blackout]] = {}
    for each in timetable.closed:
        closed |= _days(each.first, each.last)
    for blackout in timetable.blackouts:
        for day in _days(blackout.first, blackout.last):
            dark.setdefault(day, []).append(blackout)
    near = {
        day + timedelta(days=step)
        for day in (*closed, *dark)
        if day < _LAST
        for step in range(_WEEK_DAYS)  # a weekend between two vacations belongs to the pause
    }
    windows = [window for window in _windows(timetable) if window.runs]
    longest, current = Pause(date.min, 0), Pause(date.min, 0)
    before = None
    for day in sorted(near):
        if _runs_on(day, windows, closed=day in closed, dark=dark.get(day, [])):
            current = Pause(day, 0)
        elif before == day - timedelta(days=1) and current.days:
            current = Pause(current.first, current.days + 1)
        else:
            current = Pause(day, 1)
        before = day
        longest = max(longest, current, key=lambda pause: pause.days)
    return longest


def _runs_on(day: date, windows: list[Window], *, closed: bool, dark: list[Blackout]) -> bool:
    taken = [(float(each.from_seconds), float(each.to_seconds)) for each in dark]
    return any(
        day.weekday() in window.days
        and (window.on_closed_days or not closed)
        and gaps(window.from_seconds, min(window.to_seconds, DAY_SECONDS), taken)
        for window in windows
    )


def _windows(timetable: Timetable) -> list[Window]:
    return [window for task in timetable.tasks for window in task.windows]


def _days(first: date, last: date) -> set[date]:
    return {first + timedelta(days=step) for step in range((last - first).days + 1)}
