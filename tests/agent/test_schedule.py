"""The plan of a day and what is due: shares, the hour, seeds, and no burst after a gap."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wire.planning.schedule import (
    DAY_SECONDS,
    Slot,
    Task,
    Timetable,
    Window,
    due,
    seconds_to_next,
)
from wire.planning.schedule import plan as plan_day

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = date(2026, 5, 11)
EVERY_DAY = frozenset(range(7))


def plan(day: date, windows: list[list[Window]], seed: str, zone: ZoneInfo) -> tuple[Slot, ...]:
    """Slots of light tests with these windows."""
    tasks = tuple(Task(windows=tuple(each)) for each in windows)
    return plan_day(day, Timetable(tasks=tasks, zone=zone), seed).slots


def window(start: int, end: int, runs: int, days: frozenset[int] = EVERY_DAY) -> Window:
    """A window in minutes after midnight."""
    return Window(days=days, from_seconds=start * 60, to_seconds=end * 60, runs=runs)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 1400),
    length=st.integers(1, 600),
    runs=st.integers(1, 6),
    seed=st.text(max_size=8),
)
def test_each_equal_part_of_a_window_has_exactly_one_slot_off_the_hour(
    start: int, length: int, runs: int, seed: str
) -> None:
    """Stratified: one slot a part, inside it, never on the full hour."""
    end = min(start + length, DAY_SECONDS // 60)
    slots = plan(MONDAY, [[window(start, end, runs)]], seed, TOKYO)
    midnight = datetime(2026, 5, 11, tzinfo=TOKYO)
    seconds = [(slot.at - midnight).total_seconds() for slot in slots]
    part = (end - start) * 60 / runs
    assert len(seconds) == runs
    for index, second in enumerate(seconds):
        assert start * 60 + index * part <= second <= start * 60 + (index + 1) * part
        assert second % 3600 != 0
        if part > 120:
            assert 30 <= second % 3600 <= 3570


def test_same_agent_and_day_give_the_same_plan_and_others_another() -> None:
    """A restart plans the same moments; agents and days do not keep step."""
    windows = [[window(360, 480, 2)]]
    assert plan(MONDAY, windows, "a", TOKYO) == plan(MONDAY, windows, "a", TOKYO)
    assert plan(MONDAY, windows, "a", TOKYO) != plan(MONDAY, windows, "b", TOKYO)
    tuesday = plan(MONDAY + timedelta(days=1), windows, "a", TOKYO)
    shifted = [slot.at + timedelta(days=1) for slot in plan(MONDAY, windows, "a", TOKYO)]
    assert [slot.at for slot in tuesday] != shifted


def test_agents_spread_over_the_whole_window() -> None:
    """84 agents fill a two-hour window: no tenth of it is empty."""
    moments = [
        plan(MONDAY, [[window(360, 480, 1)]], f"agent {number}", TOKYO)[0].at
        for number in range(84)
    ]
    start = datetime(2026, 5, 11, 6, tzinfo=TOKYO)
    tenths = {int((moment - start).total_seconds() // 720) for moment in moments}
    assert tenths == set(range(10))


def test_days_and_zone_are_those_of_the_school() -> None:
    """mon-fri means Monday in Tokyo: 06:00 there is still Sunday in UTC."""
    windows = [[window(360, 480, 1, frozenset(range(5)))]]
    assert plan(date(2026, 5, 10), windows, "a", TOKYO) == ()
    (slot,) = plan(MONDAY, windows, "a", TOKYO)
    assert slot.at.tzinfo is UTC
    assert slot.at.date() == date(2026, 5, 10)


def at(minute: float, test: int = 0) -> Slot:
    """A slot some minutes after a fixed moment."""
    return Slot(datetime(2026, 5, 11, tzinfo=UTC) + timedelta(minutes=minute), test)


NOW = datetime(2026, 5, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slots", "done", "run", "passed"),
    [
        ([at(61)], [], [], []),
        ([at(60)], [], [at(60)], []),
        ([at(59)], [at(59)], [], []),
        ([at(57.9)], [], [], [at(57.9)]),
        ([at(minute) for minute in range(60)], [], [at(59)], [at(minute) for minute in range(59)]),
        ([at(59, 0), at(59.5, 1)], [], [at(59, 0), at(59.5, 1)], []),
        ([at(58.5), at(59)], [], [at(59)], [at(58.5)]),
    ],
)
def test_after_a_gap_at_most_the_latest_slot_of_a_test_is_run(
    slots: list[Slot], done: list[Slot], run: list[Slot], passed: list[Slot]
) -> None:
    """An hour's suspend runs nothing that is older than the grace, and nothing twice."""
    assert due(slots, NOW, set(done)) == (tuple(run), tuple(passed))


def test_waiting_is_bounded_so_that_clock_steps_are_noticed() -> None:
    """Never longer than the tick, exactly to the next slot otherwise."""
    assert seconds_to_next([at(60.1)], NOW, 15.0) == pytest.approx(6.0)
    assert seconds_to_next([at(90)], NOW, 15.0) == 15.0
    assert seconds_to_next([at(10)], NOW, 15.0) == 15.0
    assert seconds_to_next([], NOW, 15.0) == 15.0
