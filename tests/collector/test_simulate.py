"""The fleet simulator: its time, its lives, its figures, and a small fleet over HTTP."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector.clock import SystemClock
from collector.simulate.agent import Delivery, SimulatedAgent
from collector.simulate.enrolling import EnrolmentFailed, enrol, make_codes
from collector.simulate.fleet import Fleet, Plan, with_database
from collector.simulate.life import Habits, Life, LineLost, Made, Restart
from collector.simulate.pace import Pace
from collector.simulate.tally import Outage, Tally, peak_to_mean, percentile, return_of
from wire.backoff import wait_seconds
from wire.codec import decode, encode

START = datetime(2026, 5, 11, tzinfo=UTC)
DAY_SECONDS = 86_400.0


def life(number: int = 0, seed: int = 1, **habits: float) -> Life:
    """One life."""
    return Life(seed, number, Habits(**habits), START)


def test_the_same_seed_lives_the_same_life() -> None:
    """Records are equal byte for byte; another number or seed lives another life."""

    def records(number: int, seed: int) -> list[bytes]:
        events = life(number, seed).events(DAY_SECONDS)
        return [encode(event.measurement) for event in events if isinstance(event, Made)]

    assert records(3, 1) == records(3, 1)
    assert not set(records(3, 1)) & set(records(4, 1))
    assert not set(records(3, 1)) & set(records(3, 2))


def test_a_life_is_as_its_habits_say() -> None:
    """In order of time; results, restarts and lost lines about as often as asked; all decodable."""
    events = list(
        life(restart_hours=1, line_lost_hours=2, failure_ratio=0.2).events(10 * DAY_SECONDS)
    )
    moments = [event.at_seconds for event in events]
    assert moments == sorted(moments)
    made = [event.measurement for event in events if isinstance(event, Made)]
    assert len(made) == pytest.approx(7200, rel=0.05)
    assert sum(isinstance(event, Restart) for event in events) == pytest.approx(240, rel=0.3)
    assert sum(isinstance(event, LineLost) for event in events) == pytest.approx(120, rel=0.4)
    assert [one.seq for one in made] == list(range(1, len(made) + 1))
    assert len({one.boot_id for one in made}) > 150
    assert all(one.simulated for one in made)
    assert all(one.monotonic_start_seconds >= 0 for one in made)
    assert sum(one.failure is not None for one in made) / len(made) == pytest.approx(0.2, abs=0.03)
    assert all(decode(encode(one)) == one for one in made[:200])


def test_some_clocks_are_wrong_and_stay_wrong() -> None:
    """The asked share is off by minutes to hours, the others by fractions of a second."""
    offsets = [abs(life(n, wrong_clock_ratio=0.5).clock_offset_seconds) for n in range(400)]
    wrong = [offset for offset in offsets if offset >= 120]
    assert len(wrong) == pytest.approx(200, rel=0.2)
    assert max(offset for offset in offsets if offset < 120) < 1


class HandClock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.seconds


def test_idle_time_is_skipped_in_order() -> None:
    """A day of waiting takes no real time, and everyone is woken at its own moment."""

    async def run() -> list[tuple[str, float]]:
        pace = Pace(HandClock())
        pace.skipping = True
        woken: list[tuple[str, float]] = []

        async def wait(name: str, *pauses: float) -> None:
            for pause in pauses:
                await pace.sleep(pause)
                woken.append((name, pace.now_seconds()))

        moving = asyncio.create_task(pace.run())
        await asyncio.gather(wait("a", 10, DAY_SECONDS), wait("b", 15, 15))
        moving.cancel()
        return woken

    assert asyncio.run(run()) == [("a", 10), ("b", 15), ("b", 30), ("a", 10 + DAY_SECONDS)]


def test_time_does_not_jump_over_a_request_under_way() -> None:
    """While something real goes on, time is as slow as the clock, here: it stands."""

    async def run() -> float:
        clock = HandClock()
        pace = Pace(clock)
        pace.skipping = True
        moving = asyncio.create_task(pace.run())
        waiting = asyncio.create_task(pace.sleep(60))
        with pace.working():
            await asyncio.sleep(0.05)
            assert not waiting.done()
            clock.seconds = 2.0
            assert pace.now_seconds() == 2.0
        await waiting
        moving.cancel()
        return pace.now_seconds()

    assert asyncio.run(run()) == 60


def test_speed_scales_real_time_from_when_it_is_set() -> None:
    """Ten times as fast, then real time: no step in between."""
    clock = HandClock()
    pace = Pace(clock, speed=10)
    clock.seconds = 3.0
    assert pace.now_seconds() == 30
    pace.speed = 1.0
    clock.seconds = 4.0
    assert pace.now_seconds() == 31


@pytest.mark.parametrize("turns", range(6))
def test_it_ends_when_cancelled_while_something_changes(turns: int) -> None:
    """A cancellation in the turn of the loop of a change is not lost, or a fleet never ends."""

    async def main() -> set[asyncio.Task[None]]:
        pace = Pace(SystemClock().monotonic_seconds)
        tasks = {asyncio.create_task(pace.run()), asyncio.create_task(pace.sleep(3600))}
        await asyncio.sleep(0.01)
        with pace.working():
            pass
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        _, lives = await asyncio.wait(tasks, timeout=2)
        return lives

    with asyncio.Runner() as runner:
        assert runner.run(main()) == set()


def test_peak_to_mean_sees_a_burst_and_its_absence() -> None:
    """All at once is 6, the whole minute in one window; evenly spread is 1."""
    assert peak_to_mean([3.0] * 84) == 6.0
    assert peak_to_mean([index * 60 / 84 for index in range(84)]) == pytest.approx(1.0, rel=0.1)
    assert peak_to_mean([]) is None
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0


def test_a_return_is_drained_only_when_the_last_backlog_is() -> None:
    """One agent whose results still wait: no figure."""
    tally = Tally(drained_at_seconds={(0, "a"): 70.0, (0, "b"): 95.0})
    assert return_of(tally, 0, Outage(10, 60), 2).drained_within_seconds == 35.0
    assert return_of(tally, 0, Outage(10, 60), 3).drained_within_seconds is None


def returning(seed: int) -> float:
    """84 agents after 30 minutes without reply: peak to mean in the first minute, waits alone."""
    random = Random(seed)
    moments: list[float] = []
    for _ in range(84):
        at, attempt = random.uniform(0, 60), 0
        while at < 1800:
            at += wait_seconds(attempt, None, random)
            attempt += 1
        while (since := at - 1800) < 60:
            moments.append(since)
            at += 60 * random.uniform(0.8, 1.2)
    return peak_to_mean(moments) or 0.0


def test_the_waits_of_84_agents_spread_their_return() -> None:
    """Below 3 in each of 300 returns, where all at once would be 6."""
    assert max(returning(seed) for seed in range(300)) < 3


def test_a_fleet_delivers_everything_over_http(serving: Any) -> None:
    """Codes, enrolment, results, an outage: all acknowledged, stored once, marked simulated."""
    plan = Plan(
        url=serving.base_url,
        agents=5,
        length_seconds=1800,
        speed=50,
        skip_idle=True,
        habits=Habits(restart_hours=0.3, line_lost_hours=0.3),
        outages=(Outage(300, 900),),
        heartbeats=False,
    )
    fleet = Fleet(plan, SystemClock(), START)
    codes = make_codes(serving.store, 5, SystemClock().now(), Random(1))
    shown: list[float] = []
    summary = asyncio.run(fleet.run(codes, lambda seconds, *_: shown.append(seconds)))
    assert summary.made > 50
    assert (summary.acknowledged, summary.waiting, summary.refused) == (summary.made, 0, 0)
    assert summary.statuses["no line"] > 0
    assert summary.returns[0].agents_with_backlog == 5
    assert summary.returns[0].drained_within_seconds is not None
    stored = [
        result.result_id
        for code in ("A1", "B1")
        for result in serving.store.latest_results(code, limit=5000)
        if result.simulated
    ]
    checked = with_database(summary, fleet.tally.made, stored)
    assert (checked.stored, checked.lost, checked.duplicates) == (summary.made, 0, 0)
    assert with_database(summary, fleet.tally.made, stored[1:]).lost == 1
    assert with_database(summary, fleet.tally.made, stored[:1] + stored).duplicates == 1


@pytest.mark.timeout(60)
def test_what_fails_beside_the_agents_ends_the_simulation(serving: Any) -> None:
    """A bug in the progress line: it is told, and nobody waits for a fleet whose time stands."""
    codes = make_codes(serving.store, 2, SystemClock().now(), Random(3))
    plan = Plan(url=serving.base_url, agents=2, length_seconds=3600.0)

    def broken(*_: object) -> None:
        raise ArithmeticError("a bug")

    with pytest.raises(ExceptionGroup) as told:
        asyncio.run(Fleet(plan, SystemClock()).run(codes, broken))
    assert [type(one) for one in told.value.exceptions] == [ArithmeticError]


@pytest.mark.timeout(60)
def test_what_fails_in_a_delivery_ends_the_simulation(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, not when the simulated hour is over."""
    codes = make_codes(serving.store, 2, SystemClock().now(), Random(4))
    plan = Plan(url=serving.base_url, agents=2, length_seconds=3600.0)

    def broken(*_: object) -> float:
        raise ArithmeticError("a bug")

    monkeypatch.setattr(SimulatedAgent, "_drain", broken)
    monkeypatch.setattr(SimulatedAgent, "_first_pause", lambda _: 0.0)
    with pytest.raises(ExceptionGroup) as told:
        asyncio.run(Fleet(plan, SystemClock()).run(codes))
    assert told.value.subgroup(ArithmeticError) is not None


