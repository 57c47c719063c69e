"""Progress: what may follow what, the deadline, the burn-down and the rate that is needed."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.operators.audit import newest
from collector.pages.burn_down_chart import draw
from collector.programme import progress_rows
from collector.programme.burn_down import open_days, rate, series_days
from collector.programme.model import EditedMeanwhile, Progress, ProgressEvent, State
from collector.programme.progress_change import (
    NEXT,
    ProgressRefused,
    check,
    set_deadline,
    set_progress,
)
from collector.programme.standing import DEADLINE, deadline_of, standing
from collector.store.interface import Store
from tests.collector.conftest import a_school

NOW = datetime(2026, 5, 18, 3, tzinfo=UTC)
TODAY = date(2026, 5, 18)
SCHOOLS = [a_school("A1", sample=True), a_school("B1"), a_school("C1")]


def at(code: str = "A1", state: State = State.INVESTIGATING, **changes: Any) -> Progress:
    """Where a school stands."""
    given_: dict[str, Any] = {
        "school_code": code,
        "state": state,
        "since_on": TODAY,
        "planned_on": None,
        "assessor": "",
        "note": "",
        "version": 0,
    }
    return Progress(**given_ | changes)


def event(code: str, state: State, since: date, version: int) -> ProgressEvent:
    """A change, noted today whenever it came to be."""
    one = at(code, state, since_on=since, version=version)
    return ProgressEvent(progress=one, changed_at=NOW, changed_by="cli:x")


def test_each_state_has_its_next() -> None:
    """Every pair of states is allowed or refused as the table says; staying is always allowed."""
    for before in State:
        for after in State:
            held = at(state=before, version=1)
            if after is before or after in NEXT[before]:
                assert check(at(state=after, version=1), held, TODAY).state is after
            else:
                with pytest.raises(ProgressRefused, match=f"after {before.value}"):
                    check(at(state=after, version=1), held, TODAY)
    assert State.COMPLETE not in NEXT[State.NOT_STARTED]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"since_on": TODAY + timedelta(days=1)}, "since_on"),
        ({"since_on": date(2019, 3, 31)}, "since_on"),
        ({"planned_on": date(2000, 1, 1)}, "planned_on"),
        ({"assessor": "a\nb"}, "assessor"),
        ({"note": "x" * 2_001}, "note"),
        ({"note": "\0"}, "note"),
    ],
)
def test_what_cannot_be_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    """The field is named, so that a file's column can be."""
    with pytest.raises(ProgressRefused) as refused:
        check(at(**changes), None, TODAY)
    assert refused.value.field == field
    held = at(since_on=TODAY, version=1)
    with pytest.raises(ProgressRefused, match="2026-05-18 or later"):
        check(at(state=State.IDENTIFIED, since_on=TODAY - timedelta(days=1)), held, TODAY)


def test_a_change_is_kept_with_its_history_and_record(store: Store) -> None:
    """The second of two editors is told; an unknown school is refused."""
    kept = set_progress(store, at(), "operator:a", NOW)
    assert kept.version == 1
    set_progress(store, at(state=State.IDENTIFIED, version=1), "operator:b", NOW)
    with pytest.raises(EditedMeanwhile):
        set_progress(store, at(state=State.NOT_STARTED, version=1), "operator:a", NOW)
    with pytest.raises(ProgressRefused, match="ZZ"):
        set_progress(store, at("ZZ"), "operator:a", NOW)
    events = store.read(progress_rows.progress_events)
    assert [one.changed_by for one in events] == ["operator:a", "operator:b"]
    actions = [one.action for one in store.read(lambda sql: newest(sql, 9))]
    assert actions == ["progress.set", "progress.set"]


def test_the_citys_deadline_is_kept_and_taken_back(store: Store) -> None:
    """Audited; without one the fiscal year's end."""
    set_deadline(store, date(2025, 3, 31), "operator:a", NOW)
    assert deadline_of(store.setting(DEADLINE), TODAY) == date(2025, 3, 31)
    set_deadline(store, None, "operator:a", NOW)
    assert deadline_of(store.setting(DEADLINE), TODAY) == date(2027, 3, 31)
    with pytest.raises(ProgressRefused):
        set_deadline(store, date(1999, 1, 1), "operator:a", NOW)
    assert store.read(lambda sql: newest(sql, 1))[0].action == "progress.deadline"


