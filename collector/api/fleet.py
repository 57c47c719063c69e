"""``GET /v1/fleet`` and ``/v1/fleet/{agent_id}``: how agents are, and were."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from collector.api.context import Context
from collector.api.models import ErrorOut
from collector.api.refusal import Refusal
from collector.fleet.health import State
from collector.fleet.roster import Member, common_offset_seconds, member, roster
from collector.fleet.watch import history


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class FleetAgentOut(_Answer):
    """One agent. What is not known is null, never 0."""

    agent_id: str
    school_code: str
    state: State
    since: datetime | None
    detail: str | None = Field(description="What is amiss, where a person has to look")
    last_heard_at: datetime | None
    last_heartbeat_at: datetime | None
    agent_version: str | None
    waiting_count: int | None
    clock_offset_seconds: float | None = Field(
        description="Arrival of the last heartbeat less the time it says it was sent"
    )
    disk_free_bytes: int | None
    memory_bytes: int | None
    cpu_utilisation_ratio: float | None
    policy_version: str | None
    last_good_test_at: datetime | None
    successor_id: str | None


class FleetOut(_Answer):
    """All agents."""

    by_state: dict[State, int]
    collector_offset_seconds: float | None = Field(
        description="How far the collector's own clock is off by the word of most agents"
    )
    agents: list[FleetAgentOut]


class StateChangeOut(_Answer):
    """One change of state."""

    changed_at: datetime
    state: State
    former: State | None
    detail: str


class FleetAgentHistoryOut(_Answer):
    """One agent with the states it has been in, the newest first."""

    agent: FleetAgentOut
    history: list[StateChangeOut]


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(
        tags=["fleet"], responses={code: {"model": ErrorOut} for code in (404, 422, 503)}
    )

    @routes.get("/v1/fleet")
    def fleet(state: Annotated[State | None, Query(description="Only these")] = None) -> FleetOut:
        """Give all agents with their state."""
        members = context.store.read(roster)
        states = [each.state for each in members]
        return FleetOut(
            by_state={one: states.count(one) for one in State if one in states},
            collector_offset_seconds=common_offset_seconds(members, context.shown.now()),
            agents=[_agent(each) for each in members if state in (None, each.state)],
        )

    @routes.get("/v1/fleet/{agent_id}")
    def one(agent_id: str) -> FleetAgentHistoryOut:
        """Give one agent with its history."""
        found = context.store.read(lambda sql: member(sql, agent_id))
        if found is None:
            detail = f"there is no agent {agent_id[:40]!r}: see GET /v1/fleet"
            raise Refusal(404, "no_agent", detail)
        changes = context.store.read(lambda sql: history(sql, agent_id))
        return FleetAgentHistoryOut(
            agent=_agent(found),
            history=[
                StateChangeOut(
                    changed_at=each.changed_at,
                    state=each.state,
                    former=each.former,
                    detail=each.detail,
                )
                for each in changes
            ],
        )

    return routes


def _agent(each: Member) -> FleetAgentOut:
    beat = each.beat()
    return FleetAgentOut(
        agent_id=each.agent_id,
        school_code=each.school_code,
        state=each.state,
        since=None if each.standing is None else each.standing.since,
        detail="; ".join(each.flags.values()) or None,
        last_heard_at=each.last_seen_at,
        last_heartbeat_at=each.last_beat_at,
        agent_version=each.agent_version,
        waiting_count=None if beat is None else beat.spool.waiting_count,
        clock_offset_seconds=each.sent_offset_seconds,
        disk_free_bytes=None if beat is None else beat.disk_free_bytes,
        memory_bytes=None if beat is None else beat.memory_bytes,
        cpu_utilisation_ratio=None if beat is None else beat.cpu_utilisation_ratio,
        policy_version=None if beat is None else beat.policy.version,
        last_good_test_at=None if beat is None else beat.last_good_test_at,
        successor_id=each.successor_id,
    )