def test_a_code_that_is_not_known_is_said_so(serving: Any) -> None:
    """The collector's own words, and no agent lives."""
    fleet = Fleet(Plan(url=serving.base_url, agents=1), SystemClock(), START)
    with pytest.raises(EnrolmentFailed, match="403"):
        asyncio.run(fleet.run(["0000-0000-0000"]))
    assert enrol.__doc__


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--collector", "localhost"], "http://127.0.0.1:8080"),
        (["--collector", "http://127.0.0.1:1"], "no codes: give --codes"),
        (["--collector", "http://127.0.0.1:1", "--codes", "none.txt"], "none.txt"),
        (["--collector", "http://127.0.0.1:1", "--outage", "ten"], "START+MINUTES"),
        (["--collector", "http://127.0.0.1:1", "--agents", "0"], "1 to 100000"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_allowed(words: list[str], said: str) -> None:
    """Exit code 2 and a text that says what to give."""
    ran = subprocess.run(
        [sys.executable, "-m", "collector.cli", "simulate", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert said in ran.stderr


def test_the_command_prints_a_summary(serving: Any, url: str, tmp_path: Path) -> None:
    """One JSON object with what was stored, and exit code 0."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "collector.cli", "simulate", "--json", "--skip-idle"),
            *("--collector", serving.base_url, "--database", url, "--agents", "2"),
            *("--minutes", "10", "--speed", "50"),
        ],
        capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    summary = json.loads(ran.stdout)
    assert summary["stored"] == summary["made"] == summary["acknowledged"] > 5
    assert Delivery().interval_seconds == 60
