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
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from agent.agenda import Agenda
from agent.appliance import cpu_times, utilisation_ratio
from agent.clearance import Clearance
from agent.config import Config, Planned
from agent.heavy import HeavyTests
from agent.measure import not_tried
from agent.parts import Parts
from agent.probes import Request
from agent.ration import BUDGET_FILE, Ration
from agent.rehearsal import Rehearsals
from agent.slot import Leave
from agent.slot_request import quota_bps, wants_slot
from agent.snmp.polling import Polling
from agent.status import snapshot
from agent.status_file import StatusFile
from agent.supervise import AnyOf, Cuts, supervise
from agent.waiting import set_within, unless_set
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.heartbeat import Reply
from wire.measurement import NOTHING, Fields, Json, Measurement
from wire.planning.schedule import Slot, seconds_to_next
from wire.rehearsal import ID

log: Final = logging.getLogger(__name__)

TICK_SECONDS: Final = 15.0
STOP_SECONDS: Final = 8.0
"""Everything must have ended this long after a signal."""
LIGHT_AT_ONCE: Final = 3
COMMAND_ID: Final = "command_id"
"""In the context of a result: the command of the centre that asked for it."""
HOLD_SECONDS: Final = 90.0
"""Light tests wait at most this long for a heavy one to end."""


