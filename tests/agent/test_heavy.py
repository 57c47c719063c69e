"""Heavy tests in a running agent: alone, within budget, put off when the line is busy."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent import busy, heavy, runner
from agent.clock_check import Anchor
from agent.clock_watch import ClockWatch
from agent.config import Config, LineSettings, Planned
from agent.context import Reading
from agent.identity import Enrolment, Identity
from agent.line_counters import with_line_counters
from agent.parts import Parts
from agent.push import Pusher, PushSettings, new_client
from agent.runner import Runner
from agent.stamp.packet import ErrorEstimate
from tests.agent.spooling import AGENT, FakeClock, measurement, open_spool
from wire.codec import decode
from wire.failure import FailureCode, Outcome
from wire.measurement import Measurement
from wire.planning.cost import Budget
from wire.planning.schedule import Slot, Window

EVERY_DAY = frozenset(range(7))
HEAVY = Planned(
    probe="throughput",
    target="192.0.2.1:4443",
    options={"seconds": 1, "direction": "download"},
    windows=(Window(days=EVERY_DAY, from_seconds=3600, to_seconds=7200, runs=6),),
)
LIGHT = Planned(
    probe="latency",
    target="192.0.2.1",
    windows=(Window(days=EVERY_DAY, from_seconds=3600, to_seconds=7200, runs=30),),
)


@dataclass
class Line:
    """Counters that a test sets: bits per second that others use."""

    clock: FakeClock
    bps: float = 0.0
    source: str = "a test"
    header_bytes: int = 66
    total: int = 0
    looks: int = 0

    def read(self) -> Reading:
        """Each look is two seconds after the one before."""
        self.looks += 1
        self.total += int(self.bps * 2 / 8)
        return Reading(2.0 * self.looks, self.total, 0, 0, 0)


@dataclass
class Lab:
    """A runner whose measurements are recorded instead of made."""

    clock: FakeClock = field(
        default_factory=lambda: FakeClock(datetime(2026, 5, 11, 0, 59, tzinfo=UTC))
    )
    at_once: int = 0
    most_at_once: int = 0
    measured: list[tuple[str, datetime]] = field(default_factory=list)
    kept: list[Measurement] = field(default_factory=list)
    hold: Callable[[Planned], None] = lambda _planned: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def supervise(self, planned: Planned, *_: object) -> Measurement:
        """Stands in for a child."""
        with self.lock:
            self.measured.append((planned.probe, self.clock.now()))
            if planned.heavy:
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
        self.hold(planned)
        with self.lock:
            if planned.heavy:
                self.at_once -= 1
        made = measurement(planned.probe)
        values = {"download_bytes": 10_000_000} if planned.heavy else made.values
        return replace(
            made,
            target=planned.target,
            values=values,
            started_at=self.clock.now(),
            monotonic_start_seconds=self.clock.monotonic_seconds(),
            context={"options": dict(planned.options)},
        )


def live(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: Config,
    lab: Lab,
    *,
    minutes: int = 65,
    line: Line | None = None,
    watch: ClockWatch | None = None,
    at_minute: Callable[[int], None] = lambda _minute: None,
) -> Runner:
    """Live from 00:59 on for some minutes, a look each half minute."""
    monkeypatch.setattr(runner, "supervise", lab.supervise)
    monkeypatch.setattr(heavy, "LOOK_SECONDS", 0.0)
    looks = 0

    async def work() -> Runner:
        nonlocal looks
        async with new_client(PushSettings()) as client:
            spool = open_spool(tmp_path, clock=lab.clock)
            pusher = Pusher(
                spool,
                Enrolment(collector="https://collector.example", token="t" * 40),
                PushSettings(),
                client,
                lab.clock,
                random.Random(1),
            )
            parts = Parts(
                config=config,
                identity=Identity(agent_id=AGENT),
                state_dir=tmp_path,
                spool=spool,
                pusher=pusher,
                clock=lab.clock,
                random=random.Random(1),
                counters=line,
                watch=watch,
            )
            life = Runner(parts)

            def pass_time(*_: object) -> float:
                nonlocal looks
                if life.running_count:
                    return 0.0
                looks += 1
                lab.clock.forward(30.0)
                at_minute(looks // 2)
                if looks > 2 * minutes:
                    life.stop()
                return 0.0

            monkeypatch.setattr(runner, "seconds_to_next", pass_time)
            monkeypatch.setattr(pusher, "run", lambda stop: stop.wait())
            if watch is not None:
                monkeypatch.setattr(watch, "run", lambda stop: stop.wait())
            await life.run()
            lab.kept = [decode(waiting.record) for waiting in spool.take(1000, 1 << 30)]
            spool.close()
            return life

    return asyncio.run(work())


def settings(tests: Sequence[Planned], **others: object) -> Config:
    """A configuration in UTC."""
    return Config(tests=tuple(tests), zone=ZoneInfo("UTC"), **others)  # type: ignore[arg-type]  # a test's shorthand


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


@pytest.mark.parametrize("when_busy", ["measure", "defer"])
def test_on_a_busy_line_a_test_is_put_off_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when_busy: str
) -> None:
    """At most two retries in its window, then measured with what was seen, or deferred."""
    one = replace(HEAVY.windows[0], runs=1)
    planned = replace(HEAVY, windows=(one,), when_busy=when_busy)
    lab = Lab()
    line = Line(lab.clock, bps=50e6)
    config = settings([planned], line=LineSettings(busy_retries=2))
    live(tmp_path, monkeypatch, config, lab, line=line)
    (result,) = lab.kept
    assert 1 <= int(str(result.context["put_off_count"])) <= 2
    assert result.context["line_before_bps"] == pytest.approx(50e6)
    if when_busy == "defer":
        assert result.outcome is Outcome.DEFERRED
        assert result.failure is not None
        assert result.failure.code is FailureCode.LINE_BUSY
        assert lab.measured == []
    else:
        assert result.outcome is Outcome.OK
        assert len(lab.measured) == 1


def test_on_a_line_that_becomes_free_the_retry_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put off once, then run within the same window."""
    planned = replace(HEAVY, windows=(replace(HEAVY.windows[0], runs=1),))
    lab = Lab()
    line = Line(lab.clock, bps=50e6)
    seen: list[datetime] = []

    def quiet_after_first_look(_minute: int) -> None:
        if line.total and not seen:
            seen.append(lab.clock.now())
            line.bps = 0.0

    live(
        tmp_path,
        monkeypatch,
        settings([planned]),
        lab,
        line=line,
        at_minute=quiet_after_first_look,
    )
    (result,) = lab.kept
    assert result.outcome is Outcome.OK
    assert result.context["put_off_count"] == 1
    assert lab.measured[0][1] >= seen[0] + timedelta(seconds=20)


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


