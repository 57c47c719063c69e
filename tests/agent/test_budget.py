"""Byte budgets: never exceeded, fairly spread, kept through crashes."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from agent.budget import Cost, Ledger, Period, cost_of, refusal, rest_of_month, used_bytes
from agent.ration import Ration, read_ledger
from tests.agent.spooling import measurement
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.measurement import Measurement
from wire.planning.cost import HEADER_FACTOR, Budget
from wire.planning.planned import Planned, bound_of, calibrated, cost_key
from wire.planning.schedule import Blackout, Slot, Timetable, Window, plan

TOKYO = ZoneInfo("Asia/Tokyo")
SCHOOL_DAYS = frozenset(range(5))
LESSONS = (("08:55", "09:30"), ("10:50", "11:25"), ("13:55", "14:15"), ("14:50", "15:05"))


def window(start: str, end: str, runs: int) -> Window:
    """A window on school days."""
    seconds = [int(text[:2]) * 3600 + int(text[3:]) * 60 for text in (start, end)]
    return Window(days=SCHOOL_DAYS, from_seconds=seconds[0], to_seconds=seconds[1], runs=runs)


TESTS = (
    Planned(
        probe="throughput",
        target="192.0.2.1:4443",
        options={"seconds": 5},
        windows=(window("06:00", "08:00", 2), window("16:45", "19:00", 2)),
        calibrate=True,
    ),
    Planned(
        probe="throughput",
        target="192.0.2.1:4443",
        options={"seconds": 2},
        windows=tuple(window(start, end, 1) for start, end in LESSONS),
    ),
)
EXAM = Blackout(
    first=date(2026, 6, 10), last=date(2026, 6, 11), from_seconds=30_000, to_seconds=50_000
)
TABLE = Timetable(tasks=tuple(each.task() for each in TESTS), zone=TOKYO, blackouts=(EXAM,))


def result(used: int, outcome: Outcome = Outcome.OK, operation: str = "download") -> Measurement:
    """A throughput result that moved some bytes."""
    made = measurement("throughput")
    failure = None if outcome is Outcome.OK else Failure(FailureCode.STALLED, Operation(operation))
    values = {"download_bytes": used} if used else {}
    return replace(made, outcome=outcome, failure=failure, values=values)


def in_exam(slot: Slot) -> bool:
    """The slot, or the time it may take, touches the exam."""
    local = slot.at.astimezone(TOKYO)
    second = local.hour * 3600 + local.minute * 60 + local.second
    return EXAM.first <= local.date() <= EXAM.last and 30_000 - 70 < second < 50_000


def simulate(
    budget: Budget, agent: int, days: int, first: date
) -> tuple[Counter[date], Counter[tuple[int, int]], Counter[str]]:
    """Live some days: bytes by day, runs by (test, window), answers."""
    chance = Random(agent)
    line_bps = chance.uniform(100e6, 900e6)
    ration = Ration(budget, TESTS, TABLE, f"agent {agent}", None)
    used: Counter[date] = Counter()
    runs: Counter[tuple[int, int]] = Counter()
    answers: Counter[str] = Counter()
    for number in range(days):
        day = first + timedelta(days=number)
        slots = plan(day, TABLE, f"agent {agent}").slots
        for slot in slots:
            assert not in_exam(slot)
            why = ration.refusal(slot, day, slots)
            assert why == ration.refusal(slot, day, slots)
            answers["refused" if why else "run"] += 1
            if why:
                continue
            planned = calibrated(TESTS[slot.test]) if slot.calibration else TESTS[slot.test]
            rate = line_bps * chance.uniform(0.85, 1.0)
            took = bound_of(planned, rate)
            ration.reserve(planned, day)
            ration.settle(planned, result(int(took / 1.06)))
            used[day] += took
            runs[slot.test, slot.window] += 1
    return used, runs, answers


def test_budgets_hold_for_84_agents_over_30_days() -> None:
    """Never a byte above day or month, nothing in the exam, and the month is made use of."""
    budget = Budget(day_bytes=4_000_000_000, month_bytes=40_000_000_000)
    shares = []
    for agent in range(84):
        used, _, _ = simulate(budget, agent, 30, date(2026, 6, 1))
        assert max(used.values()) <= 4_000_000_000
        assert sum(used.values()) <= 40_000_000_000
        shares.append(sum(used.values()))
    needed = [simulate(Budget(), agent, 30, date(2026, 6, 1))[0] for agent in range(4)]
    print(f"\nused of 40 GB: least {min(shares) / 1e9:.1f}, most {max(shares) / 1e9:.1f}")
    assert all(sum(used.values()) > 0 for used in needed)
    assert max(shares) > 25e9


def test_scarce_budgets_are_spread_over_all_windows_of_the_day() -> None:
    """With bytes for about a third of the plan no window goes without, and noon is not the end."""
    budget = Budget(month_bytes=12_000_000_000)
    runs: Counter[tuple[int, int]] = Counter()
    refused = 0
    for agent in range(20):
        used, by_window, answers = simulate(budget, agent, 30, date(2026, 6, 1))
        assert sum(used.values()) <= 12_000_000_000
        runs += by_window
        refused += answers["refused"]
    assert refused > 0
    lessons = [runs[1, number] for number in range(len(LESSONS))]
    assert min(lessons) > 0.5 * max(lessons), lessons
    assert runs[0, 1] > 0.5 * runs[0, 0]


def test_enough_budget_refuses_nothing_once_costs_are_known() -> None:
    """Twice what the plan takes: every slot runs."""
    ration = Ration(Budget(day_bytes=20_000_000_000), TESTS, TABLE, "a", None)
    slots = plan(date(2026, 6, 1), TABLE, "a").slots
    assert [ration.refusal(slot, date(2026, 6, 1), slots) for slot in slots] == [""] * 8


def test_first_runs_are_taken_at_the_fastest_the_line_may_be_later_ones_by_experience() -> None:
    """Unknown: bound. Known: mean of the last five expected, dearest with margin worst."""
    key = cost_key(TESTS[1])
    assert cost_of(Ledger(), key, 1000) == Cost(1000, 1000)
    ledger = Ledger(runs={key: (400, 100, 100, 100, 100, 100)})
    assert cost_of(ledger, key, 1000) == Cost(100, 500)
    assert cost_of(ledger, key, 300) == Cost(100, 300)


@pytest.mark.parametrize(
    ("period", "runs"),
    [
        (Period("day", 1000, 900, 500, 500), True),
        (Period("day", 1000, 901, 500, 500), False),
        (Period("day", 1000, 0, 100, 4000), False),
        (Period("day", 1000, 0, 4000, 4000), True),
        (Period("day", 1000, 500, 400, 4000), False),
    ],
)
def test_a_slot_runs_when_it_fits_and_its_share_has_come(period: Period, runs: bool) -> None:
    """Never above the limit; where scarce only as the plan goes by."""

    class Even(Random):
        def random(self) -> float:
            return 0.5

    assert (refusal(Cost(100, 100), [period], Even()) == "") is runs


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (result(1_000_000), 1_060_000),
        (result(0, Outcome.FAILED, "connect"), 0),
        (result(0, Outcome.FAILED, "download"), 777),
        (result(100, Outcome.FAILED, "upload"), 777),
        (result(0, Outcome.FAILED, "run"), 777),
    ],
)
def test_what_a_test_took_is_never_counted_too_low(given: Measurement, used: int) -> None:
    """Ended before data: nothing. Ended without saying: what was set aside."""
    assert used_bytes(given, 777) == used


def test_a_crash_during_a_test_is_paid_for(tmp_path: Path) -> None:
    """What was set aside before the test counts as spent after a restart."""
    path = tmp_path / "budget.json"
    day = date(2026, 6, 1)
    slot = plan(day, TABLE, "a").slots[0]
    first = Ration(Budget(day_bytes=10**10), TESTS, TABLE, "a", path)
    first.reserve(TESTS[slot.test], day)
    second = Ration(Budget(day_bytes=10**10), TESTS, TABLE, "a", path)
    assert second.ledger.spent_on(day) == first.cost_of(0).worst_bytes
    second.reserve(TESTS[slot.test], day)
    second.settle(TESTS[slot.test], result(100))
    third = Ration(Budget(day_bytes=10**10), TESTS, TABLE, "a", path)
    assert third.ledger.spent_on(day) == second.ledger.spent_on(day)
    assert third.ledger == second.ledger


def test_a_test_is_told_to_end_before_it_passes_what_is_left() -> None:
    """Of the day or the month, whichever is less; its ledger keeps the test's own name."""
    day = date(2026, 6, 1)
    budget = Budget(day_bytes=10**10, month_bytes=10**9)
    ration = Ration(budget, TESTS, TABLE, "a", None)
    capped = ration.capped(TESTS[0], day)
    assert capped.options["max_bytes"] == int(10**9 / HEADER_FACTOR)
    assert replace(capped, options=TESTS[0].options) == TESTS[0]
    asked = replace(TESTS[0], options={**TESTS[0].options, "max_bytes": 5_000_000})
    assert ration.capped(asked, day) == asked
    ration.reserve(TESTS[0], day)
    assert ration.capped(TESTS[0], day) == TESTS[0]  # all of it is set aside: for a person only
    assert Ration(Budget(), TESTS, TABLE, "a", None).capped(TESTS[0], day) == TESTS[0]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"since": 5}', '{"days": {"x": -1}}'])
