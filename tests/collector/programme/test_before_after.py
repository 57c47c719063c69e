"""Before and after a measure: the interval holds what it says, seasons cancel."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from random import Random

import pytest

from collector import resources
from collector.judge.calendar_file import load_calendars
from collector.judge.model import Figure, Observation
from collector.judge.week import JST
from collector.programme.before_after import (
    Outcome,
    Why,
    compare,
    hodges_lehmann,
    shift_rank,
)

CALENDAR = load_calendars(resources.default_calendar()).for_school("A1")
DONE = date(2026, 6, 10)
QUIET, LESSON = time(7, 10), time(9, 5)


def results(
    speed: Callable[[date], float],
    at: time = QUIET,
    *,
    days: range = range(-28, 29),
    cross: float | None = None,
) -> Iterator[Observation]:
    """Two results a day around the day on which it was done."""
    for number in days:
        day = DONE + timedelta(days=number)
        for minutes in (0, 20):
            moment = datetime.combine(day, at, JST) + timedelta(minutes=minutes)
            yield Observation(
                started_at=moment.astimezone(UTC),
                ok=True,
                download_bps=speed(day),
                cross_traffic_during_bps=cross,
            )


def test_a_gain_is_told_with_its_interval() -> None:
    """200 to 600 Mbit/s with noise: improved, by about 400."""
    chance = Random(1)
    found = compare(
        results(lambda day: (600e6 if day > DONE else 200e6) * chance.uniform(0.95, 1.05)),
        CALENDAR,
        DONE,
        Figure.QUIET,
    )
    assert (found.outcome, found.why) == (Outcome.IMPROVED, Why.INTERVAL_ABOVE)
    assert found.low_bps is not None
    assert found.high_bps is not None
    assert found.low_bps < 400e6 < found.high_bps
    assert found.p_value is not None
    assert found.p_value < 0.001
    assert found.days_before == found.days_after == 20
    assert found.runs_before == 40


def test_no_gain_is_told_as_none() -> None:
    """The same before and after, little noise: even the upper end does not matter."""
    chance = Random(2)
    found = compare(
        results(lambda _: 200e6 * chance.uniform(0.98, 1.02)), CALENDAR, DONE, Figure.QUIET
    )
    assert (found.outcome, found.why) == (Outcome.NOT_IMPROVED, Why.INTERVAL_BELOW)


def test_where_the_interval_is_wide_nothing_is_told() -> None:
    """Noise larger than the gain."""
    chance = Random(3)
    found = compare(
        results(lambda day: (230e6 if day > DONE else 200e6) * chance.lognormvariate(0, 0.6)),
        CALENDAR,
        DONE,
        Figure.QUIET,
    )
    assert (found.outcome, found.why) == (Outcome.CANNOT_TELL, Why.INTERVAL_WIDE)


@pytest.mark.parametrize(
    ("days", "why"),
    [(range(-28, 5), Why.TOO_FEW_AFTER), (range(-4, 29), Why.TOO_FEW_BEFORE)],
)
def test_too_few_days_are_refused_with_the_side(days: range, why: Why) -> None:
    """No interval, no p-value; what there is is shown."""
    found = compare(results(lambda _: 200e6, days=days), CALENDAR, DONE, Figure.QUIET)
    assert (found.outcome, found.why) == (Outcome.CANNOT_TELL, why)
    assert (found.shift_bps, found.low_bps, found.p_value) == (None, None, None)
    assert found.before_bps == 200e6


def test_quiet_and_lesson_hours_are_never_mixed() -> None:
    """A gain outside lessons alone is none during lessons."""
    both = [
        *results(lambda day: 600e6 if day > DONE else 200e6, QUIET),
        *results(lambda _: 50e6, LESSON),
    ]
    assert compare(both, CALENDAR, DONE, Figure.QUIET).outcome is Outcome.IMPROVED
    lesson = compare(both, CALENDAR, DONE, Figure.LESSON)
    assert lesson.outcome is Outcome.NOT_IMPROVED
    assert lesson.runs_before == 40


def test_a_weekly_pattern_alone_is_no_gain() -> None:
    """Mondays are slow; whole weeks on both sides, so it cancels wherever the day falls."""
    chance = Random(4)

    def speed(day: date) -> float:
        return (120e6 if day.weekday() == 0 else 200e6) * chance.uniform(0.98, 1.02)

    found = compare(results(speed), CALENDAR, DONE, Figure.QUIET)
    assert found.outcome is Outcome.NOT_IMPROVED


def test_lesson_hours_compare_like_with_like() -> None:
    """Counted on one side only: the left-over is compared on both, and it is said."""
    mixed = [
        *results(lambda _: 50e6, LESSON, days=range(-28, 0)),
        *results(lambda _: 50e6, LESSON, days=range(1, 29), cross=300e6),
    ]
    found = compare(mixed, CALENDAR, DONE, Figure.LESSON)
    assert not found.capacity
    assert found.outcome is Outcome.NOT_IMPROVED
    counted = results(lambda _: 50e6, LESSON, cross=300e6)
    assert compare(counted, CALENDAR, DONE, Figure.LESSON).before_bps == 350e6


def test_the_day_itself_failed_tests_and_other_weeks_are_left_out() -> None:
    """They belong to neither side."""
    failed = Observation(
        started_at=datetime(2026, 6, 11, 22, 10, tzinfo=UTC), ok=False, failure_code="stalled"
    )
    found = compare(
        [*results(lambda _: 1e8, days=range(-60, 61)), failed], CALENDAR, DONE, Figure.QUIET
    )
    assert (found.days_before, found.days_after) == (20, 20)


@pytest.mark.parametrize(("before", "after"), [(4, 5), (5, 5), (6, 4), (3, 7), (2, 3)])
def test_the_rank_is_that_of_counting_all_orders(before: int, after: int) -> None:
    """P(U <= k - 1) by trying every order of the values."""
    size = before + after
    counts: dict[int, int] = {}
    for places in combinations(range(size), before):
        others = [place for place in range(size) if place not in places]
        u = sum(later > earlier for later in others for earlier in places)
        counts[u] = counts.get(u, 0) + 1
    total = sum(counts.values())
    expected = 0
    while 40 * sum(counts.get(u, 0) for u in range(expected + 1)) <= total:
        expected += 1
    assert (shift_rank(before, after) or 0) == expected


def test_the_interval_holds_the_true_shift_as_often_as_it_says() -> None:
    """Over 600 skewed samples of 8 and 10 days: at least 95 % less the error of the count."""
    chance = Random(5)
    held = 0
    for _ in range(600):
        before = [chance.expovariate(1) for _ in range(8)]
        after = [chance.expovariate(1) + 0.7 for _ in range(10)]
        _, low, high = hodges_lehmann(before, after)
        held += low <= 0.7 <= high
    assert 0.93 <= held / 600 <= 0.99


def test_two_few_values_have_no_interval() -> None:
    """2 and 3 values: refused."""
    with pytest.raises(ValueError, match="no 95 % interval"):
        hodges_lehmann([1.0, 2.0], [1.0, 2.0, 3.0])
