"""What a policy will do before anyone follows it: runs in each window, bytes by day and month.

The plan is the agent's own, for one seed: its numbers of runs hold for every agent, its moments
only for that one. Bytes are an upper bound, since what a test takes is known only after it ran:
each run as long as it may be at ``fastest_bps``, and no more than the budget allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from wire.planning.cost import Budget
from wire.planning.planned import Planned, bound_of, calibrated
from wire.planning.schedule import DayPlan, plan
from wire.planning.timetable import Timetable

MOST_DAYS = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRuns:
    """One window of one test on one day."""

    test: int
    window: int
    planned_count: int
    left_out_count: int
    reason: str
    """Why some have no slot; empty where all have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One day."""

    day: date
    closed: str | None
    """Why it is closed; None where it is not."""
    windows: tuple[WindowRuns, ...]
    runs_count: int
    heavy_count: int
    most_bytes: int
    """Of heavy tests, within the day's budget."""
    month_most_bytes: int
    """Of the days of this month forecast so far, this one included, within the month's budget."""


def forecast(
    tests: Sequence[Planned],
    timetable: Timetable,
    budget: Budget,
    seed: str,
    first: date,
    days: int,
) -> list[Forecast]:
    """Plan ``days`` days from ``first`` on."""
    found: list[Forecast] = []
    month_bytes: dict[tuple[int, int], int] = {}
    bounds = {
        (number, full): bound_of(calibrated(test) if full else test, budget.fastest_bps)
        for number, test in enumerate(tests)
        if test.heavy
        for full in (False, True)
        if not full or test.calibrate
    }
    for step in range(min(days, MOST_DAYS)):
        day = first + timedelta(days=step)
        planned = plan(day, timetable, seed)
        heavy = [slot for slot in planned.slots if tests[slot.test].heavy]
        most = sum(bounds[slot.test, slot.calibration] for slot in heavy)
        if budget.day_bytes is not None:
            most = min(most, budget.day_bytes)
        month = (day.year, day.month)
        whole = month_bytes.get(month, 0) + most
        if budget.month_bytes is not None:
            whole = min(whole, budget.month_bytes)
        month_bytes[month] = whole
        closed = timetable.closed_on(day)
        found.append(
            Forecast(
                day=day,
                closed=None if closed is None else closed.reason or "closed",
                windows=_windows(planned),
                runs_count=len(planned.slots),
                heavy_count=len(heavy),
                most_bytes=most,
                month_most_bytes=whole,
            )
        )
    return found


def _windows(planned: DayPlan) -> tuple[WindowRuns, ...]:
    counts: dict[tuple[int, int], int] = {}
    for slot in planned.slots:
        counts[slot.test, slot.window] = counts.get((slot.test, slot.window), 0) + 1
    missing = {(out.test, out.window): (out.runs, out.reason) for out in planned.left_out}
    return tuple(
        WindowRuns(
            test=test,
            window=window,
            planned_count=counts.get((test, window), 0),
            left_out_count=missing.get((test, window), (0, ""))[0],
            reason=missing.get((test, window), (0, ""))[1],
        )
        for test, window in sorted({*counts, *missing})
    )
