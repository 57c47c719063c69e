"""Plans with heavy tests, blackouts and closed days: properties over any timetable."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wire.planning.placing import draw, gaps
from wire.planning.schedule import (
    DAY_SECONDS,
    Blackout,
    Closed,
    Slot,
    Task,
    Timetable,
    Window,
    plan,
    retry,
)

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = date(2026, 5, 11)
EVERY_DAY = frozenset(range(7))
LENGTH = 70.0


@st.composite
def windows(draw_: st.DrawFn, most_runs: int = 4) -> Window:
    """A window of at least five minutes a run."""
    runs = draw_(st.integers(1, most_runs))
    start = draw_(st.integers(0, 23 * 60))
    length = draw_(st.integers(5 * runs, 8 * 60))
    end = min(start + length, 24 * 60)
    assume(end - start >= 5 * runs)
    return Window(days=EVERY_DAY, from_seconds=start * 60, to_seconds=end * 60, runs=runs)


TASKS = st.lists(
    st.builds(
        Task,
        windows=st.lists(windows(), min_size=1, max_size=3).map(tuple),
        heavy=st.booleans(),
        length_seconds=st.just(LENGTH),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
BLACKOUTS = st.lists(
    st.builds(
        lambda start, length: Blackout(
            first=MONDAY,
            last=MONDAY,
            from_seconds=start * 60,
            to_seconds=min(start + length, 1440) * 60,
        ),
        st.integers(0, 1430),
        st.integers(1, 400),
    ),
    max_size=2,
).map(tuple)


def second_of(slot: Slot) -> float:
    """Seconds after local midnight."""
    return (slot.at - datetime(2026, 5, 11, tzinfo=TOKYO)).total_seconds()


@settings(max_examples=200, deadline=None)
@given(tasks=TASKS, blackouts=BLACKOUTS, seed=st.text(max_size=6))
def test_heavy_never_meet_nothing_is_in_a_blackout_and_no_run_vanishes(
    tasks: tuple[Task, ...], blackouts: tuple[Blackout, ...], seed: str
) -> None:
    """Spacing, blackouts, windows and the number of runs hold for any timetable."""
    timetable = Timetable(tasks=tasks, zone=TOKYO, blackouts=blackouts)
    found = plan(MONDAY, timetable, seed)
    heavy = [second_of(slot) for slot in found.slots if tasks[slot.test].heavy]
    assert all(later - sooner >= LENGTH - 1e-3 for sooner, later in pairwise(heavy))
    assert all(second + LENGTH <= DAY_SECONDS + 1e-3 for second in heavy)
    for slot in found.slots:
        second = second_of(slot)
        window = tasks[slot.test].windows[slot.window]
        assert window.from_seconds <= second <= window.to_seconds
        assert second % 3600 != 0
        for dark in blackouts:
            assert not dark.from_seconds - LENGTH + 0.01 < second < dark.to_seconds - 0.01
    for test, task in enumerate(tasks):
        for number, window in enumerate(task.windows):
            placed = sum((slot.test, slot.window) == (test, number) for slot in found.slots)
            missing = sum(
                out.runs for out in found.left_out if (out.test, out.window) == (test, number)
            )
            assert placed + missing == window.runs


def school_day() -> Timetable:
    """Six lesson periods, quiet morning and evening, latency all day."""
    lessons = ["0855-0930", "0950-1020", "1050-1125", "1150-1215", "1355-1415", "1450-1505"]
    days = frozenset(range(5))

    def window(text: str, runs: int) -> Window:
        start, end = (int(part[:2]) * 3600 + int(part[2:]) * 60 for part in text.split("-"))
        return Window(days=days, from_seconds=start, to_seconds=end, runs=runs)

    return Timetable(
        tasks=(
            Task(
                windows=(window("0600-0800", 2), window("1645-1900", 2)),
                heavy=True,
                calibrate=True,
            ),
            Task(windows=tuple(window(each, 1) for each in lessons), heavy=True),
            Task(windows=(window("0600-2000", 84),)),
        ),
        zone=TOKYO,
        closed=(Closed(first=date(2026, 5, 18), last=date(2026, 5, 18)),),
        blackouts=(
            Blackout(
                first=date(2026, 5, 20),
                last=date(2026, 5, 21),
                from_seconds=8 * 3600,
                to_seconds=13 * 3600,
            ),
        ),
    )


def test_every_window_of_a_school_day_gets_its_runs_for_84_agents() -> None:
    """Where there is room, each lesson and each quiet window has its share, for every seed."""
    timetable = school_day()
    moments = set()
    for agent in range(84):
        found = plan(MONDAY, timetable, f"agent {agent}")
        assert found.left_out == ()
        assert len(found.slots) == 4 + 6 + 84
        assert found == plan(MONDAY, timetable, f"agent {agent}")
        moments.add(tuple(slot.at for slot in found.slots))
    assert len(moments) == 84


def test_light_slots_keep_out_of_the_way_of_heavy_ones() -> None:
    """With room in their part, none begins while a heavy test may run or just before."""
    timetable = school_day()
    for agent in range(20):
        slots = plan(MONDAY, timetable, f"agent {agent}").slots
        heavy = [slot.at for slot in slots if timetable.tasks[slot.test].heavy]
        for slot in slots:
            if not timetable.tasks[slot.test].heavy:
                ahead = [(slot.at - at).total_seconds() for at in heavy]
                assert not any(-20 < seconds < LENGTH for seconds in ahead)


def test_closed_days_and_blackouts_are_left_alone() -> None:
    """No slot on a closed day; in a blackout only what lies outside its hours."""
    timetable = school_day()
    assert plan(date(2026, 5, 18), timetable, "a").slots == ()
    dark = plan(date(2026, 5, 20), timetable, "a")
    assert {(out.test, out.window) for out in dark.left_out} >= {(1, 0), (1, 1), (1, 2), (1, 3)}
    assert all(out.reason == "blackout" for out in dark.left_out)
    assert {slot.window for slot in dark.slots if slot.test == 1} == {4, 5}


def test_a_window_can_hold_on_closed_days_too() -> None:
    """on_closed_days: latency goes on during vacations."""
    window = Window(
        days=EVERY_DAY, from_seconds=0, to_seconds=DAY_SECONDS, runs=3, on_closed_days=True
    )
    closed = Closed(first=MONDAY, last=MONDAY)
    timetable = Timetable(tasks=(Task(windows=(window,)),), zone=TOKYO, closed=(closed,))
    assert len(plan(MONDAY, timetable, "a").slots) == 3


def test_one_run_of_each_iso_week_is_full_length() -> None:
    """Exactly one slot a week is the calibration, on changing days; none of other tests."""
    timetable = school_day()
    weekdays = set()
    for week in range(12):
        monday = MONDAY + timedelta(weeks=week)
        chosen = [
            slot
            for day in range(7)
            for slot in plan(monday + timedelta(days=day), timetable, "a").slots
            if slot.calibration
        ]
        assert [slot.test for slot in chosen] == [0]
        weekdays.add(chosen[0].at.astimezone(TOKYO).weekday())
    assert len(weekdays) >= 3


def test_heavy_tests_that_do_not_fit_are_left_out_and_counted() -> None:
    """Ten runs of 70 s in five minutes: four fit at most, the others are told."""
    window = Window(days=EVERY_DAY, from_seconds=36_000, to_seconds=36_300, runs=10)
    timetable = Timetable(tasks=(Task(windows=(window,), heavy=True),), zone=TOKYO)
    found = plan(MONDAY, timetable, "a")
    assert 1 <= len(found.slots) <= 5
    assert sum(out.runs for out in found.left_out) == 10 - len(found.slots)
    assert found.left_out[0].reason == "no room beside the other heavy tests"


@settings(max_examples=100, deadline=None)
@given(minutes=st.integers(0, 35), seed=st.integers(0, 1000))
def test_putting_off_stays_in_the_window_and_clear_of_others(minutes: int, seed: int) -> None:
    """A retry is later, before the window's end, and meets no heavy slot and no blackout."""
    timetable = Timetable(
        tasks=(Task(windows=(), heavy=True), Task(windows=(), heavy=True)),
        zone=TOKYO,
        blackouts=(Blackout(first=MONDAY, last=MONDAY, from_seconds=35_000, to_seconds=35_200),),
    )
    start = datetime(2026, 5, 11, 9, tzinfo=TOKYO).astimezone(UTC)
    slot = Slot(start, 0, until=start + timedelta(minutes=50))
    other = Slot(start + timedelta(minutes=20), 1)
    now = start + timedelta(minutes=minutes)
    later = retry(slot, now, [slot, other], timetable, Random(seed))
    assert later is not None
    assert now + timedelta(seconds=60) <= later.at <= start + timedelta(minutes=50)
    assert abs((later.at - other.at).total_seconds()) >= LENGTH - 1e-3
    assert not 35_000 - LENGTH < second_of(later) < 35_200 - 1e-3
    assert later.attempt == 1