def test_the_burn_down_follows_the_days_on_which_schools_were_done() -> None:
    """A late note finds its day; what was opened again counts again; corrections replace."""
    day = [date(2026, 4, 1) + timedelta(days=number) for number in range(6)]
    events = [
        event("A1", State.IDENTIFIED, day[1], 1),
        event("B1", State.IDENTIFIED, day[3], 1),
        event("A1", State.INVESTIGATING, day[4], 2),
        event("B1", State.IDENTIFIED, day[2], 2),
        event("gone", State.IDENTIFIED, day[1], 1),
    ]
    found = open_days(SCHOOLS, events, day)
    assert [one.open for one in found] == [3, 2, 1, 1, 2, 2]
    assert [one.samples_open for one in found] == [1, 0, 0, 0, 1, 1]


def test_a_day_that_is_corrected_to_a_later_one_counts_from_there() -> None:
    """The first note of it is no longer believed, whichever event was read first."""
    day = [date(2026, 4, 1) + timedelta(days=number) for number in range(4)]
    events = [
        event("A1", State.INVESTIGATING, day[0], 1),
        event("A1", State.IDENTIFIED, day[1], 2),
        event("A1", State.IDENTIFIED, day[3], 3),
    ]
    for order in (events, events[::-1]):
        assert [one.samples_open for one in open_days(SCHOOLS, order, day)] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("today", "deadline", "needed"),
    [
        (date(2026, 5, 18), date(2026, 5, 25), Fraction(3)),
        (date(2026, 5, 18), date(2026, 6, 1), Fraction(3, 2)),
        (date(2026, 5, 18), date(2026, 5, 18), None),
        (date(2026, 5, 18), date(2026, 5, 17), None),
    ],
)
def test_the_rate_that_is_needed(today: date, deadline: date, needed: Fraction | None) -> None:
    """Open schools over the weeks that are left; none can be enough once it has passed."""
    stand = standing(SCHOOLS, [], today, deadline)
    days = series_days([], today, deadline)
    assert days[-1] == today
    speed = rate(open_days(SCHOOLS, [], days), stand)
    assert speed.needed == needed
    assert speed.recent == 0
    assert not speed.enough


def test_the_recent_rate_is_that_of_four_weeks() -> None:
    """Two of three schools in 28 days: half a school a week."""
    events = [
        event("A1", State.IDENTIFIED, TODAY - timedelta(days=7), 1),
        event("B1", State.COMPLETE, TODAY - timedelta(days=14), 1),
    ]
    rows = [one.progress for one in events]
    stand = standing(SCHOOLS, rows, TODAY, TODAY + timedelta(days=70))
    days = [TODAY - timedelta(days=28), TODAY]
    speed = rate(open_days(SCHOOLS, events, days), stand)
    assert (speed.recent, speed.needed) == (Fraction(1, 2), Fraction(1, 10))
    assert speed.enough
    done = standing(SCHOOLS[:2], rows, TODAY, TODAY - timedelta(days=1))
    assert rate(open_days(SCHOOLS[:2], events, days), done).needed == 0


def test_the_recent_rate_in_the_first_weeks_of_a_fiscal_year() -> None:
    """The chart begins on 1 April; what was done since then was done in the last four weeks."""
    today = date(2026, 4, 15)
    events = [
        event("A1", State.IDENTIFIED, date(2026, 4, 1), 1),
        event("B1", State.IDENTIFIED, date(2026, 4, 14), 1),
    ]
    stand = standing(SCHOOLS, [one.progress for one in events], today, date(2027, 3, 31))
    days = series_days(events, today, stand.deadline)
    assert rate(open_days(SCHOOLS, events, days), stand).recent == Fraction(1, 2)


@given(
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.lists(st.integers(-800, 0), max_size=3),
)
def test_the_chart_stays_inside_its_picture(today: date, deadline: date, ages: list[int]) -> None:
    """Whatever the deadline and however old the events: every point is within the drawing."""
    events = [
        event("A1", State.IDENTIFIED, today + timedelta(days=age), number)
        for number, age in enumerate(ages, 1)
    ]
    days = series_days(events, today, deadline)
    assert days == sorted(days)
    drawing = draw(open_days(SCHOOLS, events, days), len(SCHOOLS), deadline)
    points = [pair.split(",") for pair in f"{drawing.open_line} {drawing.plan_line}".split()]
    assert all(0 <= float(x) <= 720 and 0 <= float(y) <= 300 for x, y in points)
    assert len(drawing.months) <= 14
