"""Run the flows of one direction and sample how much made it across."""

import selectors
from collections.abc import Callable, Sequence
from typing import Final

from agent.clock import Clock
from agent.throughput.estimator import Sample
from agent.throughput.flow import Flow
from agent.throughput.kernel_queue import FAST_BYTES_PER_SECOND
from agent.throughput.messages import INTERVAL_SECONDS

TICK_SECONDS: Final = 0.025
STALL_SECONDS: Final = 3.0
"""No byte in either flow for this long ends the test."""
FINISH_SECONDS: Final = 1.0
"""How long a polite end may take a client that has its figures."""

_HOW: Final = {
    "closed": "the other side said good-bye",
    "eof": "the connection was closed without a good-bye",
    "reset": "the connection was reset",
    "broken": "the connection broke: {}",
}

OnTick = Callable[[float, Sequence[Sample]], bool]
"""Called with elapsed seconds and the samples so far; True ends the test."""


class FlowEnded(Exception):
    """A flow ended before the test did: ``flow.ended`` and ``flow.trouble`` say how."""

    def __init__(self, flow: Flow, samples: Sequence[Sample]) -> None:
        self.flow = flow
        self.samples = samples
        super().__init__(_HOW[flow.ended or "eof"].format(flow.trouble))


class Stalled(Exception):
    """No byte moved for :data:`STALL_SECONDS`."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        super().__init__(f"no byte moved for {STALL_SECONDS:g} s")


class Engine:
    """Drives flows until the time is over, ``on_tick`` says stop, or the peer ends.

    ``endpoints``: (client, server) for the messages of a server; None at a client.
    """

    def __init__(
        self, flows: Sequence[Flow], clock: Clock, endpoints: tuple[str, str] | None = None
    ) -> None:
        self._flows = flows
        self._clock = clock
        self._endpoints = endpoints
        self._selector = selectors.DefaultSelector()
        self._mask: dict[int, int] = {}
        self.samples: list[Sample] = []

    def run(self, seconds: float, on_tick: OnTick) -> list[Sample]:
        """Run for up to ``seconds``. Raises :class:`FlowEnded` or :class:`Stalled`."""
        now = started = self._clock.monotonic_seconds()
        for flow in self._flows:
            flow.start(now)
            self._watch(flow)
        self._sample(now)
        next_tick, next_words, moved_at = now + TICK_SECONDS, now + INTERVAL_SECONDS, now
        while True:
            self._turn(max(0.0, next_tick - self._clock.monotonic_seconds()))
            now = self._clock.monotonic_seconds()
            if now < next_tick:
                continue
            next_tick = now + TICK_SECONDS
            moved_at = self._tick(now, moved_at)
            if now >= next_words:
                next_words = now + INTERVAL_SECONDS
                self._speak(now)
            if on_tick(now - started, self.samples) or now - started >= seconds:
                return self.samples

    def finish(self, seconds: float = FINISH_SECONDS) -> None:
        """End politely within ``seconds``; raises nothing, the figures are there already.

        The binary message under way, a last measurement message, a close frame, the peer's.
        """
        now = self._clock.monotonic_seconds()
        deadline = now + seconds
        for flow in self._flows:
            flow.say(now, self._endpoints)
            flow.stop()
            self._watch(flow)
        while any(flow.ended is None or not flow.finished for flow in self._flows):
            left = deadline - self._clock.monotonic_seconds()
            if left <= 0:
                return
            self._turn(min(left, TICK_SECONDS))

    def close(self) -> None:
        """Let go of selector and sockets."""
        self._selector.close()
        for flow in self._flows:
            flow.close()

    def _turn(self, timeout_seconds: float) -> None:
        for key, events in self._selector.select(timeout_seconds):
            flow: Flow = key.data
            if events & selectors.EVENT_READ:
                flow.read_ready()
            if events & selectors.EVENT_WRITE:
                flow.write_ready()
            self._watch(flow)

    def _watch(self, flow: Flow) -> None:
        events, before = self._events(flow), self._mask.get(id(flow), 0)
        if events == before:
            return
        if before == 0:
            self._selector.register(flow.sock, events, flow)
        elif events == 0:
            self._selector.unregister(flow.sock)
        else:
            self._selector.modify(flow.sock, events, flow)
        self._mask[id(flow)] = events

    @staticmethod
    def _events(flow: Flow) -> int:
        read = selectors.EVENT_READ if flow.hears else 0
        return read | (selectors.EVENT_WRITE if flow.wants_to_write else 0)

    def _tick(self, now: float, moved_at: float) -> float:
        for flow in self._flows:
            flow.read_ready()  # what waits in the kernel belongs to this sample
            self._watch(flow)
        self._sample(now)
        for flow in self._flows:
            if flow.ended is not None:
                raise FlowEnded(flow, self.samples)
        if self.samples[-1].total_bytes > self.samples[-2].total_bytes:
            self._tune()
            return now
        if now - moved_at >= STALL_SECONDS:
            raise Stalled(self.samples)
        return moved_at

    def _sample(self, now: float) -> None:
        counts = [flow.progress() for flow in self._flows]
        segments = [count.segments for count in counts if count.segments is not None]
        self.samples.append(
            Sample(
                now,
                sum(count.in_order_bytes for count in counts),
                sum(segments) if len(segments) == len(counts) else None,
            )
        )

    def _tune(self) -> None:
        back = self.samples[max(0, len(self.samples) - 5)]
        last = self.samples[-1]
        if len(self.samples) % 4 == 0 and last.at_seconds > back.at_seconds:
            rate = (last.total_bytes - back.total_bytes) / (last.at_seconds - back.at_seconds)
            fast = rate >= FAST_BYTES_PER_SECOND
            for flow in self._flows:
                flow.tune(rate / len(self._flows), fast=fast)

    def _speak(self, now: float) -> None:
        for flow in self._flows:
            flow.say(now, self._endpoints)
            self._watch(flow)