def test_putting_off_ends_with_the_window() -> None:
    """With less than a minute left there is no later moment."""
    timetable = Timetable(tasks=(Task(windows=(), heavy=True),), zone=TOKYO)
    at = datetime(2026, 5, 11, tzinfo=UTC)
    slot = Slot(at, 0, until=at + timedelta(seconds=59))
    assert retry(slot, at, [slot], timetable, Random(1)) is None
    assert retry(Slot(at, 0), at, [], timetable, Random(1)) is None


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], [(0, 10)]),
        ([(-5, 2), (1, 3)], [(3, 10)]),
        ([(4, 6), (2, 3)], [(0, 2), (3, 4), (6, 10)]),
        ([(0, 10)], []),
        ([(-1, 20), (2, 3)], []),
        ([(8, 30)], [(0, 8)]),
        ([(20, 30)], [(0, 10)]),
    ],
)
def test_gaps_are_what_is_not_taken(
    taken: list[tuple[float, float]], free: list[tuple[float, float]]
) -> None:
    """A table of cases; a draw always falls into one of them."""
    assert gaps(0, 10, taken) == free
    for seed in range(20):
        moment = draw(free, Random(seed))
        assert (moment is None) == (not free)
        if moment is not None:
            assert any(start <= moment <= end for start, end in free)
