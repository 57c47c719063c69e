"""The quick way of judging gives what the plain way gives, for any results."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random
from statistics import median

import pytest

from collector import resources
from collector.judge.calendar import Calendar, DayRange, Window
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Figure, Observation
from collector.judge.statistics import rank
from collector.judge.verdict import NOT_TRIED, judge
from collector.judge.week import JST, Week, local

CRITERIA = load_criteria(resources.default_criteria())
PLAIN = load_calendars(resources.default_calendar()).default
WEEKS = [Week.parse(text) for text in ("2026-W20", "2026-W19", "2025-W01", "2026-W53")]
CALENDARS = [
    PLAIN,
    replace(PLAIN, national_holidays=False, school_weekdays=frozenset({1, 3, 6})),
    replace(
        PLAIN,
        closed=(DayRange(first=(None, 12, 28), last=(None, 1, 2), reason="冬"),),
        blackout=(DayRange(first=(2026, 5, 13), last=(2026, 5, 13), reason="試験"),),
        extra_school_days=frozenset({date(2026, 5, 16)}),
    ),
]


def observations(chance: Random, week: Week) -> list[Observation]:
    """Any results in and around a week."""
    edge = [week.start, week.end, week.end - timedelta(microseconds=1)]
    moments = edge + [
        week.start + timedelta(seconds=chance.uniform(-90_000, 8.1 * 86_400))
        for _ in range(chance.randrange(80))
    ]
    made = []
    for moment in moments:
        outcome = chance.random()
        made.append(
            Observation(
                started_at=moment,
                ok=outcome < 0.8,
                deferred=outcome > 0.95,
                failure_code=chance.choice(["no_reply", "line_busy", "intercepted"])
                if outcome >= 0.8
                else None,
                download_bps=chance.lognormvariate(20, 0.2)
                if outcome < 0.8 and chance.random() < 0.95
                else None,
                cross_traffic_during_bps=chance.choice([None, 0.0, 3e7]),
                appliance_ceiling_bps=chance.choice([None, 9.4e8, 5e8]),
            )
        )
    return made


def plainly(
    given: list[Observation], calendar: Calendar, week: Week, figure: Figure
) -> tuple[object, ...]:
    """Runs, failed runs, days, school days, median and interval, from their definitions."""
    window = Window.QUIET if figure is Figure.QUIET else Window.LESSON
    inside = [
        one
        for one in given
        if week.start <= one.started_at < week.end and calendar.classify(one.started_at) is window
    ]
    used = [one for one in inside if one.ok and one.download_bps is not None]
    failed = [
        one
        for one in inside
        if not one.ok and not one.deferred and one.failure_code not in NOT_TRIED
    ]
    values = sorted((one.download_bps or 0) + (one.cross_traffic_during_bps or 0) for one in used)
    k = rank(len(values)) if values else None
    return (
        len(used),
        len(failed),
        len({local(one.started_at).date() for one in used}),
        sum(calendar.is_school_day(day) for day in week.days),
        median(values) if values else None,
        values[k - 1] if k else None,
        values[-k] if k else None,
    )


@pytest.mark.parametrize("seed", range(40))
def test_verdicts_rest_on_the_results_that_their_definition_names(seed: int) -> None:
    """Windows, days, counts and medians are those of the plain definitions, at every edge."""
    chance = Random(seed)
    week, calendar = chance.choice(WEEKS), chance.choice(CALENDARS)
    given = observations(chance, week)
    requirement = CRITERIA.requirement(chance.randrange(1, 1_500))
    for verdict in judge(given, requirement, calendar, week, "A1", False):
        assert (
            verdict.runs,
            verdict.failed_runs,
            verdict.days,
            verdict.school_days,
            verdict.median_bps,
            verdict.low_bps,
            verdict.high_bps,
        ) == plainly(given, calendar, week, verdict.figure)


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("week", WEEKS)
def test_each_quarter_of_an_hour_is_placed_alike(calendar: Calendar, week: Week) -> None:
    """The windows of a week and the calendar itself agree on every moment; outside it is none."""
    windows = calendar.week_windows(week)
    first = datetime.combine(week.monday, time(), JST)
    for quarter in range(7 * 96):
        for second in (0, 899):
            moment = first + timedelta(minutes=15 * quarter, seconds=second)
            assert windows.classify(moment) is calendar.classify(moment)
    assert windows.classify(first - timedelta(microseconds=1)) is None
    assert windows.classify(first + timedelta(days=7)) is None
