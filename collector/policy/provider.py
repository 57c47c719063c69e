"""What policies add to the reply of a heartbeat: policy, suppression, commands, approvals."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from collector.judge.week import local
from collector.policy import approval, measure_now, suppression
from collector.policy.effective import Policies
from collector.policy.model import Effective
from collector.schools.model import School
from collector.store.interface import Agent, Store
from collector.store.sql import Sql
from wire.approval import Approval
from wire.heartbeat import Heartbeat, PolicyOffer, Suppress
from wire.policy import PolicyRefused

log: Final = logging.getLogger(__name__)


class PolicyProvider:
    """Called for each heartbeat; see :mod:`collector.fleet.provider`."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    def __call__(self, agent: Agent, beat: Heartbeat, now: datetime) -> Mapping[str, Any]:
        """Give the policy where the agent has another one, suppression, commands."""
        school = self._store.school(agent.school_code)
        if school is None:
            return {}
        found, suppressed, approvals = self._store.read(lambda sql: self._look(sql, school, now))
        said: dict[str, Any] = {
            "suppress": None if not suppressed else _suppress(suppressed),
            "approvals": approvals,
            "commands": measure_now.for_agent(self._store, school.code, agent.agent_id, now),
        }
        if found is not None and found.version != beat.policy.version:
            said["policy"] = PolicyOffer(
                version=found.version, sha256=found.sha256, document=found.text
            )
        return said

    def _look(
        self, sql: Sql, school: School, now: datetime
    ) -> tuple[Effective | None, list[suppression.Suppressed], tuple[Approval, ...]]:
        suppressed = suppression.on_school(sql, school, now)
        try:
            found = self._policies.of_school(sql, school, local(now).date())
        except PolicyRefused as error:  # a list or the calendar changed under it
            log.warning("policy of school %s cannot be used: %s", school.code, error)
            found = None
        return found, suppressed, approval.for_agents(sql, school.code, now)


def _suppress(held: list[suppression.Suppressed]) -> Suppress:
    """What ends last holds; every reason is told."""
    reasons = dict.fromkeys(one.reason for one in held)
    return Suppress(until=held[0].until, reason="; ".join(reasons)[:255])
