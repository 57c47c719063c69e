"""What becomes of one simulated agent: its results, restarts, lost lines and wrong clock. Pure.

Everything follows from the seed and the agent's number, never from how fast the collector answers:
the same seed makes the same results, byte for byte, where the start is the same.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Fields, Json, Measurement

TARGET: Final = "centre.simulated.example:4443"
HOUR_SECONDS: Final = 3600.0
_RESULT, _RESTART, _LINE_LOST = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How agents live; times in seconds of simulated time."""

    result_seconds: float = 120.0
    """Mean time between two results."""
    restart_hours: float = 48.0
    """Mean time between two restarts; 0: none."""
    line_lost_hours: float = 24.0
    """Mean time between two losses of the school's own line; 0: none."""
    line_lost_seconds: float = 300.0
    """Mean length of such a loss."""
    wrong_clock_ratio: float = 0.02
    """Share of agents whose clock is minutes to hours off."""
    failure_ratio: float = 0.03
    """Share of measurements that fail."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The appliance starts anew: another boot, its queue kept, its back-off forgotten."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class LineLost:
    """The school's line is down from ``at_seconds`` to ``until_seconds``."""

    at_seconds: float
    until_seconds: float


@dataclass(frozen=True, slots=True)
class Made:
    """A result that was accepted into the queue."""

    at_seconds: float
    measurement: Measurement


Event = Restart | LineLost | Made


class Life:
    """One agent; ``number`` from 0."""

    def __init__(self, seed: int, number: int, habits: Habits, started_at: datetime) -> None:
        self._random = Random(f"{seed}:{number}")  # noqa: S311 - a simulation, no secret
        self._habits = habits
        self._started_at = started_at
        self.agent_id = self._uuid()
        self._stream = self._uuid()
        self.boot_id = self._uuid()
        self.booted_at_seconds = -self._random.uniform(0, 24 * HOUR_SECONDS)
        self._seq = 0
        self.clock_offset_seconds = self._clock_offset()
        self._capacity_bps = self._random.uniform(5e7, 9e8)

    def events(self, length_seconds: float) -> Iterator[Event]:
        """All that happens, in order of time."""
        habits, random = self._habits, self._random
        coming = [(random.uniform(0, habits.result_seconds), _RESULT)]
        for kind, hours in ((_RESTART, habits.restart_hours), (_LINE_LOST, habits.line_lost_hours)):
            if hours > 0:
                coming.append((random.expovariate(1 / (hours * HOUR_SECONDS)), kind))
        heapq.heapify(coming)
        while coming[0][0] < length_seconds:
            at_seconds, kind = coming[0]
            if kind == _RESULT:
                yield Made(at_seconds, self._measurement(at_seconds))
                pause = habits.result_seconds * random.uniform(0.5, 1.5)
            elif kind == _RESTART:
                self.boot_id, self.booted_at_seconds = self._uuid(), at_seconds
                yield Restart(at_seconds)
                pause = random.expovariate(1 / (habits.restart_hours * HOUR_SECONDS))
            else:
                lasts = random.expovariate(1 / habits.line_lost_seconds)
                yield LineLost(at_seconds, at_seconds + lasts)
                pause = lasts + random.expovariate(1 / (habits.line_lost_hours * HOUR_SECONDS))
            heapq.heapreplace(coming, (at_seconds + pause, kind))

    def _uuid(self) -> str:
        return uuid4(self._random.getrandbits(128))

    def _clock_offset(self) -> float:
        if self._random.random() < self._habits.wrong_clock_ratio:
            return self._random.choice((-1, 1)) * self._random.uniform(120, 3 * HOUR_SECONDS)
        return self._random.gauss(0, 0.05)

    def _measurement(self, at_seconds: float) -> Measurement:
        random = self._random
        self._seq += 1
        light = random.random() < 0.75
        failed = random.random() < self._habits.failure_ratio
        started_at = self._started_at + timedelta(seconds=at_seconds + self.clock_offset_seconds)
        context: dict[str, Json] = {
            "agent_version": "simulated",
            "clock_offset_seconds": round(-self.clock_offset_seconds, 3),
            "cpu_utilisation_ratio": round(random.uniform(0.02, 0.3), 3),
        }
        return Measurement(
            result_id=uuid7(int(started_at.timestamp() * 1000), random.getrandbits(74)),
            agent_id=self.agent_id,
            stream=self._stream,
            seq=self._seq,
            probe="latency" if light else "throughput",
            target=TARGET.partition(":")[0] if light else TARGET,
            segment="internet",
            started_at=started_at,
            boot_id=self.boot_id,
            monotonic_start_seconds=round(at_seconds - self.booted_at_seconds, 3),
            duration_seconds=round(random.uniform(2, 4) if light else random.uniform(5, 20), 3),
            outcome=Outcome.FAILED if failed else Outcome.OK,
            failure=Failure(FailureCode.NO_REPLY, Operation.RECEIVE, "simulated: no reply")
            if failed
            else None,
            values={} if failed else self._values(light=light),
            context=context,
            simulated=True,
        )

    def _values(self, *, light: bool) -> Fields:
        random = self._random
        if light:
            low = random.uniform(0.004, 0.02)
            return {
                "rtt_min_seconds": round(low, 6),
                "rtt_median_seconds": round(low * 1.1, 6),
                "rtt_p95_seconds": round(low * 1.6, 6),
                "loss_ratio": random.choice((0.0, 0.0, 0.0, 0.05)),
                "sent_count": 20,
            }
        download = self._capacity_bps * random.uniform(0.4, 1.0)
        return {
            "download_bps": round(download),
            "upload_bps": round(download * 0.6),
            "download_bytes": round(download * 1.25),
        }