def test_a_spoilt_ledger_begins_anew(tmp_path: Path, text: str) -> None:
    """No crash loop for a file that cannot be read."""
    path = tmp_path / "budget.json"
    path.write_text(text)
    assert read_ledger(path) == Ledger()


def test_a_month_is_spread_from_the_first_day_of_use() -> None:
    """An agent that begins on the 20th does not spend three weeks' share at once."""
    day = date(2026, 6, 20)
    assert len(rest_of_month(day, None)) == 30
    assert rest_of_month(day, date(2026, 6, 20))[0] == day
    assert len(rest_of_month(day, date(2026, 5, 3))) == 30


def test_a_clock_far_ahead_does_not_erase_what_was_spent() -> None:
    """After bookings in a wrong year today's bytes are still there."""
    ledger = Ledger()
    today = date(2026, 6, 1)
    for day in (today, date(2100, 1, 1), today):
        ledger = ledger.reserve(day, 10).settle("k", 10, typical=True)
    assert ledger.spent_on(today) == 20


def test_another_plan_has_its_own_costs() -> None:
    """What was known of the tests of the plan before is forgotten with it."""
    ration = Ration(Budget(), TESTS, TABLE, "a", None)
    before = ration.cost_of(1)
    ration.adopt(Budget(), TESTS[::-1], TABLE)
    assert ration.cost_of(0) == before
    assert ration.cost_of(1) != before
