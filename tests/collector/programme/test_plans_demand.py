"""Lessons against lines, and days of updates: what is said, and when nothing is."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Figure, Observation, Reason, Status, Verdict
from collector.judge.statistics import MedianInterval
from collector.judge.week import JST, Week
from collector.programme.plans.demand import (
    Answer,
    Capacity,
    DevicesFrom,
    Why,
    capacity_of_upload,
    demand,
)
from collector.programme.plans.demand_file import load_lessons
from collector.programme.plans.read_demand import demands
from collector.programme.plans.update_days import Effect, compare, release_day, release_of
from collector.store.interface import Batch, Store
from tests.collector.conftest import MONDAY, Maker

CRITERIA = load_criteria(resources.default_criteria())
CALENDARS = load_calendars(resources.default_calendar())
LESSONS = load_lessons()
TEXTBOOK = LESSONS.find("digital_textbook")
TEST = LESSONS.find("online_test")
VERDICT = Verdict(
    school_code="A1",
    week="2026-W20",
    figure=Figure.QUIET,
    status=Status.MET,
    reasons=(Reason.LOWER_BOUND_REACHES,),
    requirement=CRITERIA.requirement(100),
    runs=20,
    failed_runs=0,
    days=5,
    school_days=5,
    statistic="median of capacity, 95 % order-statistic interval",
    median_bps=250e6,
    low_bps=212e6,
    high_bps=300e6,
    simulated=False,
)
FORTY_PERCENT = Fraction(2, 5)
BOTH = (Reason.TOO_FEW_DAYS, Reason.TOO_FEW_RESULTS)


@pytest.mark.parametrize(
    ("changes", "answer", "why", "carries"),
    [
        # 100 devices x 0.4 x 5.3 = 212 Mbit/s: the lower end just reaches it
        ({}, Answer.ENOUGH, Why.LOWER_END_REACHES, (40, 56)),
        ({"low_bps": 211.9e6}, Answer.CANNOT_TELL, Why.STRADDLES, (39, 56)),
        ({"low_bps": 1e8, "high_bps": 212e6}, Answer.CANNOT_TELL, Why.STRADDLES, (18, 40)),
        ({"low_bps": 1e8, "high_bps": 211e6}, Answer.NOT_ENOUGH, Why.UPPER_END_BELOW, (18, 39)),
        (
            {"low_bps": 1e8, "high_bps": 2e8, "reasons": (Reason.APPLIANCE_CEILING,)},
            Answer.CANNOT_TELL, Why.UPPER_END_OPEN, (18, None),
        ),
        (
            {
                "low_bps": 1e8, "high_bps": 2e8, "figure": Figure.LESSON,
                "statistic": "median of left-over, 95 % order-statistic interval",
            },
            Answer.CANNOT_TELL, Why.UPPER_END_OPEN, (18, None),
        ),
        (
            {
                "low_bps": 1e8, "high_bps": 2e8, "figure": Figure.LESSON,
                "statistic": "median of capacity (3 of 9 runs) or left-over, 95 % interval",
            },
            Answer.CANNOT_TELL, Why.UPPER_END_OPEN, (18, None),
        ),
        (
            {"low_bps": 1e8, "high_bps": 2e8, "figure": Figure.LESSON},
            Answer.NOT_ENOUGH, Why.UPPER_END_BELOW, (18, 37),
        ),
        ({"low_bps": None, "high_bps": None}, Answer.CANNOT_TELL, Why.NOT_MEASURED, (None, None)),
        ({"reasons": (BOTH[0],)}, Answer.CANNOT_TELL, Why.NOT_MEASURED, (None, None)),
        ({"reasons": (BOTH[1],)}, Answer.CANNOT_TELL, Why.NOT_MEASURED, (None, None)),
    ],
)  # fmt: skip
def test_a_line_carries_a_lesson_or_not(
    changes: dict[str, object],
    answer: Answer,
    why: Why,
    carries: tuple[int | None, int | None],
) -> None:
    """Only the interval decides; where its upper end is open, never 'not enough'."""
    assert TEXTBOOK is not None
    found = demand(
        replace(VERDICT, **changes),
        100,
        DevicesFrom.PUPILS,
        TEXTBOOK,
        FORTY_PERCENT,
        None,  # type: ignore[arg-type]
    )
    assert (found.answer, found.why) == (answer, why)
    assert (found.carries_low, found.carries_high) == carries
    assert (found.at_once, found.down_bps, found.up_bps) == (40, 212_000_000, None)


def up(low: float, high: float, *, high_open: bool = False) -> Capacity:
    """A measured upload, Mbit/s."""
    measured = MedianInterval(9, low * 1e6, low * 1e6, high * 1e6)
    return capacity_of_upload(measured, high_open=high_open)


@pytest.mark.parametrize(
    ("upload", "answer", "why"),
    [
        (up(60, 70), Answer.ENOUGH, Why.LOWER_END_REACHES),
        (up(50, 70), Answer.CANNOT_TELL, Why.UPLOAD_STRADDLES),
        (up(40, 59), Answer.NOT_ENOUGH, Why.UPLOAD_BELOW),
        (up(40, 59, high_open=True), Answer.CANNOT_TELL, Why.UPLOAD_STRADDLES),
        (None, Answer.CANNOT_TELL, Why.UPLOAD_NOT_MEASURED),
    ],
)
def test_an_online_test_needs_both_directions(
    upload: Capacity | None, answer: Answer, why: Why
) -> None:
    """100 devices: 50 Mbit/s down and 60 up."""
    assert TEST is not None
    found = demand(VERDICT, 100, DevicesFrom.FACT, TEST, Fraction(1), upload)
    assert (found.answer, found.why) == (answer, why)
    assert (found.down_bps, found.up_bps) == (50_000_000, 60_000_000)


def test_an_appliance_at_its_ceiling_limits_uploads_too() -> None:
    """So 'not enough' is not said of them either."""
    assert TEST is not None
    verdict = replace(VERDICT, reasons=(Reason.APPLIANCE_CEILING,))
    found = demand(verdict, 100, DevicesFrom.FACT, TEST, Fraction(1), up(40, 59))
    assert (found.answer, found.why) == (Answer.CANNOT_TELL, Why.UPLOAD_STRADDLES)


@pytest.mark.parametrize("share", [Fraction(0), Fraction(-1), Fraction(11, 10)])
def test_a_share_is_a_share(share: Fraction) -> None:
    """Above 0, at most 1."""
    assert TEXTBOOK is not None
    with pytest.raises(ValueError, match="allowed is above 0, at most 1"):
        demand(VERDICT, 100, DevicesFrom.PUPILS, TEXTBOOK, share, None)


def test_demand_reads_uploads_of_its_hours(store: Store, make: Maker) -> None:
    """Quiet uploads for quiet capacity; a school without results is 'cannot tell'."""
    assert TEST is not None
    rows = [
        make.row(
            started_at=MONDAY.replace(hour=9) + timedelta(days=day, minutes=minute),
            download_bps=5e8,
            upload_bps=3e8,
        )
        for day in range(5)
        for minute in (0, 10)
    ]  # 18:00 in Japan: quiet
    rows += [
        make.row(
            started_at=MONDAY + timedelta(days=day, minutes=5), download_bps=1e6, upload_bps=1e6
        )
        for day in range(5)
    ]  # 09:05: lesson
    store.submit(Batch("agent-of-A1", MONDAY + timedelta(days=7), rows)).result(30)
    found = {
        row.school.code: one
        for row, one in demands(
            store, CRITERIA, CALENDARS, TEST, concurrency=Fraction(1), figure=Figure.QUIET,
            week=Week.parse("2026-W20"), simulated=False, now=MONDAY + timedelta(days=9),
        )
    }  # fmt: skip
    assert found["A1"].answer is Answer.ENOUGH
    assert found["A1"].upload is not None
    assert (found["A1"].upload.runs, found["A1"].upload.median_bps) == (10, 3e8)
    assert (found["B1"].answer, found["B1"].why) == (Answer.CANNOT_TELL, Why.NOT_MEASURED)
    assert found["B1"].devices_from is DevicesFrom.PUPILS


SCHEDULE = {
    2022: "01-12 02-09 03-09 04-13 05-11 06-15 07-13 08-10 09-14 10-12 11-09 12-14",
    2023: "01-11 02-15 03-15 04-12 05-10 06-14 07-12 08-09 09-13 10-11 11-15 12-13",
    2026: "01-14 02-11 03-11 04-15 05-13 06-10 07-15 08-12 09-09 10-14 11-11 12-09",
}
"""Days in Japan as Microsoft published them for these years (forest.watch.impress.co.jp 1368262
and 2075145, fujidenki.org ms-update-2023), the day after each US date of the same lists."""


@pytest.mark.parametrize("year", SCHEDULE)
def test_release_days_are_the_published_ones(year: int) -> None:
    """The day after the second Tuesday; not always the second Wednesday."""
    assert [f"{release_day(year, month):%m-%d}" for month in range(1, 13)] == SCHEDULE[year].split()


def test_two_days_belong_to_a_release() -> None:
    """Wednesday and Thursday, nothing before and nothing after."""
    wednesday = date(2026, 5, 13)
    days = [wednesday + timedelta(days=number) for number in range(-1, 3)]
    assert [release_of(day) for day in days] == [None, wednesday, wednesday, None]


def lessons(
    slow: float, months: tuple[int, ...] = (5, 6), schools: int = 8
) -> dict[str, list[Observation]]:
    """Schools measured at 09:05 on every day of some months; on update days times ``slow``."""
    found: dict[str, list[Observation]] = {}
    for number in range(schools):
        listed = []
        for month in months:
            for day in range(1, 29):
                started = datetime(2026, month, day, 9, 5, tzinfo=JST)
                usual = 1e8 * (1 + number / 10) * (1 + day % 3 / 100)
                rate = usual * (slow if release_of(started.date()) else 1)
                listed += [
                    Observation(
                        started_at=(started + timedelta(minutes=minute)).astimezone(UTC),
                        ok=True,
                        download_bps=rate,
                    )
                    for minute in (0, 5)
                ]
        found[f"S{number}"] = listed
    return found


@pytest.mark.parametrize(
    ("slow", "months", "schools", "effect"),
    [
        (0.6, (5, 6), 8, Effect.SLOWER),
        (1.2, (5, 6), 8, Effect.NOT_SLOWER),
        (0.6, (5,), 8, Effect.CANNOT_TELL),  # one publication says nothing of others
        (0.6, (5, 6), 5, Effect.CANNOT_TELL),  # five schools give no interval
    ],
)
def test_update_days(slow: float, months: tuple[int, ...], schools: int, effect: Effect) -> None:
    """A planted slowdown is found, with its interval; too little says nothing."""
    found = compare(lessons(slow, months, schools), CALENDARS)
    assert found.effect is effect
    assert found.releases == len(months)
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(slow, rel=0.03)
    assert len(found.schools) == schools


def test_hours_outside_lessons_do_not_count() -> None:
    """Evenings of update days are no lesson hours."""
    evening = {
        code: [replace(one, started_at=one.started_at + timedelta(hours=10)) for one in listed]
        for code, listed in lessons(0.6).items()
    }
    found = compare(evening, CALENDARS)
    assert (found.ratio, found.days, found.effect) == (None, (), Effect.CANNOT_TELL)
