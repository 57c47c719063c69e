"""Taking part in a rehearsal: the same test at the same moments as the other schools.

The centre tells of it with every heartbeat; when it is told no more, or a slot is refused, or its
time is over, it ends. Each round asks for a slot of its own, so a stop at the centre holds from the
next round on, and the responder ends the one under way. What forbids other tests (suppression,
blackout, budget, the appliance's own allow-list) forbids these too.
"""

import asyncio
import logging
import math
from typing import Final, Protocol

from agent.clock import Clock
from agent.slot import Leave, NotNow, SlotDesk
from agent.waiting import set_within
from wire.failure import Failure, FailureCode, Operation
from wire.heartbeat import Command, Reply
from wire.measurement import Fields
from wire.parsing import Refused
from wire.planning.planned import Planned
from wire.rehearsal import ID, KIND, ROUND, RehearsalPlan, read_plan

log: Final = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 30.0


class Rehearsed(Protocol):
    """Who measures."""

    def why_not_now(self, planned: Planned) -> Failure | None:
        """Why a test beside the plan must not begin now."""
        ...

    def why_unaffordable(self, planned: Planned) -> str:
        """Why the byte budget forbids a test now; empty where it does not."""
        ...

    async def run_with(self, planned: Planned, context: Fields, leave: Leave) -> None:
        """Run a heavy test under a slot, keep and deliver its result."""
        ...

    async def record(self, planned: Planned, failure: Failure, context: Fields) -> None:
        """Keep the result of a test that was not run."""
        ...

    def end_heavy(self, reason: str) -> None:
        """End the heavy test under way."""
        ...

    def fail(self, error: BaseException) -> None:
        """Hear of an error that nobody foresaw."""
        ...


class Rehearsals:
    """Takes part in what the heartbeat tells of."""

    def __init__(
        self, slots: SlotDesk, around: Rehearsed, clock: Clock, fastest_bps: float
    ) -> None:
        self._slots = slots
        self._around = around
        self._clock = clock
        self._fastest_bps = fastest_bps
        self._tasks: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        """Each with what tells it to end."""
        self._under_way: set[asyncio.Task[None]] = set()
        """Those that are told no more included, until they have ended."""

    async def hear(self, reply: Reply) -> None:
        """Begin what is new, end what is told no more."""
        told = {command.id: command for command in reply.commands if command.kind == KIND}
        for name, (over, task) in list(self._tasks.items()):
            if name in told:
                continue
            del self._tasks[name]
            if not task.done():
                log.info("rehearsal %s is over: the centre says so", name)
                over.set()
                self._around.end_heavy("the rehearsal was stopped")
        for name, command in told.items():
            if name not in self._tasks:
                self._begin(command)

    def end(self) -> frozenset[asyncio.Task[None]]:
        """Tell all to end; give those that still have something to do."""
        for over, _ in self._tasks.values():
            over.set()
        return frozenset(self._under_way)

    def _begin(self, command: Command) -> None:
        try:
            plan = read_plan(command.details)
        except Refused as error:
            log.warning("rehearsal %s cannot be taken part in: %s", command.id, error)
            return
        over = asyncio.Event()
        task = asyncio.create_task(self._take_part(command.id, plan, over))
        self._tasks[command.id] = (over, task)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._around.fail(error)

    async def _take_part(self, name: str, plan: RehearsalPlan, over: asyncio.Event) -> None:
        heard = self._clock.monotonic_seconds()
        begins, ends = heard + plan.starts_in_seconds, heard + plan.ends_in_seconds
        planned = Planned(
            probe="throughput",
            target=plan.target,
            options={
                "seconds": plan.seconds,
                "flows": plan.flows,
                "direction": plan.direction,
            },
            deadline_seconds=DEADLINE_SECONDS,
        )
        log.info("rehearsal %s begins in %.0f s", name, plan.starts_in_seconds)
        while True:
            since = self._clock.monotonic_seconds() - begins
            number = max(0, math.ceil(since / plan.period_seconds))
            at = begins + number * plan.period_seconds
            if at + plan.seconds > ends:
                return
            await set_within(over, max(0.0, at - self._clock.monotonic_seconds()))
            if over.is_set() or not await self._round(name, number, planned):
                return

    async def _round(self, name: str, number: int, planned: Planned) -> bool:
        """Test once; False where nothing more is to come."""
        context: Fields = {ID: name, ROUND: number}
        failure = self._around.why_not_now(planned)
        if failure is None and (why := self._around.why_unaffordable(planned)):
            failure = Failure(FailureCode.BUDGET_SPENT, Operation.PREPARE, why)
        if failure is None:
            found = await self._slots.ask(planned, self._fastest_bps, rehearsal=name)
            if isinstance(found, Leave) and found.token is not None:
                await self._around.run_with(planned, context, found)
                return True
            if isinstance(found, NotNow) and found.wait_seconds is not None:
                return True  # no room in this round
            reason = found.reason if isinstance(found, NotNow) else "no slot came with the leave"
            log.info("rehearsal %s ends here: %s", name, reason)
            failure = NotNow(reason).failure()
        await self._around.record(planned, failure, context)
        return False
