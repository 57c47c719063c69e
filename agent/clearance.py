"""Whether anything may be measured now: suppression, blackouts, a clock that nobody can trust."""

from datetime import datetime

from agent.config import Config, Planned
from agent.parts import Parts
from wire.failure import Failure, FailureCode, Operation
from wire.planning.schedule import blackout_at


class Clearance:
    """What the time is, and what it forbids."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def now(self) -> datetime:
        """The time to go by."""
        watch = self._parts.watch
        return self._parts.clock.now() if watch is None else watch.now()

    def clock_is_usable(self) -> bool:
        """False while nobody can know what time of day it is."""
        watch = self._parts.watch
        return watch is None or watch.usable()

    def why_suppressed(self) -> str | None:
        """Why nothing is to be measured now."""
        steering = self._parts.steering
        found = None if steering is None else steering.suppressed(self.now())
        return None if found is None else f"suppressed until {found.until:%FT%TZ}: {found.reason}"

    def why_not_now(self, planned: Planned, config: Config) -> Failure | None:
        """Why a test beside the plan must not begin now: suppression, blackout, clock."""
        if (why := self.why_suppressed()) is None and planned.heavy and not self.clock_is_usable():
            why = "the time of day is not known: it could be an exam"
        if why is None:
            length_seconds = planned.task().length_seconds
            dark = blackout_at(config.timetable, self.now(), length_seconds)
            why = None if dark is None else f"blackout: {dark.reason or 'no reason given'}"
        return None if why is None else Failure(FailureCode.SUPPRESSED, Operation.PREPARE, why)
