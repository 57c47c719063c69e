"""What the centre asks of a running agent: another policy, suppression, measuring now."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import runner as runner_module
from agent.allowed import Allowed
from agent.config import Config, Planned
from agent.identity import Enrolment, Identity
from agent.parts import Parts
from agent.push import Pusher, PushSettings, new_client
from agent.runner import Runner
from agent.steering import Steering
from tests.agent.spooling import AGENT, FakeClock, measurement, open_spool
from tests.wire.policies import POLICY, changed
from wire.codec import decode
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.heartbeat import Command, PolicyOffer, Reply, Suppress
from wire.measurement import Measurement
from wire.policy import canonical, sha256_of

START = datetime(2026, 5, 10, 21, 30, tzinfo=UTC)
"""06:30 on a Monday in Tokyo: in the quiet window of the policy."""
FAST = {"fastest_bps": 1e8}
DETAILS: dict[str, Any] = {
    "probe": "throughput",
    "target": "responder.example:4443",
    "options": {"seconds": 5},
}


@dataclass
class Child:
    """Stands in for measuring processes."""

    measured: list[tuple[str, Allowed | None]] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    until_cut: bool = False
    """A heavy test goes on until it is ended."""

    def supervise(self, planned: Planned, *given: Any) -> Measurement:
        """Measure."""
        cancelled, allowed = given[2], given[4]
        self.measured.append((planned.probe, allowed))
        self.begun.set()
        made = replace(measurement(planned.probe), target=planned.target)
        if self.until_cut and planned.heavy:
            while not cancelled.is_set():
                threading.Event().wait(0.01)
            failure = Failure(FailureCode.CANCELLED, Operation.RUN, "ended")
            return replace(made, outcome=Outcome.FAILED, failure=failure, values={})
        return replace(made, values={"download_bytes": 5_000_000}) if planned.heavy else made


@dataclass
class Life:
    """A runner that hears replies."""

    runner: Runner
    clock: FakeClock
    child: Child

    async def hear(self, **more: Any) -> None:
        """Hear a reply and let what it asked for end."""
        await self.runner._hear(Reply(server_time=self.clock.now(), **more))

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        while tasks := (*self.runner._running.values(), *self.runner._beside):
            await asyncio.wait(tasks)
            await asyncio.sleep(0)  # what is called when they have ended

    def come_due(self) -> int:
        """Start what is due by the plan now, as the loop of a running agent does."""
        life = self.runner
        ready, _ = life.agenda.take(life._slots(), life.now())
        for slot in ready:
            life._start(slot)
        return len(ready)


def live(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[Life], Awaitable[None]],
    appliance: Any = None,
) -> list[Measurement]:
    """Do ``work`` with a runner; give what was kept."""
    child, clock = Child(), FakeClock(START)
    monkeypatch.setattr(runner_module, "supervise", child.supervise)

    async def run() -> list[Measurement]:
        async with new_client(PushSettings()) as client:
            spool = open_spool(folder, clock=clock)
            enrolment = Enrolment(collector="https://collector.example", token="t" * 40)
            config = Config(tests=(), policy_source="central")
            parts = Parts(
                config=config,
                identity=Identity(agent_id=AGENT),
                state_dir=folder,
                spool=spool,
                pusher=Pusher(spool, enrolment, PushSettings(), client, clock, random.Random(1)),
                clock=clock,
                random=random.Random(1),
                steering=Steering(config, folder),
            )
            life = Runner(replace(parts, appliance=appliance))
            life._skip_past()
            await work(Life(life, clock, child))
            await Life(life, clock, child).quiet()
            kept = [decode(waiting.record) for waiting in spool.take(1000, 1 << 30)]
            spool.close()
            return sorted(kept, key=lambda result: result.seq)

    return asyncio.run(run())


def offer(document: Any, version: str) -> PolicyOffer:
    """A policy as the collector sends it."""
    text = canonical(document)
    return PolicyOffer(version=version, sha256=sha256_of(text), document=text)


def command(name: str = "c1", **details: Any) -> Command:
    """A command to measure now."""
    return Command(
        id=name,
        kind="measure",
        expires_at=START + timedelta(minutes=10),
        details=DETAILS | details,
    )


def test_a_policy_feeds_the_planner_at_once_without_a_burst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that was due before it came is run; what comes due after it is, once each."""

    async def work(life: Life) -> None:
        assert life.runner._slots() == ()
        await life.hear(policy=offer(POLICY, "1-aa"))
        slots = [slot for slot in life.runner._slots() if slot.at > life.clock.now()]
        assert slots
        assert life.come_due() == 0
        await life.hear(policy=offer(changed("tests.1.runs", {"quiet": 60}), "2-bb"))
        assert life.come_due() == 0
        for _ in range(180):
            life.clock.forward(30)
            life.come_due()
            await life.quiet()

    kept = live(tmp_path, monkeypatch, work)
    probes = [result.probe for result in kept]
    assert 40 <= probes.count("latency") <= 46  # of 60 in two hours the last 90 minutes
    assert probes.count("throughput") in (1, 2)


