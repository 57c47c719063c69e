"""Heavy tests in a running agent: alone, within budget, at their moments."""

import asyncio
import random
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import runner
from agent.clock_check import Anchor
from agent.clock_watch import ClockWatch
from agent.config import Planned
from agent.identity import Enrolment, Identity
from agent.parts import Parts
from agent.push import Pusher, PushSettings, new_client
from agent.runner import Runner
from agent.stamp.packet import ErrorEstimate
from tests.agent.heavy_lab import EVERY_DAY, HEAVY, LIGHT, Lab, live, settings
from tests.agent.spooling import AGENT, FakeClock, open_spool
from wire.codec import decode
from wire.failure import FailureCode, Outcome
from wire.measurement import Measurement
from wire.planning.cost import Budget
from wire.planning.schedule import Slot, Window


def test_two_heavy_tests_are_never_under_way_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when asked for at the same moment: one waits for the other."""
    begun, go_on = threading.Event(), threading.Event()
    lab = Lab()

    def hold(planned: Planned) -> None:
        if planned.heavy:
            begun.set()
            go_on.wait(0.3)

    lab.hold = hold
    other = replace(HEAVY, target="192.0.2.2:4443")
    life = live(tmp_path, monkeypatch, settings([HEAVY, other]), lab)
    assert begun.is_set()
    assert lab.most_at_once == 1
    assert len(lab.measured) == 12
    assert life.running_count == 0


@pytest.mark.parametrize(
    ("day_bytes", "outcomes"),
    [(None, [Outcome.OK, Outcome.OK]), (140_000_000, [Outcome.DEFERRED, Outcome.OK])],
)
def test_slots_asked_for_at_the_same_moment_run_one_after_the_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    day_bytes: int | None,
    outcomes: list[Outcome],
) -> None:
    """The lock holds what the plan cannot: put-off slots, long runs. Nobody spends in between."""
    lab = Lab(hold=lambda _planned: time.sleep(0.1))
    monkeypatch.setattr(runner, "supervise", lab.supervise)
    other = replace(HEAVY, target="192.0.2.2:4443")
    config = settings([HEAVY, other], budget=Budget(day_bytes=day_bytes))

    async def work() -> list[Measurement]:
        async with new_client(PushSettings()) as client:
            spool = open_spool(tmp_path, clock=lab.clock)
            enrolment = Enrolment(collector="https://collector.example", token="t" * 40)
            life = Runner(
                Parts(
                    config=config,
                    identity=Identity(agent_id=AGENT),
                    state_dir=tmp_path,
                    spool=spool,
                    pusher=Pusher(
                        spool, enrolment, PushSettings(), client, lab.clock, random.Random(1)
                    ),
                    clock=lab.clock,
                    random=random.Random(1),
                )
            )
            monkeypatch.setattr(Runner, "planned_today", lambda _life: ())
            at = lab.clock.now()
            await asyncio.gather(*(life.heavy.run_slot(Slot(at, test)) for test in (0, 1)))
            kept = [decode(waiting.record) for waiting in spool.take(10, 1 << 30)]
            spool.close()
            return kept

    kept = asyncio.run(work())
    assert lab.most_at_once == 1
    assert sorted(each.outcome for each in kept) == outcomes


def test_a_light_test_that_ran_beside_a_heavy_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held for a while only: a heavy test that hangs does not stop the light ones."""
    monkeypatch.setattr(runner, "HOLD_SECONDS", 0.05)
    lab = Lab()
    light_ran = threading.Event()

    def hold(planned: Planned) -> None:
        if planned.heavy:
            light_ran.wait(20)
        else:
            light_ran.set()

    lab.hold = hold
    often = replace(
        LIGHT, windows=(Window(days=EVERY_DAY, from_seconds=0, to_seconds=86_400, runs=2880),)
    )
    # the clock goes on while the heavy one hangs
    monkeypatch.setattr(Runner, "running_count", property(lambda _self: 0))
    live(tmp_path, monkeypatch, settings([HEAVY, often]), lab)
    marked = [each for each in lab.kept if each.context.get("heavy_test_meanwhile")]
    assert marked
    assert {each.probe for each in marked} == {"latency"}


