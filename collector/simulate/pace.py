"""The time simulated agents live in: real time, faster, or skipped where nothing happens.

Theory of operation. Everyone who waits for a moment stands in one heap; one task moves time to the
next of them. While a request is under way time passes at most ``speed`` times as fast as a real
clock, so that what the collector does is never made shorter than it is; at ``speed`` 1 it is real
time. Where ``skipping`` is set and no request is under way, time jumps to the next moment: agents
that only wait need no real time to do so.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

_NEVER: Final = float("inf")


class Pace:
    """Seconds since the simulation began, and waiting for them."""

    def __init__(self, monotonic_seconds: Callable[[], float], speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed: found {speed}, allowed is above 0")
        self._real = monotonic_seconds
        self._speed = speed
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()
        self._changed = asyncio.Event()
        self._base_seconds = 0.0
        self._base_real_seconds = monotonic_seconds()
        self._busy = 0
        self.skipping = False

    def now_seconds(self) -> float:
        """Simulated seconds since the start."""
        return self._base_seconds + (self._real() - self._base_real_seconds) * self._speed

    @property
    def speed(self) -> float:
        """Simulated seconds in a real one."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._rebase(self.now_seconds())
        self._speed = speed
        self._changed.set()

    async def until(self, moment_seconds: float) -> None:
        """Wait for a simulated moment; at once where it has passed."""
        if moment_seconds <= self.now_seconds():
            await asyncio.sleep(0)
            return
        waiting = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (moment_seconds, next(self._number), waiting))
        self._changed.set()
        await waiting

    async def sleep(self, seconds: float) -> None:
        """Wait for some simulated seconds."""
        await self.until(self.now_seconds() + seconds)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Say that something real is under way: time does not jump meanwhile."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._changed.set()

    async def run(self) -> None:
        """Move time until cancelled."""
        while True:
            self._changed.clear()
            await asyncio.sleep(0)  # whoever was woken says first what it waits for next
            self._wake()
            due = self._next()
            if self.skipping and not self._busy and not self._changed.is_set() and due < _NEVER:
                self._rebase(max(due, self.now_seconds()))
                self._wake()
                continue
            pause = None if due == _NEVER else (due - self.now_seconds()) / self._speed
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def _rebase(self, seconds: float) -> None:
        self._base_seconds, self._base_real_seconds = seconds, self._real()

    def _next(self) -> float:
        while self._waiting and self._waiting[0][2].done():  # cancelled
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else _NEVER

    def _wake(self) -> None:
        now = self.now_seconds()
        while self._next() <= now:
            waiting = heapq.heappop(self._waiting)[2]
            if not waiting.done():
                waiting.set_result(None)
                self._changed.set()