def test_tests_of_the_centre_are_guarded_and_counted_over_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each child gets the appliance's rules; bytes spent under one policy stay spent."""
    spent: list[int] = []

    async def work(life: Life) -> None:
        await life.hear(policy=offer(changed("budget", FAST), "1-aa"), commands=(command(),))
        await life.quiet()
        spent.append(life.runner.heavy.ration.ledger.spent_on(START.date() + timedelta(days=1)))
        limits = FAST | {"day_bytes": 150_000_000}
        await life.hear(policy=offer(changed("budget", limits), "2-bb"))
        spent.append(life.runner.heavy.ration.ledger.spent_on(START.date() + timedelta(days=1)))
        await life.hear(commands=(command("c2", options={"seconds": 10}),))
        await life.quiet()
        assert life.child.measured == [("throughput", Allowed())]

    kept = live(tmp_path, monkeypatch, work)
    assert spent == [5_300_000, 5_300_000]
    assert [result.outcome for result in kept] == [Outcome.OK, Outcome.DEFERRED]
    assert kept[1].failure is not None
    assert kept[1].failure.code is FailureCode.BUDGET_SPENT
    assert [result.context["command_id"] for result in kept] == ["c1", "c2"]


def test_a_command_is_carried_out_once_whatever_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command in three replies, another kind, one too late: one measurement."""

    async def work(life: Life) -> None:
        strange = replace(command("x"), kind="dance")
        late = replace(command("y"), expires_at=START)
        for _ in range(3):
            await life.hear(commands=(command(), strange, late))
        await life.quiet()

    assert len(live(tmp_path, monkeypatch, work)) == 1


def test_suppression_ends_the_heavy_test_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the reply that says so; lifted, the plan goes on without a burst."""
    exam = Suppress(until=START + timedelta(hours=3), reason="試験")

    async def work(life: Life) -> None:
        life.child.until_cut = True
        await life.hear(policy=offer(POLICY, "1-aa"), commands=(command(),))
        await asyncio.to_thread(life.child.begun.wait, 10)
        await life.hear(suppress=exam)
        await life.quiet()
        for _ in range(60):
            life.clock.forward(30)
            life.come_due()
            await life.quiet()
        assert len(life.child.measured) == 1
        await life.hear(suppress=exam, commands=(replace(command("c2"), expires_at=exam.until),))
        await life.quiet()
        life.child.until_cut = False
        await life.hear(suppress=None)
        life.clock.forward(1)
        assert life.come_due() <= 1
        await life.quiet()
        for _ in range(10):
            life.clock.forward(60)
            life.come_due()
            await life.quiet()

    kept = live(tmp_path, monkeypatch, work)
    first, second, *after = kept
    assert first.failure is not None
    assert (first.outcome, first.failure.code) == (Outcome.FAILED, FailureCode.SUPPRESSED)
    assert "試験" in first.failure.text
    assert second.failure is not None
    assert (second.outcome, second.failure.code) == (Outcome.DEFERRED, FailureCode.SUPPRESSED)
    assert after


def test_suppression_is_known_to_the_next_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart in an exam measures nothing before the first heartbeat either."""

    async def first(life: Life) -> None:
        exam = Suppress(until=START + timedelta(hours=3), reason="exam")
        await life.hear(policy=offer(POLICY, "1-aa"), suppress=exam)

    async def second(life: Life) -> None:
        assert life.runner._slots() != ()
        for _ in range(60):
            life.clock.forward(30)
            life.come_due()
            await life.quiet()
        assert life.child.measured == []

    live(tmp_path, monkeypatch, first)
    live(tmp_path, monkeypatch, second)


def test_measuring_now_respects_a_blackout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exam is an exam, whoever asks; the answer says why."""
    exam = [{"first": "2026-05-11", "from": "06:00", "to": "07:00", "reason": "exam"}]

    async def work(life: Life) -> None:
        await life.hear(policy=offer(changed("blackouts", exam), "1-aa"))
        light = command("c2", probe="latency", target="a.example", options={})
        await life.hear(commands=(command(), light))
        await life.quiet()
        assert life.child.measured == []

    kept = live(tmp_path, monkeypatch, work)
    assert [result.outcome for result in kept] == [Outcome.DEFERRED] * 2
    assert {result.failure.text for result in kept if result.failure} == {"blackout: exam"}


def test_the_ceiling_is_known_before_the_first_heavy_test_of_a_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An appliance that waited for its policy had no reason to measure it before."""
    prepared: list[bool] = []

    class Ceiling:
        """Stands in for the appliance."""

        def prepare(self, _cancelled: object) -> None:
            """Measure the ceiling."""
            prepared.append(True)

        def context(self, _target: str) -> dict[str, Any]:
            """What is known."""
            return {"appliance_ceiling_bps": 1e9 if prepared else 0.0}

    async def work(life: Life) -> None:
        await life.hear(policy=offer(POLICY, "1-aa"), commands=(command(),))
        await life.quiet()

    (result,) = live(tmp_path, monkeypatch, work, Ceiling())
    assert result.context["appliance_ceiling_bps"] == 1e9
