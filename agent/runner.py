"""The life of an agent: measure on schedule, keep, deliver, stop cleanly.

Each measurement runs in a child process, so a hung one disturbs nothing. Heavy tests run one at a
time (:mod:`agent.heavy`). Light ones go on beside each other; while a heavy one runs they are held,
but not for long: then they run and say so. The loop looks at the clock anew at least every
:data:`TICK_SECONDS`, so a step of the clock or a suspend is noticed; see
:mod:`wire.planning.schedule` for why neither causes a burst.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from agent.appliance import Appliance, cpu_times, utilisation_ratio
from agent.clock import Clock
from agent.clock_watch import ClockWatch
from agent.config import Config, Planned
from agent.context import Counters
from agent.heartbeat import Heart
from agent.heavy import HeavyTests
from agent.identity import Identity
from agent.measure import not_tried
from agent.probes import Request
from agent.push import Pusher
from agent.ration import BUDGET_FILE, Ration
from agent.spool import Spool
from agent.state import STATUS_FILE, write_json
from agent.status import snapshot
from agent.supervise import CHILD_COMMAND, supervise
from wire.failure import Failure, Outcome
from wire.measurement import NOTHING, Fields, Json, Measurement
from wire.planning.schedule import Slot, due, plan, seconds_to_next

log: Final = logging.getLogger(__name__)

TICK_SECONDS: Final = 15.0
STOP_SECONDS: Final = 8.0
"""Everything must have ended this long after a signal."""
LIGHT_AT_ONCE: Final = 3
HOLD_SECONDS: Final = 90.0
"""Light tests wait at most this long for a heavy one to end."""


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
    watch: ClockWatch | None = None
    """None: the wall clock is taken as it is."""
    appliance: Appliance | None = None
    counters: Counters | None = None
    """Of the WAN interface; None: no test is put off for a busy line."""
    heart: Heart | None = None
    """None: the collector hears of this appliance by its results alone."""


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
        self._running: dict[int, asyncio.Task[None]] = {}
        self._bug: BaseException | None = None
        self._light = asyncio.Semaphore(LIGHT_AT_ONCE)
        self.heavy = HeavyTests(
            parts.config,
            Ration(
                parts.config.budget,
                parts.config.tests,
                parts.config.timetable,
                parts.identity.agent_id,
                parts.state_dir / BUDGET_FILE,
            ),
            self,
            parts.counters,
            parts.random,
        )

    @property
    def running_count(self) -> int:
        """Measurements under way."""
        return len(self._running)

    def stop(self) -> None:
        """Ask for a clean end: the measurement under way is cancelled, results are kept."""
        self._cancelled.set()
        self._stop.set()

    async def run(self) -> None:
        """Measure on schedule and deliver until :meth:`stop`."""
        self._skip_past()
        parts = self._parts
        tasks = [
            asyncio.create_task(parts.pusher.run(self._stop)),
            asyncio.create_task(self._measure_on_schedule()),
            asyncio.create_task(self._stop.wait()),
        ]
        if parts.watch is not None:
            tasks.append(asyncio.create_task(parts.watch.run(self._stop)))
        if parts.heart is not None:
            tasks.append(asyncio.create_task(parts.heart.run(self._stop)))
        tasks.append(asyncio.create_task(self._know_appliance(then_wait=True)))
        self.write_status()
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            await asyncio.wait((tasks[1], *self._running.values()), timeout=STOP_SECONDS)
            for task in (*tasks, *self._running.values()):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.write_status()
        for result in (*results, self._bug):
            # a bug ends the process loudly; the service manager restarts it
            if isinstance(result, Exception):
                raise result

    async def once(self, show: Callable[[Measurement], None]) -> str | None:
        """Run each test once, deliver everything; give the reason if not all was delivered.

        A person waits: nothing is put off, but what heavy tests take is booked.
        """
        if self._parts.watch is not None:
            await self._parts.watch.check()
        await self._know_appliance(then_wait=False)
        for number, planned in enumerate(self._parts.config.tests):
            if self._stop.is_set():
                return "stopped"
            if planned.heavy:
                result = await self.heavy.run_now(Slot(self.now(), number))
            else:
                result = await self.measure(planned, NOTHING)
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

    # --- what heavy tests need of us --------------------------------------------------------

    def now(self) -> datetime:
        """The time to go by."""
        watch = self._parts.watch
        return self._parts.clock.now() if watch is None else watch.now()

    def clock_is_usable(self) -> bool:
        """False while nobody can know what time of day it is."""
        watch = self._parts.watch
        return watch is None or watch.usable()

    def stopping(self) -> bool:
        """An end was asked for."""
        return self._stop.is_set()

    def miss(self, count: int, why: str) -> None:
        """Count slots that passed unused."""
        self._missed += count
        log.info("%d slots passed unused (%s)", count, why)

    def planned_today(self) -> tuple[Slot, ...]:
        """The slots of the local day."""
        today = self.now().astimezone(self._parts.config.zone).date()
        zone = self._parts.config.zone
        return tuple(slot for slot in self._plan() if slot.at.astimezone(zone).date() == today)

    async def measure(self, planned: Planned, context: Fields) -> Measurement | None:
        """Measure in a child and keep the result; ``context`` is added to it."""
        parts = self._parts
        beside, begun_count = self.heavy.running, self.heavy.begun_count
        before = cpu_times()
        result = await asyncio.to_thread(
            supervise, planned, parts.clock, parts.random, self._cancelled, parts.command
        )
        whole: dict[str, Json] = {**context}
        if (busy_ratio := utilisation_ratio(before, cpu_times())) is not None:
            whole["cpu_utilisation_ratio"] = busy_ratio
        if not planned.heavy and (beside or begun_count != self.heavy.begun_count):
            whole["heavy_test_meanwhile"] = True
        return await self._keep(result, whole)

    async def record(self, planned: Planned, failure: Failure, context: Fields) -> None:
        """Keep the result of a test that was put off."""
        parts = self._parts
        request = Request(target=planned.target, clock=parts.clock, random=parts.random)
        result = not_tried(planned.probe, request, failure, planned.segment, context)
        await self._keep(result, NOTHING)

    async def appliance_context(self, target: str) -> Fields:
        """What this machine can carry towards ``target``."""
        appliance = self._parts.appliance
        return NOTHING if appliance is None else await asyncio.to_thread(appliance.context, target)

    # --- inside -----------------------------------------------------------------------------

    async def _keep(self, result: Measurement, context: Fields) -> Measurement | None:
        watch = self._parts.watch
        clock = NOTHING if watch is None else watch.stand_of(result).context()
        whole = replace(result, context={**clock, **context, **result.context})
        stored = await asyncio.to_thread(self._parts.spool.accept, whole)
        if stored is not None:
            log.info("%s to %s: %s", result.probe, result.target, result.failure or "ok")
        if stored is not None and result.outcome is Outcome.OK and self._parts.heart is not None:
            self._parts.heart.vitals.last_good_test_at = self.now()
        self.write_status()
        return stored

    async def _know_appliance(self, *, then_wait: bool) -> None:
        """Measure the ceiling, alone on the machine, where heavy tests will need it."""
        appliance = self._parts.appliance
        if appliance is not None and any(test.heavy for test in self._parts.config.tests):
            async with self.heavy.alone():
                await asyncio.to_thread(appliance.prepare, self._cancelled)
        if then_wait:  # as the other tasks, it ends with the runner
            await self._stop.wait()

    async def _measure_on_schedule(self) -> None:
        while not self._stop.is_set():
            slots = self._slots()
            ready, passed = due(slots, self.now(), self._done)
            self._done |= {*ready, *passed}
            self._done &= set(slots)
            if passed:
                self.miss(len(passed), "suspended, stopped or busy")
            for slot in ready:
                self._start(slot)
            with contextlib.suppress(TimeoutError):
                pause = seconds_to_next(slots, self.now(), TICK_SECONDS)
                await asyncio.wait_for(self._stop.wait(), max(pause, 0.01))

    def _start(self, slot: Slot) -> None:
        if slot.test in self._running:
            self.miss(1, "the run before still goes on")
            return
        task = asyncio.create_task(self._run_slot(slot))
        self._running[slot.test] = task
        task.add_done_callback(lambda ended: self._ended(slot.test, ended))

    def _ended(self, test: int, task: "asyncio.Task[None]") -> None:
        self._running.pop(test, None)
        if not task.cancelled() and task.exception() is not None:
            self._bug = task.exception()
            self.stop()

    async def _run_slot(self, slot: Slot) -> None:
        planned = self._parts.config.tests[slot.test]
        if planned.heavy:
            await self.heavy.run_slot(slot)
            return
        async with self._light:
            await self.heavy.wait_for_end(HOLD_SECONDS)
            if not self._stop.is_set():
                await self.measure(planned, NOTHING)

    def _skip_past(self) -> None:
        """At the start nothing is caught up: what was due before has passed."""
        now = self.now()
        self._done |= {slot for slot in self._slots() if slot.at <= now}

    def _slots(self) -> tuple[Slot, ...]:
        """Planned slots and those that were put off."""
        self.heavy.retries = [slot for slot in self.heavy.retries if slot not in self._done]
        return tuple(sorted((*self._plan(), *self.heavy.retries)))

    def _plan(self) -> tuple[Slot, ...]:
        """Slots of yesterday (those of just before midnight) and today, by the local calendar."""
        config = self._parts.config
        today = self.now().astimezone(config.zone).date()
        if self._planned_for != today:
            days = [today - timedelta(days=1), today] if today.toordinal() > 1 else [today]
            self._planned = tuple(
                slot
                for day in days
                for slot in plan(day, config.timetable, self._parts.identity.agent_id).slots
            )
            self._planned_for = today
        return self._planned
