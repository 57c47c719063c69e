"""What the centre asks of this agent with each reply to a heartbeat, and what becomes of it."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from agent.allowed import why_not_test
from agent.config import Config
from agent.once import ONCE_FILE, Once
from agent.policy import POLICY_FILE, PolicyKeeper, applied
from agent.suppression import SUPPRESS_FILE, Suppression
from wire.heartbeat import Command, PolicyReport, Reply, Suppress
from wire.measurement import Json
from wire.planning.planned import Planned
from wire.policy import PolicyRefused, read_command

log: Final = logging.getLogger(__name__)

MEASURE: Final = "measure"


class Steered(Protocol):
    """Who measures."""

    def adopt(self, config: Config) -> None:
        """Go by another configuration from now on."""
        ...

    def end_heavy(self, reason: str) -> None:
        """End the heavy test under way."""
        ...

    def measure_soon(self, planned: Planned, command_id: str) -> None:
        """Measure once, beside the plan."""
        ...

    def now(self) -> datetime:
        """The time to go by."""
        ...


class Steering:
    """Keeps policy, suppression and commands of one agent."""

    def __init__(self, local: Config, state_dir: Path) -> None:
        self._local = local
        self._keeper = PolicyKeeper(
            state_dir / POLICY_FILE, local.allow, local=local.policy_source == "local"
        )
        self._suppression = Suppression(state_dir / SUPPRESS_FILE)
        self._once = Once(state_dir / ONCE_FILE)

    @property
    def config(self) -> Config:
        """What to go by: agent.toml, with the policy in force laid over it."""
        in_force = self._keeper.in_force
        return self._local if in_force is None else applied(self._local, in_force.policy)

    def report(self) -> PolicyReport:
        """What the next heartbeat says of the policy."""
        return self._keeper.report()

    def suppressed(self, now: datetime) -> Suppress | None:
        """The suppression in force."""
        return self._suppression.active(now)

    def status(self, now: datetime) -> Mapping[str, Json]:
        """For ``hakaru-agent status``."""
        report, suppress = self.report(), self.suppressed(now)
        return {
            "state": report.state.value,
            "version": report.version,
            "text": report.text,
            "suppressed_until": None if suppress is None else suppress.until.isoformat(),
            "suppressed_reason": None if suppress is None else suppress.reason,
        }

    def hear(self, reply: Reply, steered: Steered) -> None:
        """Carry out what a reply asks: first suppression, then policy, then commands."""
        self._suppression.hear(reply.suppress)
        if (suppress := self.suppressed(steered.now())) is not None:
            steered.end_heavy(f"suppressed: {suppress.reason}")
        if reply.policy is None:
            self._keeper.is_current()
        elif self._keeper.hear(reply.policy):
            steered.adopt(self.config)
        for command in reply.commands:
            if command.kind == MEASURE:
                self._measure(command, steered)

    def _measure(self, command: Command, steered: Steered) -> None:
        if not self._once.begin(command.id, command.expires_at, steered.now()):
            return
        try:
            planned = read_command(command.details)
        except PolicyRefused as error:
            log.warning("command %s cannot be carried out: %s", command.id, error)
            return
        if (why := why_not_test(planned, self._local.allow)) is not None:
            log.warning("command %s is not carried out: %s", command.id, why)
            # measured all the same it fails with this reason, before any packet: the centre sees it
        steered.measure_soon(planned, command.id)
