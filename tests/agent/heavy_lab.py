"""A running agent whose measurements are recorded instead of made."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent import heavy, runner
from agent.clock_watch import ClockWatch
from agent.config import Config, Planned
from agent.context import Reading
from agent.identity import Enrolment, Identity
from agent.parts import Parts
from agent.push import Pusher, PushSettings, new_client
from agent.runner import Runner
from tests.agent.spooling import AGENT, FakeClock, measurement, open_spool
from wire.codec import decode
from wire.measurement import Measurement
from wire.planning.schedule import Window

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