class Runner:
    """Measures and delivers until it is stopped."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cancelled = threading.Event()
        self._stop = asyncio.Event()
        self._clearance = Clearance(parts)
        self._status_file = StatusFile(parts.state_dir, parts.memory_dir, parts.clock)
        self._missed = 0
        self.on_result: Callable[[Measurement], None] = lambda _: None
        """Told of every result that was kept."""
        self.on_status: Callable[[Mapping[str, Json]], None] = lambda _: None
        """Told what ``hakaru-agent status`` shows."""
        self._config = parts.config if parts.steering is None else parts.steering.config
        self.agenda = Agenda(self._config, parts.identity.agent_id)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._beside: set[asyncio.Task[None]] = set()
        """Measurements under way that are not of the plan in force."""
        self._cuts = Cuts()
        self._bug: BaseException | None = None
        self._light = asyncio.Semaphore(LIGHT_AT_ONCE)
        self.heavy = HeavyTests(
            self._config,
            Ration(
                self._config.budget,
                self._config.tests,
                self._config.timetable,
                parts.identity.agent_id,
                parts.state_dir / BUDGET_FILE,
            ),
            self,
            parts.counters,
            parts.random,
        )
        self.heavy.slots = parts.slots
        self._rehearsals: Rehearsals | None = None
        if parts.slots is not None:
            rate_bps = quota_bps(self._config.budget)
            self._rehearsals = Rehearsals(parts.slots, self, parts.clock, rate_bps)

    @property
    def running_count(self) -> int:
        """Measurements under way."""
        return len(self._running) + len(self._beside)

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
            if parts.steering is not None:
                parts.heart.listeners.append(self._hear)
            if self._rehearsals is not None:
                parts.heart.listeners.append(self._rehearsals.hear)
            tasks.append(asyncio.create_task(parts.heart.run(self._stop)))
        if parts.polling is not None:
            polling = Polling(
                parts.polling, parts.clock, parts.random, self._keep_polled, self.why_suppressed
            )
            tasks.append(asyncio.create_task(polling.run(self._stop)))
        tasks.append(asyncio.create_task(self._know_appliance(then_wait=True)))
        self.write_status()
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            rehearsing = () if self._rehearsals is None else self._rehearsals.end()
            measuring = (*self._running.values(), *self._beside, *rehearsing)
            await asyncio.wait((tasks[1], *measuring), timeout=STOP_SECONDS)
            for task in (*tasks, *measuring):
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.write_status(last=True)
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
        for planned in self._config.tests:
            if self._stop.is_set():
                return "stopped"
            if planned.heavy:
                result = await self.heavy.run_now(planned)
            else:
                result = await self._measure_light(planned, NOTHING)
            if result is None:
                return f"a result could not be kept: {self._parts.spool.trouble or 'no room'}"
            show(result)
        failure = await unless_set(self._stop, self._parts.pusher.drain())
        self.write_status(last=True)
        if failure is None and self._stop.is_set() and self._parts.spool.counts().waiting_count:
            return "stopped"
        return None if failure is None else failure.detail

    def write_status(self, *, last: bool = False) -> None:
        """Tell ``hakaru-agent status``. Failing to do so stops nothing."""
        parts = self._parts
        heart = None if parts.heart is None else parts.heart.state
        state = snapshot(
            parts.identity,
            parts.spool,
            parts.pusher.delivery,
            parts.clock.now(),
            self._missed,
            heart,
        )
        if parts.steering is not None:
            state = {**state, "policy": dict(parts.steering.status(self.now()))}
        self.on_status(state)
        with contextlib.suppress(OSError):  # a full disk; the results matter more
            self._status_file.write(state, last=last)

    # --- what heavy tests need of us --------------------------------------------------------

    def now(self) -> datetime:
        """The time to go by."""
        return self._clearance.now()

    def clock_is_usable(self) -> bool:
        """False while nobody can know what time of day it is."""
        return self._clearance.clock_is_usable()

    def stopping(self) -> bool:
        """An end was asked for."""
        return self._stop.is_set()

    async def stopped_within(self, seconds: float) -> bool:
        """Wait; True when an end is asked for meanwhile."""
        return await set_within(self._stop, seconds)

    def miss(self, count: int, why: str) -> None:
        """Count slots that passed unused."""
        self._missed += count
        log.info("%d slots passed unused (%s)", count, why)

    def planned_today(self) -> tuple[Slot, ...]:
        """The slots of the local day."""
        return self.agenda.today(self.now())

    async def measure(
        self, planned: Planned, context: Fields, token: str | None = None
    ) -> Measurement | None:
        """Measure in a child and keep the result; ``context`` is added to it."""
        parts = self._parts
        beside, begun_count = self.heavy.running, self.heavy.begun_count
        before = cpu_times()
        guarded = self._config.central or COMMAND_ID in context
        cut = threading.Event()
        if planned.heavy and self.why_suppressed() is not None:  # it came while this got ready
            cut.set()
        with self._cuts.ready(cut) if planned.heavy else contextlib.nullcontext():
            result = await asyncio.to_thread(
                supervise,
                planned,
                parts.clock,
                parts.random,
                AnyOf(self._cancelled, cut),
                parts.command,
                self._config.allow if guarded else None,
                token,
            )
        if cut.is_set() and result.failure is not None:
            why = self.why_suppressed() or "suppressed"
            result = replace(result, failure=Failure(FailureCode.SUPPRESSED, Operation.RUN, why))
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

    def why_suppressed(self) -> str | None:
        """Why nothing is to be measured now."""
        return self._clearance.why_suppressed()

    def why_not_now(self, planned: Planned) -> Failure | None:
        """Why a test beside the plan must not begin now: suppression, blackout, clock."""
        return self._clearance.why_not_now(planned, self._config)

    # --- what the centre asks ---------------------------------------------------------------

    def adopt(self, config: Config) -> None:
        """Go by another configuration from now on: nothing is caught up, what was spent stays."""
        self._config = config
        self.agenda.adopt(config)
        self._beside |= set(self._running.values())
        self._running.clear()
        self.heavy.adopt(config)
        self._skip_past()
        # the tests of another policy may be the first that need to know the ceiling
        self._go_on_beside(self._know_appliance(then_wait=False))

    def end_heavy(self, reason: str) -> None:
        """End the heavy test under way."""
        if self._cuts.cut():
            log.info("the heavy test under way is ended: %s", reason)

    def measure_soon(self, planned: Planned, command_id: str) -> None:
        """Measure once, beside the plan."""
        self._go_on_beside(self._run_command(planned, {COMMAND_ID: command_id}))

    def _go_on_beside(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._ended)

    def why_unaffordable(self, planned: Planned) -> str:
        """Why the byte budget forbids a test beside the plan now; empty where it does not."""
        day = self.now().astimezone(self._config.zone).date()
        return self.heavy.ration.refusal_now(planned, day)

    async def run_with(self, planned: Planned, context: Fields, leave: Leave) -> None:
        """Run a heavy test of a rehearsal under its slot, and deliver soon: somebody watches."""
        whole = {**context, COMMAND_ID: str(context[ID])}
        await self.heavy.run_with(planned, whole, leave)
        self._parts.pusher.soon()

    async def _hear(self, reply: Reply) -> None:
        assert self._parts.steering is not None
        self._parts.steering.hear(reply, self)
        self.write_status()

    async def _run_command(self, planned: Planned, context: Fields) -> None:
        if planned.heavy:
            await self.heavy.run_command(planned, context)
        elif (failure := self.why_not_now(planned)) is not None:
            await self.record(planned, failure, context)
        else:
            async with self._light:
                await self._measure_light(planned, context)
        self._parts.pusher.soon()

    async def _measure_light(self, planned: Planned, context: Fields) -> Measurement | None:
        """Measure; a test towards a responder of ours shows a token where one was granted.

        It takes nothing from anybody, so without an answer it runs all the same.
        """
        slots = self._parts.slots
        if slots is None or not wants_slot(planned):
            return await self.measure(planned, context)
        found = await slots.ask(planned, quota_bps(self._config.budget))
        leave = found if isinstance(found, Leave) else Leave()
        try:
            return await self.measure(planned, context, leave.token)
        finally:
            await slots.release(leave)

    def fail(self, error: BaseException) -> None:
        """End loudly for an error that nobody foresaw."""
        self._bug = self._bug or error
        self.stop()

    # --- inside -----------------------------------------------------------------------------

    async def _keep(self, result: Measurement, context: Fields) -> Measurement | None:
        watch = self._parts.watch
        clock = NOTHING if watch is None else watch.stand_of(result).context()
        whole = replace(result, context={**clock, **context, **result.context})
        stored = await asyncio.to_thread(self._parts.spool.accept, whole)
        if stored is not None:
            log.info("%s to %s: %s", result.probe, result.target, result.failure or "ok")
            self.on_result(stored)
        if stored is not None and result.outcome is Outcome.OK and self._parts.heart is not None:
            self._parts.heart.vitals.last_good_test_at = self.now()
        self.write_status()
        return stored

    async def _keep_polled(self, result: Measurement) -> Measurement | None:
        return await self._keep(result, NOTHING)

    async def _know_appliance(self, *, then_wait: bool) -> None:
        """Measure the ceiling, alone on the machine, where heavy tests will need it."""
        appliance = self._parts.appliance
        if appliance is not None and any(test.heavy for test in self._config.tests):
            async with self.heavy.alone():
                await asyncio.to_thread(appliance.prepare, self._cancelled)
        if then_wait:  # as the other tasks, it ends with the runner
            await self._stop.wait()

    async def _measure_on_schedule(self) -> None:
        while not self._stop.is_set():
            slots = self._slots()
            ready, passed = self.agenda.take(slots, self.now())
            if passed:
                self.miss(len(passed), "suspended, stopped or busy")
            for slot in ready:
                self._start(slot)
            pause = seconds_to_next(slots, self.now(), TICK_SECONDS)
            await self.stopped_within(max(pause, 0.01))

    def _start(self, slot: Slot) -> None:
        if slot.test in self._running:
            self.miss(1, "the run before still goes on")
            return
        if (why := self.why_suppressed()) is not None:
            self.miss(1, why)
            return
        task = asyncio.create_task(self._run_slot(slot))
        self._running[slot.test] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._beside.discard(task)
        self._running = {test: each for test, each in self._running.items() if each is not task}
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _run_slot(self, slot: Slot) -> None:
        planned = self._config.tests[slot.test]
        if planned.heavy:
            await self.heavy.run_slot(slot)
            return
        config = self._config
        async with self._light:
            await self.heavy.wait_for_end(HOLD_SECONDS)
            if config is not self._config or self.why_suppressed() is not None:
                self.miss(1, "another policy or suppression came meanwhile")
            elif not self._stop.is_set():
                await self._measure_light(planned, NOTHING)

    def _skip_past(self) -> None:
        now = self.now()
        self.agenda.skip_past(self._slots(), now)

    def _slots(self) -> tuple[Slot, ...]:
        """Planned slots and those that were put off."""
        self.heavy.retries = self.agenda.still_open(self.heavy.retries)
        return tuple(sorted((*self.agenda.planned(self.now()), *self.heavy.retries)))
