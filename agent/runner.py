"""The life of an agent: measure on schedule, keep, deliver, stop cleanly.

One measurement at a time, each in a child process, so that tests do not disturb each other and a
hung one disturbs nothing. The loop looks at the wall clock anew at least every
:data:`TICK_SECONDS`, so a step of the clock or a suspend is noticed; see
:mod:`agent.schedule` for why neither causes a burst.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final

from agent.clock import Clock
from agent.config import Config, Planned
from agent.identity import Identity
from agent.push import Pusher
from agent.schedule import Slot, due, plan, seconds_to_next
from agent.spool import Spool
from agent.state import STATUS_FILE, write_json
from agent.status import snapshot
from agent.supervise import CHILD_COMMAND, supervise
from wire.measurement import Measurement

log: Final = logging.getLogger(__name__)

TICK_SECONDS: Final = 15.0
STOP_SECONDS: Final = 8.0
"""Everything must have ended this long after a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a runner works with."""

    config: Config
    identity: Identity
    state_dir: Path
    spool: Spool
    pusher: Pusher
    clock: Clock
    random: Random
    command: Sequence[str] = CHILD_COMMAND


class Runner:
    """Measures and delivers until it is stopped."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cancelled = threading.Event()
        self._stop = asyncio.Event()
        self._done: set[Slot] = set()
        self._missed = 0
        self._planned_for: date | None = None
        self._planned: tuple[Slot, ...] = ()

    def stop(self) -> None:
        """Ask for a clean end: the measurement under way is cancelled, results are kept."""
        self._cancelled.set()
        self._stop.set()

    async def run(self) -> None:
        """Measure on schedule and deliver until :meth:`stop`."""
        self._skip_past()
        pushing = asyncio.create_task(self._parts.pusher.run(self._stop))
        measuring = asyncio.create_task(self._measure_on_schedule())
        stopping = asyncio.create_task(self._stop.wait())
        self.write_status()
        try:
            await asyncio.wait((pushing, measuring, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            await asyncio.wait((measuring,), timeout=STOP_SECONDS)
            for task in (pushing, measuring, stopping):
                task.cancel()
            results = await asyncio.gather(pushing, measuring, stopping, return_exceptions=True)
            self.write_status()
        for result in results:  # a bug ends the process loudly; the service manager restarts it
            if isinstance(result, Exception):
                raise result

    async def once(self, show: Callable[[Measurement], None]) -> str | None:
        """Run each test once, deliver everything; give the reason if not all was delivered."""
        for planned in self._parts.config.tests:
            if self._stop.is_set():
                return "stopped"
            result = await self._measure(planned)
            if result is None:
                return f"a result could not be kept: {self._parts.spool.trouble or 'no room'}"
            show(result)
        failure = await self._parts.pusher.drain()
        self.write_status()
        return None if failure is None else failure.detail

    def write_status(self) -> None:
        """Tell ``hakaru-agent status``. Failing to do so stops nothing."""
        parts = self._parts
        state = snapshot(
            parts.identity, parts.spool, parts.pusher.delivery, parts.clock.now(), self._missed
        )
        with contextlib.suppress(OSError):  # a full disk; the results matter more
            write_json(parts.state_dir / STATUS_FILE, state, durable=False)

    async def _measure_on_schedule(self) -> None:
        while not self._stop.is_set():
            slots = self._slots()
            now = self._parts.clock.now()
            ready, passed = due(slots, now, self._done)
            self._done |= {*ready, *passed}
            self._done &= set(slots)
            if passed:
                self._missed += len(passed)
                log.info("%d slots passed unused (suspended, stopped or busy)", len(passed))
            for slot in ready:
                if self._stop.is_set():
                    return
                await self._measure(self._parts.config.tests[slot.test])
            with contextlib.suppress(TimeoutError):
                pause = seconds_to_next(slots, self._parts.clock.now(), TICK_SECONDS)
                await asyncio.wait_for(self._stop.wait(), max(pause, 0.01))

    async def _measure(self, planned: Planned) -> Measurement | None:
        parts = self._parts
        result = await asyncio.to_thread(
            supervise, planned, parts.clock, parts.random, self._cancelled, parts.command
        )
        stored = await asyncio.to_thread(parts.spool.accept, result)
        if stored is not None:
            log.info("%s to %s: %s", result.probe, result.target, result.failure or "ok")
        self.write_status()
        return stored

    def _skip_past(self) -> None:
        """At the start nothing is caught up: what was due before has passed."""
        now = self._parts.clock.now()
        self._done |= {slot for slot in self._slots() if slot.at <= now}

    def _slots(self) -> tuple[Slot, ...]:
        """Slots of yesterday (those of just before midnight) and today, by the local calendar."""
        config = self._parts.config
        today = self._parts.clock.now().astimezone(config.zone).date()
        windows = [planned.windows for planned in config.tests]
        if self._planned_for != today:
            days = [today - timedelta(days=1), today] if today.toordinal() > 1 else [today]
            self._planned = tuple(
                slot
                for day in days
                for slot in plan(day, windows, self._parts.identity.agent_id, config.zone)
            )
            self._planned_for = today
        return self._planned
