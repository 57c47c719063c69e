"""What the agents of a school say of their policy, by their newest heartbeat."""

from dataclasses import dataclass

from collector.store.sql import Sql
from wire.heartbeat import PolicyReport
from wire.heartbeat_codec import decode_request


@dataclass(frozen=True, slots=True)
class Reported:
    """One agent; ``report`` is None where it has not been heard."""

    agent_id: str
    report: PolicyReport | None


def reported(sql: Sql, school_code: str) -> list[Reported]:
    """Give every agent of a school that was not revoked."""
    rows = sql.execute(
        """SELECT agent.agent_id, agent_beat.body FROM agent
        LEFT JOIN agent_beat ON agent_beat.agent_id = agent.agent_id
        WHERE agent.school_code = ? AND agent.revoked_at IS NULL ORDER BY agent.agent_id""",
        (school_code,),
    )
    return [
        Reported(agent_id, None if body is None else decode_request(body.encode()).policy)
        for agent_id, body in rows.fetchall()
    ]
