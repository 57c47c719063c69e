"""What the heartbeat's reply says of the agent's identity."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from collector.fleet import renewal
from collector.fleet.provider import Provider
from collector.store.interface import Agent, Store
from wire.heartbeat import Heartbeat, IdentityHints


def identity_hints(store: Store) -> Provider:
    """Make the provider that asks for renewal when a secret is getting old."""

    def said(agent: Agent, _beat: Heartbeat, now: datetime) -> Mapping[str, Any]:
        due = store.read(lambda sql: renewal.due(sql, agent.agent_id, agent.enrolled_at, now))
        return {"identity": IdentityHints(renew=due)}

    return said
