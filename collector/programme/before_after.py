"""Before and after a measure, tested on the school's own measurements. Pure.

The same number of whole weeks on both sides of the day it was done, so that each day of the week
occurs alike; that day itself is left out. Results of one day depend on each other, so each school
day gives one value: the median of its results in the window (quiet or lesson hours, never mixed).
The shift is the Hodges-Lehmann estimate, the median of all differences between a day after and a
day before; its 95 % interval is that of the Mann-Whitney test, exact and free of any distribution
(Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd edition, Wiley 2014, ch. 4).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from math import comb
from statistics import median
from typing import Final

from collector.judge.calendar import Calendar, WeekWindows, Window
from collector.judge.model import Figure, Observation
from collector.judge.verdict import figure_bps
from collector.judge.week import Week, local

WEEKS: Final = 4
"""Weeks on each side."""
MIN_DAYS: Final = 5
"""Fewest school days with results on each side."""
MATTERS_RATIO: Final = 0.1
"""A gain below this share of the speed before is none that matters."""
_WINDOWS: Final = {Figure.QUIET: Window.QUIET, Figure.LESSON: Window.LESSON}


class Outcome(StrEnum):
    """What the measurements say of a measure."""

    IMPROVED = "improved"
    NOT_IMPROVED = "not_improved"
    """Even the upper end of the interval is below 10 % of the speed before."""
    CANNOT_TELL = "cannot_tell"


class Why(StrEnum):
    """Why the outcome is what it is."""

    INTERVAL_ABOVE = "interval_above"
    INTERVAL_BELOW = "interval_below"
    INTERVAL_WIDE = "interval_wide"
    """The interval holds both no gain and one that matters: measure longer."""
    TOO_FEW_BEFORE = "too_few_before"
    TOO_FEW_AFTER = "too_few_after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure before and after. Speeds in bit/s; None where there are too few days."""

    figure: Figure
    days_before: int
    days_after: int
    runs_before: int
    runs_after: int
    capacity: bool
    """Whether the traffic of others is in it (capacity); else what was left over for the test."""
    before_bps: float | None
    after_bps: float | None
    shift_bps: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None
    p_value: float | None = None
    """Mann-Whitney test, two-sided."""
    outcome: Outcome
    why: Why


def span(done_on: date, weeks: int = WEEKS) -> tuple[date, date]:
    """Give the first and the last day that are looked at."""
    days = timedelta(weeks=weeks)
    return done_on - days, done_on + days


def compare(
    observations: Iterable[Observation],
    calendar: Calendar,
    done_on: date,
    figure: Figure,
    weeks: int = WEEKS,
) -> Comparison:
    """Compare a school's results before and after ``done_on`` in one kind of hours."""
    first, last = span(done_on, weeks)
    window_of = _windows(calendar)
    sides: tuple[list[Observation], list[Observation]] = ([], [])
    for one in observations:
        day = local(one.started_at).date()
        if not first <= day <= last or day == done_on or figure_bps(one) is None:
            continue
        if window_of(one.started_at) is _WINDOWS[figure]:
            sides[day > done_on].append(one)
    capacity = figure is Figure.QUIET or all(
        one.cross_traffic_during_bps is not None for side in sides for one in side
    )
    before, after = (_by_day(side, capacity=capacity) for side in sides)
    found = Comparison(
        figure=figure,
        days_before=len(before),
        days_after=len(after),
        runs_before=len(sides[0]),
        runs_after=len(sides[1]),
        capacity=capacity,
        before_bps=median(before) if before else None,
        after_bps=median(after) if after else None,
        outcome=Outcome.CANNOT_TELL,
        why=Why.TOO_FEW_BEFORE if len(before) < MIN_DAYS else Why.TOO_FEW_AFTER,
    )
    if min(len(before), len(after)) < MIN_DAYS:
        return found
    shift, low, high = hodges_lehmann(before, after)
    outcome, why = _outcome(low, high, median(before))
    return replace(
        found,
        outcome=outcome,
        why=why,
        shift_bps=shift,
        low_bps=low,
        high_bps=high,
        p_value=_p_value(before, after),
    )


def hodges_lehmann(before: Sequence[float], after: Sequence[float]) -> tuple[float, float, float]:
    """Give the shift from before to after and the ends of its 95 % interval.

    Raises ValueError where there are too few values for such an interval.
    """
    differences = sorted(later - earlier for later in after for earlier in before)
    rank = shift_rank(len(before), len(after))
    if rank is None:
        raise ValueError(f"{len(before)} and {len(after)} values have no 95 % interval")
    return median(differences), differences[rank - 1], differences[-rank]


@lru_cache(maxsize=4096)
def shift_rank(before: int, after: int) -> int | None:
    """Give the largest k so that the k-th smallest and largest difference hold the shift, 95 %.

    Exact, in whole numbers: P(U <= k - 1) under no shift is at most 2.5 %. None: there is none.
    """
    ways = _ways(before, after)
    allowed = comb(before + after, before) // 40  # 2 P <= 5 %
    total = rank = 0
    while total + ways[rank] <= allowed:
        total += ways[rank]
        rank += 1
    return rank or None


def _ways(before: int, after: int) -> list[int]:
    """In how many orders of the values U is 0, 1, ...: coefficients of a Gaussian binomial."""
    size = before * after + 1
    ways = [1] + [0] * (size - 1)
    for one in range(1, before + 1):  # times (1 - q^(after + one)) / (1 - q^one)
        for index in range(size - 1, after + one - 1, -1):
            ways[index] -= ways[index - after - one]
        for index in range(one, size):
            ways[index] += ways[index - one]
    return ways


def _p_value(before: Sequence[float], after: Sequence[float]) -> float:
    """Mann-Whitney test, two-sided."""
    stats = import_module("scipy.stats")  # takes a second: only where it is asked for
    return float(stats.mannwhitneyu(after, before, alternative="two-sided").pvalue)


def _outcome(low: float, high: float, before: float) -> tuple[Outcome, Why]:
    if low > 0:
        return Outcome.IMPROVED, Why.INTERVAL_ABOVE
    if high < MATTERS_RATIO * before:
        return Outcome.NOT_IMPROVED, Why.INTERVAL_BELOW
    return Outcome.CANNOT_TELL, Why.INTERVAL_WIDE


def _by_day(observations: Iterable[Observation], *, capacity: bool) -> list[float]:
    """One value a day: the median of its results."""
    days: dict[date, list[float]] = defaultdict(list)
    for one in observations:
        value = figure_bps(one) if capacity else one.download_bps
        if value is not None:
            days[local(one.started_at).date()].append(value)
    return [median(values) for _, values in sorted(days.items())]


def _windows(calendar: Calendar) -> Callable[[datetime], Window | None]:
    weeks: dict[Week, WeekWindows] = {}

    def window_of(moment: datetime) -> Window | None:
        week = Week.containing(moment)
        if week not in weeks:
            weeks[week] = calendar.week_windows(week)
        return weeks[week].classify(moment)

    return window_of