ROUTER = LineSettings(wan_device="192.0.2.1", wan_port="ge0")
CARD = LineSettings(wan_interface="eth1", wan_device="192.0.2.1", wan_port="ge0")
AT_ROUTER = {"wan_device": "192.0.2.1", "wan_port": "ge0"}


@pytest.mark.parametrize(
    ("probe", "line", "given", "added"),
    [
        ("throughput", ROUTER, {}, AT_ROUTER),
        ("throughput", CARD, {}, {"wan_interface": "eth1"}),
        ("bottleneck", ROUTER, {}, AT_ROUTER),
        ("bottleneck", CARD, {}, AT_ROUTER),  # it knows no interface of this machine
        ("throughput", ROUTER, {"wan_interface": "eth7"}, {}),
        ("throughput", ROUTER, {"wan_device": "192.0.2.9", "wan_port": "1"}, {}),
        ("throughput", LineSettings(), {}, {}),
        ("ookla", ROUTER, {}, {}),
    ],
)
def test_a_test_of_the_policy_gets_the_counters_of_this_line(
    probe: str, line: LineSettings, given: dict[str, str], added: dict[str, str]
) -> None:
    """The centre does not know the routers of schools; what a test names itself it keeps."""
    planned = Planned(probe=probe, target="192.0.2.1:4443", options={"seconds": 3, **given})
    found = with_line_counters(planned, line)
    assert found == replace(planned, options={"seconds": 3, **given, **added})


def test_heavy_tests_run_with_the_counters_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured has them; the ledger knows the test under the options of its plan."""
    lab = Lab()
    live(tmp_path, monkeypatch, settings([HEAVY], line=ROUTER), lab)
    options = [each.context["options"] for each in lab.kept]
    assert options
    assert all(each == {**HEAVY.options, **AT_ROUTER} for each in options)


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


@pytest.mark.parametrize(
    ("before", "after", "bps"),
    [
        ((0, 0, 0), (2, 5_000_000, 0), 20e6),
        ((0, 0, 0), (2, 0, 10_000_000), 40e6),
        ((0, 9, 0), (2, 5, 0), None),
        ((2, 0, 0), (2, 5, 0), None),
    ],
)
def test_busy_is_the_larger_direction(
    before: tuple[int, int, int], after: tuple[int, int, int], bps: float | None
) -> None:
    """Counters that ran backwards or stood still say nothing."""
    first, second = (Reading(at, received, 0, sent, 0) for at, received, sent in (before, after))
    assert busy.busy_bps(first, second) == bps
