"""Verdicts: every case of the two figures, and what must hold for any results."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.model import Observation, Reason, Requirement, Status, Verdict
from collector.judge.verdict import judge
from collector.judge.week import JST, Week

CALENDAR = load_calendars(resources.default_calendar()).default
WEEK = Week.parse("2026-W20")
MBPS = 1_000_000
NEED = Requirement(
    pupils=60,
    required_bps=100 * MBPS,
    upper_bps=100 * MBPS,
    outside_table=False,
    table_version="test",
)
WIDE = replace(NEED, upper_bps=130 * MBPS)
MONDAY = datetime(2026, 5, 11, tzinfo=JST)


def quiet(
    *mbps: float,
    days: int = 5,
    monday: datetime = MONDAY,
    cross: float | None = None,
    ceiling: float | None = None,
) -> list[Observation]:
    """Ok results in the early morning, spread in turn over the first days of the week."""
    return [
        Observation(
            started_at=monday + timedelta(days=number % days, hours=6, minutes=number),
            ok=True,
            download_bps=value * MBPS,
            cross_traffic_during_bps=None if cross is None else cross * MBPS,
            appliance_ceiling_bps=None if ceiling is None else ceiling * MBPS,
        )
        for number, value in enumerate(mbps)
    ]


def lesson(*mbps: float, cross: float | None = None) -> list[Observation]:
    """Ok results at nine o'clock, when all classes are taught."""
    return [
        replace(item, started_at=item.started_at + timedelta(hours=3))
        for item in quiet(*mbps, cross=cross)
    ]


def test_a_speed_that_nothing_has_is_no_result() -> None:
    """A finite number of a broken probe: neither MET nor a median that is infinite."""
    made, _ = judge(quiet(*[1.7e302] * 10), NEED, CALENDAR, WEEK, "E001", False)
    assert (made.status, made.reasons) == (Status.UNDETERMINED, (Reason.TOO_FEW_RESULTS,))
    assert (made.runs, made.failed_runs, made.median_bps) == (0, 0, None)
    made, _ = judge(quiet(*[150] * 10, 1.7e302), NEED, CALENDAR, WEEK, "E001", False)
    assert (made.status, made.runs, made.high_bps) == (Status.MET, 10, 150e6)


def failed(count: int, code: str = "connect_timeout") -> list[Observation]:
    """Failed tests in the early morning and at nine."""
    at_hours = [6 if number % 2 else 9 for number in range(2 * count)]
    return [
        Observation(started_at=MONDAY + timedelta(hours=hour), ok=False, failure_code=code)
        for hour in at_hours
    ]


def put_off(count: int) -> list[Observation]:
    """Tests that were not tried, whatever code says why."""
    return [replace(item, deferred=True) for item in failed(count, "cancelled")]


def uploads(count: int) -> list[Observation]:
    """Ok results that hold no download speed."""
    return [replace(item, download_bps=None) for item in quiet(*[1] * count)]


def both(
    observations: Sequence[Observation],
    requirement: Requirement = NEED,
    week: Week = WEEK,
) -> tuple[Verdict, Verdict]:
    """Judge; give (quiet, lesson)."""
    return judge(observations, requirement, CALENDAR, week, "E001", False)


