"""Judge one school in one week: two figures, never mixed.

Each result gives a figure: what the test got (the left-over) plus the traffic of others that
crossed the line in the same seconds, where that was counted (together: the capacity).

* Quiet capacity: tests on school days before pupils come or after they left. Where cross
  traffic was not counted there is next to none, and the left-over stands for the capacity.
* Lesson hours: an uncounted left-over is only a lower limit of the capacity. It can show that
  the requirement is met, never that it is not. So for the upper end of the interval such a
  result counts as unlimited.

MET when the lower end of the 95 % interval of the median reaches the requirement's upper
value, NOT MET when the upper end stays below its lower value; else UNDETERMINED. A failed test
is counted and is never 0 Mbit/s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from collector.judge.calendar import Calendar, Window
from collector.judge.model import Figure, Observation, Reason, Requirement, Status, Verdict
from collector.judge.statistics import MIN_VALUES, MedianInterval, median_interval
from collector.judge.week import Week, local

MIN_QUIET_DAYS: Final = 5
"""Quiet capacity needs results of this many school days, or of all a shorter week has."""
CEILING_FACTOR: Final = 1.2
"""An appliance must itself be able to carry this multiple of the required speed (of its upper
value, where it is an interval)."""
GREATEST_BPS: Final = 1e18
"""A speed beyond it is nobody's measurement (as for roll-ups) and would make a median infinite."""
NOT_TRIED: Final = frozenset({"line_busy", "suppressed", "budget_spent", "no_slot"})
"""Failure codes of tests that were put off: neither results nor failures."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """The observations of one figure, sorted out."""

    used: Sequence[Observation]
    failed: Sequence[Observation]
    deferred: int
    without_download: int
    """Results that are ok and hold no download speed, such as tests of the upload alone."""
    days: int
    measured: MedianInterval | None
    """Over the figures as measured."""
    high_bps: float | None
    """Upper end for judging; infinite where uncounted cross traffic leaves it open."""


def judge(
    observations: Iterable[Observation],
    requirement: Requirement,
    calendar: Calendar,
    week: Week,
    school_code: str,
    simulated: bool,
) -> tuple[Verdict, Verdict]:
    """Judge the throughput results of one school in one week; give (quiet, lesson).

    ``observations`` may hold anything of that school; what lies outside the week, on other
    days or at other hours is left aside.
    """
    by_window: dict[Window, list[Observation]] = {window: [] for window in Window}
    windows = calendar.week_windows(week)
    for observation in observations:
        window = windows.classify(observation.started_at)
        if window is not None:
            by_window[window].append(observation)
    school_days = len(windows.school_days)

    def verdict(figure: Figure, window: Window) -> Verdict:
        evidence = _sort_out(by_window[window], figure)
        status, reasons = _decide(evidence, figure, requirement, school_days)
        measured = evidence.measured
        return Verdict(
            school_code=school_code,
            week=str(week),
            figure=figure,
            status=status,
            reasons=reasons,
            requirement=requirement,
            runs=len(evidence.used),
            failed_runs=len(evidence.failed),
            days=evidence.days,
            school_days=school_days,
            statistic=_statistic(evidence.used),
            median_bps=None if measured is None else measured.median,
            low_bps=None if measured is None else measured.low,
            high_bps=None if measured is None else measured.high,
            simulated=simulated,
            calendar=calendar.fingerprint,
        )

    return verdict(Figure.QUIET, Window.QUIET), verdict(Figure.LESSON, Window.LESSON)


def figure_bps(observation: Observation) -> float | None:
    """Left-over plus counted cross traffic, in bit/s; None where nothing was measured."""
    if not observation.ok or observation.download_bps is None:
        return None
    value = observation.download_bps + (observation.cross_traffic_during_bps or 0.0)
    return value if value <= GREATEST_BPS else None


def _sort_out(observations: Sequence[Observation], figure: Figure) -> _Evidence:
    used: list[Observation] = []
    not_ok: list[Observation] = []
    values: list[float] = []
    limits: list[float] = []
    for item in observations:
        if not item.ok:
            not_ok.append(item)
        elif (value := figure_bps(item)) is not None:
            open_ended = figure is Figure.LESSON and item.cross_traffic_during_bps is None
            used.append(item)
            values.append(value)
            limits.append(inf if open_ended else value)
    failed = [item for item in not_ok if not (item.deferred or item.failure_code in NOT_TRIED)]
    measured = median_interval(values)
    upper = median_interval(limits)
    return _Evidence(
        used=used,
        failed=failed,
        deferred=len(not_ok) - len(failed),
        without_download=len(observations) - len(not_ok) - len(used),
        days=len({local(item.started_at).date() for item in used}),
        measured=measured,
        high_bps=None if upper is None else upper.high,
    )


def _decide(
    evidence: _Evidence, figure: Figure, requirement: Requirement, school_days: int
) -> tuple[Status, tuple[Reason, ...]]:
    """Give status and reasons; the first reason is the deciding one."""
    notes = [Reason.OUTSIDE_TABLE] if requirement.outside_table else []
    if evidence.measured is None:
        return Status.UNDETERMINED, (*_why_nothing(evidence, school_days), *notes)
    short_week = figure is Figure.QUIET and school_days < MIN_QUIET_DAYS
    if short_week:
        notes.insert(0, Reason.SHORT_WEEK)
    obstacles = _obstacles(evidence, figure, requirement, school_days)
    if obstacles:
        return Status.UNDETERMINED, (*obstacles, *notes)
    assert evidence.measured.low is not None
    assert evidence.measured.high is not None
    assert evidence.high_bps is not None
    status, reasons = _compare(
        evidence.measured.low, evidence.measured.high, evidence.high_bps, requirement
    )
    return status, (*reasons, *notes)


def _why_nothing(evidence: _Evidence, school_days: int) -> list[Reason]:
    if school_days == 0:
        return [Reason.NO_SCHOOL_DAYS]
    if evidence.without_download:
        return [Reason.TOO_FEW_RESULTS]
    if evidence.failed:
        intercepted = any(item.failure_code == "intercepted" for item in evidence.failed)
        return [Reason.INTERCEPTED, Reason.ALL_FAILED] if intercepted else [Reason.ALL_FAILED]
    return [Reason.ALL_DEFERRED] if evidence.deferred else [Reason.NO_RESULTS]


def _obstacles(
    evidence: _Evidence, figure: Figure, requirement: Requirement, school_days: int
) -> list[Reason]:
    """Name what forbids any verdict, however clear the figures look."""
    obstacles = []
    if len(evidence.used) < MIN_VALUES:
        obstacles.append(Reason.TOO_FEW_RESULTS)
    if figure is Figure.QUIET and evidence.days < min(MIN_QUIET_DAYS, school_days):
        obstacles.append(Reason.TOO_FEW_DAYS)
    ceilings = [item.appliance_ceiling_bps for item in evidence.used]
    if any(
        ceiling is not None and ceiling < CEILING_FACTOR * requirement.upper_bps
        for ceiling in ceilings
    ):
        obstacles.append(Reason.APPLIANCE_CEILING)
    return obstacles


def _compare(
    low_bps: float, measured_high_bps: float, high_bps: float, requirement: Requirement
) -> tuple[Status, list[Reason]]:
    required_bps, upper_bps = requirement.required_bps, requirement.upper_bps
    if low_bps >= upper_bps:
        return Status.MET, [Reason.LOWER_BOUND_REACHES]
    if high_bps < required_bps:
        return Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]
    if low_bps >= required_bps or high_bps < upper_bps:  # a sharper criterion could decide
        return Status.UNDETERMINED, [Reason.CRITERION_INTERVAL]
    if measured_high_bps < upper_bps:
        return Status.UNDETERMINED, [Reason.CROSS_TRAFFIC_NOT_COUNTED]
    return Status.UNDETERMINED, [Reason.INTERVAL_STRADDLES]


def _statistic(used: Sequence[Observation]) -> str:
    if not used:
        return "none: no result to take a median of"
    counted = sum(item.cross_traffic_during_bps is not None for item in used)
    if counted == len(used):
        of = "capacity"
    elif counted == 0:
        of = "left-over"
    else:
        of = f"capacity ({counted} of {len(used)} runs) or left-over"
    return f"median of {of}, 95 % order-statistic interval"
