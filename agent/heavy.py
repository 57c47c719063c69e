"""Heavy tests: one at a time, within the byte budget, not on a busy line.

A slot that is not run is a result all the same: deferred, with the reason. While the time of day
cannot be known (no clock chip, nobody asked yet) no heavy test runs at all: it could be an exam.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Final, Protocol

from agent.busy import LOOK_SECONDS, busy_bps
from agent.config import Config, Planned
from agent.context import Counters, Stepped
from agent.failure import MeasurementFailed
from agent.line_counters import with_line_counters
from agent.ration import Ration
from agent.slot import MAX_PUT_OFFS, Leave, NotNow, SlotDesk
from agent.slot_request import quota_bps, wants_slot
from wire.failure import Failure, FailureCode, Operation
from wire.measurement import Fields, Json, Measurement
from wire.planning.planned import calibrated
from wire.planning.schedule import GRACE_SECONDS, Slot, blackout_at, retry

log: Final = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 120.0
"""How long a test that somebody asked for waits for a slot."""
SHORTEST_WAIT_SECONDS: Final = 1.0
"""Between two questions for one slot, whatever the collector says."""


class Around(Protocol):
    """What heavy tests need of the runner."""

    def now(self) -> datetime:
        """The time to go by."""
        ...

    def clock_is_usable(self) -> bool:
        """False while nobody can know what time of day it is."""
        ...

    def stopping(self) -> bool:
        """An end was asked for."""
        ...

    async def stopped_within(self, seconds: float) -> bool:
        """Wait; True when an end is asked for meanwhile."""
        ...

    def why_suppressed(self) -> str | None:
        """Why nothing is to be measured now."""
        ...

    def why_not_now(self, planned: Planned) -> Failure | None:
        """Why a test beside the plan must not begin now: suppression, blackout, clock."""
        ...

    def miss(self, count: int, why: str) -> None:
        """Count slots that passed unused."""
        ...

    def planned_today(self) -> tuple[Slot, ...]:
        """The slots of the local day."""
        ...

    async def measure(
        self, planned: Planned, context: Fields, token: str | None = None
    ) -> Measurement | None:
        """Measure in a child and keep the result."""
        ...

    async def record(self, planned: Planned, failure: Failure, context: Fields) -> None:
        """Keep the result of a test that was put off."""
        ...

    async def appliance_context(self, target: str) -> Fields:
        """What this machine can carry towards a target."""
        ...


class HeavyTests:
    """Runs the slots of heavy tests."""

    def __init__(
        self,
        config: Config,
        ration: Ration,
        around: Around,
        counters: Counters | None,
        random: Random,
    ) -> None:
        self._config = config
        self.ration = ration
        self._around = around
        self._counters = counters
        self._random = random
        self._lock = asyncio.Lock()
        self._ended = asyncio.Event()
        self._ended.set()
        self.retries: list[Slot] = []
        """Slots that were put off, at their new moment."""
        self.slots: SlotDesk | None = None
        """Whom to ask before the line is loaded; None: nobody."""
        self.begun_count = 0
        self._generation = 0
        """Counts the plans that were gone by."""

    @property
    def running(self) -> bool:
        """One is under way."""
        return not self._ended.is_set()

    async def wait_for_end(self, most_seconds: float) -> None:
        """Wait until none is under way, or for this long."""
        try:
            async with asyncio.timeout(most_seconds):
                await self._ended.wait()
        except TimeoutError:
            return

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only heavy thing on this machine."""
        async with self._lock:
            with self._under_way():
                yield

    def adopt(self, config: Config) -> None:
        """Go by another plan: what waits for its turn by the old one is left."""
        self._config = config
        self.retries = []
        self._generation += 1
        self.ration.adopt(config.budget, config.tests, config.timetable)

    async def run_slot(self, slot: Slot) -> None:
        """Run, put off, or record why not. Asked and run under one lock: nobody spends between."""
        generation = self._generation
        async with self._lock:
            if self._around.stopping():
                return
            if generation != self._generation:
                self._around.miss(1, "planned by a policy that is no longer in force")
                return
            if (why := self._around.why_suppressed()) is not None:
                self._around.miss(1, why)
                return
            late_seconds = (self._around.now() - slot.at).total_seconds()
            if abs(late_seconds) > GRACE_SECONDS:
                self._around.miss(1, "another heavy test took its time, or the clock was set")
                return
            if not self._around.clock_is_usable():
                self._around.miss(1, "the time of day is not known: no heavy test")
                return
            context = await self._look(slot)
            if context is None or generation != self._generation or self._around.stopping():
                return
            planned = self._config.tests[slot.test]
            if slot.calibration:
                planned, context = calibrated(planned), {**context, "calibration": True}
            leave = await self._leave(planned)
            changed = generation != self._generation or self._around.why_suppressed() is not None
            if changed or self._around.stopping():
                await self._give_back(leave)
            elif isinstance(leave, NotNow):
                await self._put_off(slot, planned, leave, context)
            else:
                await self._run(planned, context, leave)

    async def run_now(self, planned: Planned) -> Measurement | None:
        """Run for a person who waits; what it takes is booked.

        Where no slot is to be had in time, the responder's refusal is the result.
        """
        async with self._lock:
            leave = await self._leave(planned, PATIENCE_SECONDS)
            return await self._run(planned, {}, Leave() if isinstance(leave, NotNow) else leave)

    async def run_command(self, planned: Planned, context: Fields) -> None:
        """Run beside the plan because the centre asks, or record why not."""
        async with self._lock:
            failure = self._around.why_not_now(planned)
            if failure is None and (why := self.ration.refusal_now(planned, self._day())):
                failure = Failure(FailureCode.BUDGET_SPENT, Operation.PREPARE, why)
            if failure is not None:
                await self._around.record(planned, failure, context)
                return
            leave = await self._leave(planned, PATIENCE_SECONDS)
            failure = self._around.why_not_now(planned)
            if failure is not None or self._around.stopping():
                await self._give_back(leave)
            if isinstance(leave, NotNow):
                failure = failure or leave.failure()
            if failure is not None:
                await self._around.record(planned, failure, context)
            elif isinstance(leave, Leave) and not self._around.stopping():
                await self._run(planned, context, leave)

    async def run_with(self, planned: Planned, context: Fields, leave: Leave) -> Measurement | None:
        """Run under a slot that was granted already."""
        async with self._lock:
            return await self._run(planned, context, leave)

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        self._ended.clear()
        self.begun_count += 1
        try:
            yield
        finally:
            self._ended.set()

    async def _run(self, planned: Planned, context: Fields, leave: Leave) -> Measurement | None:
        with self._under_way():
            try:
                capped = with_line_counters(
                    self.ration.capped(planned, self._day()), self._config.line
                )
                if not self._book(planned, None):
                    return None
                whole: dict[str, Json] = {**context}
                whole |= await self._around.appliance_context(planned.target)
                result = await self._around.measure(capped, whole, leave.token)
            finally:
                await self._give_back(leave)
            if result is not None:
                self._book(planned, result)
            return result

    async def _leave(self, planned: Planned, patience_seconds: float = 0.0) -> Leave | NotNow:
        """Ask for a slot, and again when told to, as long as the patience lasts."""
        if self.slots is None or not wants_slot(planned):
            return Leave()
        while True:
            found = await self.slots.ask(planned, quota_bps(self._config.budget))
            if isinstance(found, Leave) or found.wait_seconds is None:
                return found
            pause_seconds = max(found.wait_seconds, SHORTEST_WAIT_SECONDS)
            patience_seconds -= pause_seconds
            if patience_seconds < 0 or await self._around.stopped_within(pause_seconds):
                return found

    async def _give_back(self, leave: Leave | NotNow) -> None:
        if self.slots is not None and isinstance(leave, Leave):
            await self.slots.release(leave)

    async def _put_off(self, slot: Slot, planned: Planned, why: NotNow, context: Fields) -> None:
        """Come back when told to, inside the window; else record that it was not run."""
        if why.wait_seconds is not None and slot.attempt < MAX_PUT_OFFS and slot.until is not None:
            at = self._around.now() + timedelta(seconds=why.wait_seconds)
            length_seconds = planned.task().length_seconds
            dark = blackout_at(self._config.timetable, at, length_seconds)
            if at < slot.until and dark is None:
                self.retries.append(replace(slot, at=at, attempt=slot.attempt + 1))
                return
        count: dict[str, Json] = {"put_off_count": slot.attempt}
        await self._around.record(planned, why.failure(), {**context, **count})

    def _book(self, planned: Planned, result: Measurement | None) -> bool:
        try:
            if result is None:
                self.ration.reserve(planned, self._day())
            else:
                self.ration.settle(planned, result)
        except OSError as error:
            self._around.miss(1, f"the budget cannot be written down: {error.strerror}")
            return False
        return True

    def _day(self) -> date:
        return self._around.now().astimezone(self._config.zone).date()

    async def _look(self, slot: Slot) -> Fields | None:
        """Ask budget and line; None: not now. What was seen becomes context."""
        config = self._config
        planned = config.tests[slot.test]
        why = self.ration.refusal(slot, self._day(), self._around.planned_today())
        if why:
            failure = Failure(FailureCode.BUDGET_SPENT, Operation.PREPARE, why)
            await self._around.record(planned, failure, {})
            return None
        rate = await self._rate_bps()
        if config is not self._config:
            return None
        if rate is None:
            return {}
        seen: dict[str, Json] = {"line_before_bps": rate, "put_off_count": slot.attempt}
        if rate <= self._config.line.busy_above_bps:
            return seen
        if slot.attempt < self._config.line.busy_retries:
            later = retry(
                slot,
                self._around.now(),
                (*self._around.planned_today(), *self.retries),
                self._config.timetable,
                self._random,
            )
            if later is not None:
                self.retries.append(later)
                return None
        if planned.when_busy == "defer":
            text = f"others use {rate / 1e6:.1f} Mbit/s; put off {slot.attempt} times before"
            failure = Failure(FailureCode.LINE_BUSY, Operation.PREPARE, text)
            await self._around.record(planned, failure, seen)
            return None
        return seen

    async def _rate_bps(self) -> float | None:
        if self._counters is None:
            return None
        try:
            if isinstance(self._counters, Stepped):
                return await asyncio.to_thread(self._counters.look_bps, self._around.stopping)
            before = self._counters.read()
            await asyncio.sleep(LOOK_SECONDS)
            return busy_bps(before, self._counters.read())
        except (OSError, MeasurementFailed) as error:
            log.warning("counters of the line: %s", error)
            return None