@pytest.mark.parametrize(
    ("observations", "requirement", "status", "reasons"),
    [
        (quiet(*[120] * 10), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (quiet(*[100] * 10), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (quiet(*[99.9] * 10), NEED, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        (quiet(*[80] * 10), NEED, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        (quiet(*[80, 120] * 5), NEED, Status.UNDETERMINED, [Reason.INTERVAL_STRADDLES]),
        # one slow or fast result in ten does not decide
        (quiet(20, *[120] * 9), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (quiet(900, *[80] * 9), NEED, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        # cross traffic counts where it was counted
        (quiet(*[80] * 10, cross=30), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (quiet(*[80] * 10, cross=5), NEED, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        # too little to say anything
        (quiet(*[120] * 5), NEED, Status.UNDETERMINED, [Reason.TOO_FEW_RESULTS]),
        (quiet(*[120] * 6, days=4), NEED, Status.UNDETERMINED, [Reason.TOO_FEW_DAYS]),
        (
            quiet(80, 80),
            NEED,
            Status.UNDETERMINED,
            [Reason.TOO_FEW_RESULTS, Reason.TOO_FEW_DAYS],
        ),
        # the appliance
        (
            quiet(*[80] * 10, ceiling=119),
            NEED,
            Status.UNDETERMINED,
            [Reason.APPLIANCE_CEILING],
        ),
        (quiet(*[80] * 10, ceiling=120), NEED, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        (
            quiet(*[140] * 10, ceiling=150),
            WIDE,
            Status.UNDETERMINED,
            [Reason.APPLIANCE_CEILING],
        ),
        (quiet(*[140] * 10, ceiling=156), WIDE, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        # the criterion as an interval of 100 to 130
        (quiet(*[130] * 10), WIDE, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (quiet(*[99] * 10), WIDE, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        (quiet(*[115] * 10), WIDE, Status.UNDETERMINED, [Reason.CRITERION_INTERVAL]),
        (quiet(*[90, 115] * 5), WIDE, Status.UNDETERMINED, [Reason.CRITERION_INTERVAL]),
        (quiet(*[115, 140] * 5), WIDE, Status.UNDETERMINED, [Reason.CRITERION_INTERVAL]),
        (quiet(*[90, 140] * 5), WIDE, Status.UNDETERMINED, [Reason.INTERVAL_STRADDLES]),
        # nothing measured
        ([], NEED, Status.UNDETERMINED, [Reason.NO_RESULTS]),
        (failed(8), NEED, Status.UNDETERMINED, [Reason.ALL_FAILED]),
        (
            failed(8, "intercepted"),
            NEED,
            Status.UNDETERMINED,
            [Reason.INTERCEPTED, Reason.ALL_FAILED],
        ),
        (failed(8, "line_busy"), NEED, Status.UNDETERMINED, [Reason.ALL_DEFERRED]),
        (put_off(8), NEED, Status.UNDETERMINED, [Reason.ALL_DEFERRED]),
        # tests of the upload alone are no failures, and say nothing of the download
        (uploads(6), NEED, Status.UNDETERMINED, [Reason.TOO_FEW_RESULTS]),
        (uploads(6) + failed(1), NEED, Status.UNDETERMINED, [Reason.TOO_FEW_RESULTS]),
        (
            quiet(*[120] * 10),
            replace(NEED, outside_table=True),
            Status.MET,
            [Reason.LOWER_BOUND_REACHES, Reason.OUTSIDE_TABLE],
        ),
    ],
)
def test_quiet_capacity(
    observations: list[Observation],
    requirement: Requirement,
    status: Status,
    reasons: list[Reason],
) -> None:
    """Each case of quiet capacity has its verdict and its reasons, the deciding one first."""
    verdict, _ = both(observations, requirement)
    assert (verdict.status, list(verdict.reasons)) == (status, reasons)


@pytest.mark.parametrize(
    ("observations", "requirement", "status", "reasons"),
    [
        (lesson(*[120] * 10, cross=0), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (lesson(*[10] * 10, cross=95), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (lesson(*[10] * 10, cross=80), NEED, Status.NOT_MET, [Reason.UPPER_BOUND_BELOW]),
        # uncounted cross traffic: enough is enough, little says nothing
        (lesson(*[120] * 10), NEED, Status.MET, [Reason.LOWER_BOUND_REACHES]),
        (lesson(*[10] * 10), NEED, Status.UNDETERMINED, [Reason.CROSS_TRAFFIC_NOT_COUNTED]),
        (lesson(*[80, 120] * 5), NEED, Status.UNDETERMINED, [Reason.INTERVAL_STRADDLES]),
        # one uncounted result of ten cannot lift the upper end; half of them can
        (
            lesson(10) + lesson(*[10] * 9, cross=60),
            NEED,
            Status.NOT_MET,
            [Reason.UPPER_BOUND_BELOW],
        ),
        (
            lesson(*[10] * 5) + lesson(*[10] * 5, cross=60),
            NEED,
            Status.UNDETERMINED,
            [Reason.CROSS_TRAFFIC_NOT_COUNTED],
        ),
        (lesson(*[115] * 10), WIDE, Status.UNDETERMINED, [Reason.CRITERION_INTERVAL]),
        (lesson(*[120] * 5), NEED, Status.UNDETERMINED, [Reason.TOO_FEW_RESULTS]),
        (failed(8), NEED, Status.UNDETERMINED, [Reason.ALL_FAILED]),
        ([], NEED, Status.UNDETERMINED, [Reason.NO_RESULTS]),
    ],
)
def test_lesson_hours(
    observations: list[Observation],
    requirement: Requirement,
    status: Status,
    reasons: list[Reason],
) -> None:
    """In lesson hours an uncounted left-over can show MET and never NOT MET."""
    _, verdict = both(observations, requirement)
    assert (verdict.status, list(verdict.reasons)) == (status, reasons)


def test_lessons_need_no_five_days() -> None:
    """Six results of one morning are enough for lesson hours, not for quiet capacity."""
    observations = [
        replace(item, started_at=MONDAY + timedelta(hours=9, minutes=number))
        for number, item in enumerate(lesson(*[120] * 6, cross=0))
    ]
    assert both(observations)[1].status is Status.MET


def test_the_two_figures_are_never_mixed() -> None:
    """Results of one window leave the other without results."""
    in_quiet, in_lesson = both(quiet(*[120] * 10))
    assert (in_quiet.runs, in_lesson.runs) == (10, 0)
    in_quiet, in_lesson = both(lesson(*[120] * 10))
    assert (in_quiet.runs, in_lesson.runs) == (0, 10)


def test_failed_tests_are_counted_and_never_zero() -> None:
    """Nine failed tests beside ten good ones change the count of failures and nothing else."""
    good = both(quiet(*[120] * 10))[0]
    with_failures = both(quiet(*[120] * 10) + failed(9))[0]
    assert with_failures == replace(good, failed_runs=9)


def test_tests_put_off_are_no_failures() -> None:
    """A busy line defers tests; they count neither as runs nor as failures."""
    verdict = both(quiet(*[120] * 10) + failed(9, "line_busy"))[0]
    assert (verdict.runs, verdict.failed_runs) == (10, 0)


def test_other_hours_days_and_weeks_are_left_aside() -> None:
    """Results between the windows, on Saturday and of the next week belong to no figure."""
    outside = [
        replace(item, started_at=MONDAY + offset)
        for offset in (timedelta(hours=13), timedelta(days=5, hours=6), timedelta(days=7, hours=6))
        for item in quiet(*[1] * 6)
    ]
    assert both(quiet(*[120] * 10) + outside) == both(quiet(*[120] * 10))


def test_an_upload_only_result_is_neither_run_nor_failure() -> None:
    """A result without download speed is left aside."""
    upload = Observation(started_at=MONDAY + timedelta(hours=6), ok=True)
    verdict = both([upload])[0]
    expected = (0, 0, (Reason.TOO_FEW_RESULTS,))
    assert (verdict.runs, verdict.failed_runs, verdict.reasons) == expected


@pytest.mark.parametrize(
    ("days", "status", "reasons"),
    [
        (2, Status.MET, [Reason.LOWER_BOUND_REACHES, Reason.SHORT_WEEK]),
        (1, Status.UNDETERMINED, [Reason.TOO_FEW_DAYS, Reason.SHORT_WEEK]),
    ],
)
def test_a_short_week_needs_all_its_days(days: int, status: Status, reasons: list[Reason]) -> None:
    """In the week of May's holidays two school days are enough, and the verdict says so."""
    thursday = datetime(2026, 5, 7, tzinfo=JST)
    observations = quiet(*[120] * 8, days=days, monday=thursday)
    verdict, _ = both(observations, week=Week.parse("2026-W19"))
    assert (verdict.status, list(verdict.reasons)) == (status, reasons)
    assert (verdict.days, verdict.school_days) == (days, 2)


def test_a_week_without_school_says_so() -> None:
    """In August there is nothing to judge, whatever was measured."""
    august = quiet(*[120] * 10, monday=datetime(2026, 8, 10, tzinfo=JST))
    for verdict in both(august, week=Week.parse("2026-W33")):
        assert (verdict.status, verdict.reasons) == (
            Status.UNDETERMINED,
            (Reason.NO_SCHOOL_DAYS,),
        )


def test_a_verdict_carries_its_evidence() -> None:
    """Runs, failures, days, statistic, median and interval stand in the verdict."""
    observations = quiet(90, 95, 100, 105, 110, 115, 120, cross=10) + failed(2)
    verdict, in_lesson = both(observations)
    assert (verdict.runs, verdict.failed_runs, verdict.days, verdict.school_days) == (7, 2, 5, 5)
    assert (verdict.low_bps, verdict.median_bps, verdict.high_bps) == (100e6, 115e6, 130e6)
    assert verdict.statistic == "median of capacity, 95 % order-statistic interval"
    assert (verdict.school_code, verdict.week, verdict.requirement) == ("E001", "2026-W20", NEED)
    assert in_lesson.median_bps is None
    mixed = both(lesson(10) + lesson(*[10] * 9, cross=60))[1]
    assert mixed.statistic.startswith("median of capacity (9 of 10 runs) or left-over")