def test_each_slot_without_budget_is_one_deferred_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six slots, bytes for some: run + deferred = six, each deferral with its reason, once."""
    config = settings([HEAVY], budget=Budget(day_bytes=30_000_000, fastest_bps=80e6))
    lab = Lab()
    live(tmp_path, monkeypatch, config, lab)
    deferred = [each for each in lab.kept if each.outcome is Outcome.DEFERRED]
    assert len(lab.kept) == 6
    assert 1 <= len(lab.measured) <= 2
    assert len(deferred) == 6 - len(lab.measured)
    codes = {each.failure.code for each in deferred if each.failure is not None}
    assert codes == {FailureCode.BUDGET_SPENT}
    assert all(
        "budget" in str(each.failure) or "bytes left" in str(each.failure) for each in deferred
    )


def test_while_the_time_of_day_is_not_known_no_heavy_test_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 1970 it could be an exam: light tests go on, marked; the line is left alone."""
    lab = Lab(clock=FakeClock(datetime(1970, 1, 2, 0, 59, tzinfo=UTC)))
    watch = ClockWatch(
        lab.clock,
        random.Random(1),
        kernel=lambda: ErrorEstimate(synchronised=False, error_seconds=None),
    )
    live(tmp_path, monkeypatch, settings([HEAVY, LIGHT]), lab, watch=watch)
    assert {probe for probe, _ in lab.measured} == {"latency"}
    assert len(lab.measured) >= 25
    assert {each.context["clock_state"] for each in lab.kept} == {"wrong"}


def test_the_full_length_run_is_marked_and_ten_seconds_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one of the days of the week; every other run has its own options."""
    planned = replace(HEAVY, calibrate=True)
    calibrations = []
    for day in range(7):
        lab = Lab(clock=FakeClock(datetime(2026, 5, 11 + day, 0, 59, tzinfo=UTC)))
        folder = tmp_path / str(day)
        folder.mkdir()
        live(folder, monkeypatch, settings([planned]), lab)
        calibrations += [each for each in lab.kept if each.context.get("calibration")]
        usual = [each for each in lab.kept if not each.context.get("calibration")]
        assert all(each.context["options"]["seconds"] == 1 for each in usual)  # type: ignore[index,call-overload]  # JSON
    (one,) = calibrations
    assert one.context["options"]["seconds"] == 10  # type: ignore[index,call-overload]  # JSON


@pytest.mark.parametrize("hours", [2, -2, 400 * 24, -400 * 24])
def test_steps_of_the_clock_do_not_move_the_schedule_once_the_time_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Half an hour in the wall clock jumps: every slot runs once, none is made up for."""
    lab = Lab()
    watch = ClockWatch(
        lab.clock,
        random.Random(1),
        kernel=lambda: ErrorEstimate(synchronised=False, error_seconds=None),
    )
    now = lab.clock.monotonic_seconds()
    watch._learn(Anchor("a test", lab.clock.now().timestamp(), now, 0.1), now)

    def step(minute: int) -> None:
        if minute == 30 and not stepped:
            stepped.append(minute)
            lab.clock.moment += timedelta(hours=hours)

    stepped: list[int] = []
    live(tmp_path, monkeypatch, settings([HEAVY, LIGHT]), lab, watch=watch, at_minute=step)
    probes = [probe for probe, _ in lab.measured]
    assert (probes.count("throughput"), probes.count("latency")) == (6, 30)
    assert stepped == [30]
    states = [each.context["clock_state"] for each in lab.kept]
    assert set(states) == {"good", "wrong"}


def test_a_light_test_that_hangs_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one child hangs, the other tests keep their moments; its own slots pass."""
    lab = Lab()
    release = threading.Event()

    def hold(planned: Planned) -> None:
        if planned.target == "192.0.2.66":
            release.wait(60)

    def at_minute(minute: int) -> None:
        if minute >= 60:
            release.set()

    lab.hold = hold
    monkeypatch.setattr(
        Runner, "running_count", property(lambda life: max(0, len(life._running) - 1))
    )
    hanging = replace(LIGHT, target="192.0.2.66")
    live(tmp_path, monkeypatch, settings([LIGHT, HEAVY, hanging]), lab, at_minute=at_minute)
    done = [each.target for each in lab.kept if each.target != "192.0.2.66"]
    assert done.count(HEAVY.target) == 6
    assert done.count(LIGHT.target) >= 28
