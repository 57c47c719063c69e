"""Probes while a load runs: foreign ones beside it, pings on its own connections."""

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Final

from agent.clock import Clock
from agent.throughput.connect import Target
from agent.throughput.estimator import Sample
from agent.throughput.flow import Flow
from agent.throughput.foreign import TIMEOUT_SECONDS, ForeignProber
from agent.throughput.working_latency import (
    RULES,
    Kind,
    RoundTrip,
    Rules,
    Stages,
    probe_interval_seconds,
    rpm,
)
from wire.failure import FailureCode

_RATE_SECONDS: Final = 1.0
"""The share of the probes is of the goodput of this long."""
_FIRST_SECONDS: Final = 0.25
"""Before that no rate is known that probes could take a share of."""

OnInterval = Callable[[float, float | None], None]
"""Told the elapsed seconds and the responsiveness so far, once an interval."""


@dataclass(slots=True)
class _Pings:
    """Pings under way by payload, and how many there were."""

    sent_at: dict[bytes, float] = field(default_factory=dict)
    count: int = 0
    answered: int = 0


class Loaded:
    """Give :meth:`open` and :meth:`tick` to a load; what was found is here afterwards."""

    def __init__(
        self,
        target: Target,
        clock: Clock,
        random: Random,
        longest_seconds: float,
        on_interval: OnInterval,
        rules: Rules = RULES,
    ) -> None:
        self.trips: list[RoundTrip] = []
        self.stages = Stages(rules)
        self.prober = ForeignProber(target, clock, self.trips.append)
        self.ended_at: float | None = None
        self._clock = clock
        self._random = random
        self._rules = rules
        self._longest_seconds = longest_seconds
        self._on_interval = on_interval
        self._flows: Sequence[Flow] = ()
        self._pings = _Pings()
        self._next_ping = 0.0
        self._interval_from: Sample | None = None
        self._tcp: list[tuple[float, float]] = []

    def open(self, flows: Sequence[Flow]) -> None:
        """Take the flows of the load before they start."""
        self._flows = flows
        for flow in flows:
            flow.be_prompt()
            flow.on_pong = self._pong

    def tick(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        """Probe; at the end of an interval see whether goodput and responsiveness settled."""
        now = samples[-1].at_seconds
        self.ended_at = now
        if self._interval_from is None:
            self._interval_from = samples[0]
        self._probe(elapsed_seconds, samples)
        length = self._rules.interval_seconds
        if elapsed_seconds >= length * (self.stages.intervals + 1):
            self._end_interval(elapsed_seconds, self._interval_from, samples[-1])
            self._interval_from = samples[-1]
        over = self.stages.done or elapsed_seconds >= self._longest_seconds
        if over:
            self.prober.stop()
        return over

    def close(self) -> None:
        """Stop probing; call it whatever became of the load."""
        self.prober.stop()
        self.prober.join()

    def counted(self) -> list[RoundTrip]:
        """The round trips that ended in the last intervals a moving average is over."""
        if self.ended_at is None:
            return []
        begin = self.ended_at - self._rules.distance * self._rules.interval_seconds
        return [trip for trip in list(self.trips) if begin <= trip.at_seconds <= self.ended_at]

    def tcp_rtt_seconds(self) -> float | None:
        """Median of TCP's own smoothed round trip at the sender over the same intervals."""
        recent = [seconds for _, seconds in self._tcp[-self._rules.distance :]]
        return median(recent) if recent else None

    @property
    def pings_answered(self) -> int:
        """Pings that came back."""
        return self._pings.answered

    @property
    def lost(self) -> Counter[FailureCode]:
        """Probes of both sorts without an answer within their time."""
        end = self.ended_at or 0.0
        late = sum(1 for at in self._pings.sent_at.values() if end - at >= TIMEOUT_SECONDS)
        return self.prober.lost + Counter({FailureCode.NO_REPLY: late})

    @property
    def unfinished(self) -> int:
        """Probes of both sorts that were under way when the load ended."""
        end = self.ended_at or 0.0
        pings = sum(1 for at in self._pings.sent_at.values() if end - at < TIMEOUT_SECONDS)
        return self.prober.unfinished + pings

    def _probe(self, elapsed_seconds: float, samples: Sequence[Sample]) -> None:
        if elapsed_seconds < _FIRST_SECONDS:
            return
        interval = probe_interval_seconds(_recent_bps(samples), self._rules)
        self.prober.interval_seconds = interval
        if self._next_ping == 0.0:
            self.prober.start()
            self._next_ping = elapsed_seconds + interval / 2  # between two foreign ones
        if elapsed_seconds >= self._next_ping:
            self._next_ping = max(self._next_ping + interval, elapsed_seconds)
            self._ping()

    def _ping(self) -> None:
        payload = struct.pack(">Q", self._pings.count)
        self._pings.sent_at[payload] = self._clock.monotonic_seconds()
        if self._random.choice(self._flows).ping(payload):
            self._pings.count += 1
        else:  # the ones before it wait still: they will tell
            del self._pings.sent_at[payload]

    def _pong(self, payload: bytes) -> None:
        sent_at = self._pings.sent_at.pop(payload, None)
        if sent_at is None:  # nobody asked for it (RFC 6455 section 5.5.3 allows that)
            return
        now = self._clock.monotonic_seconds()
        self._pings.answered += 1
        self.trips.append(RoundTrip(Kind.LOADED, now, now - sent_at))

    def _end_interval(self, elapsed_seconds: float, first: Sample, last: Sample) -> None:
        found = rpm(self.counted(), self._rules)
        moved, took = last.total_bytes - first.total_bytes, last.at_seconds - first.at_seconds
        self.stages.interval(moved, took, found)
        if (rtt := self._smoothed_rtt()) is not None:
            self._tcp.append((last.at_seconds, rtt))
        self._on_interval(elapsed_seconds, found)

    def _smoothed_rtt(self) -> float | None:
        """Of the sending side: our kernel's, or what the far end's last message said."""
        infos = [
            flow.tcp_info() if flow.sends else flow.peer_report and flow.peer_report.tcp
            for flow in self._flows
        ]
        found = [info.rtt_microseconds for info in infos if info and info.rtt_microseconds]
        return sum(found) / len(found) / 1e6 if found else None


def _recent_bps(samples: Sequence[Sample]) -> float:
    last = samples[-1]
    first = next(each for each in samples if each.at_seconds >= last.at_seconds - _RATE_SECONDS)
    took = last.at_seconds - first.at_seconds
    return 8 * (last.total_bytes - first.total_bytes) / took if took > 0 else 0.0
