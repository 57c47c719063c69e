"""All agents with what is known of them, for the watch, the pages, the API and the command."""

from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from collector.fleet import flags
from collector.fleet.health import LATE_SECONDS, NEEDS_ATTENTION, Facts, Standing, State
from collector.store.sql import Sql
from collector.store.times import EPOCH, from_micros
from wire.heartbeat import Heartbeat
from wire.heartbeat_codec import decode_request

COLLECTOR_CLOCK_SECONDS: Final = 30.0
"""Where most agents agree that they are off by more, it is the collector's clock that is wrong."""
LEAST_WITNESSES: Final = 5
_INTERCEPTED: Final = frozenset({"delivery_intercepted", "heartbeat_intercepted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One agent."""

    agent_id: str
    school_code: str
    school_name: str
    enrolled_at: datetime
    revoked_at: datetime | None
    replaced_at: datetime | None
    successor_id: str | None
    agent_version: str | None
    last_seen_at: datetime | None
    """The newest sign of life: a heartbeat or results."""
    last_beat_at: datetime | None
    sent_offset_seconds: float | None
    hints: tuple[str, ...]
    body: str | None
    standing: Standing | None
    flags: dict[str, str]
    """Flags that are up, with what they say."""

    @property
    def state(self) -> State:
        """The state it is said to be in; before anybody has looked, as enrolled."""
        if self.revoked_at is not None:
            return State.REVOKED
        return State.NEVER_SEEN if self.standing is None else self.standing.state

    def beat(self) -> Heartbeat | None:
        """The newest heartbeat."""
        return None if self.body is None else decode_request(self.body.encode())


_SELECT: Final = """SELECT agent.agent_id, agent.school_code, school.name, agent.enrolled_at,
    agent.revoked_at, agent_replacement.replaced_at, agent_replacement.successor_id,
    agent.agent_version, agent.last_seen_at, agent_beat.received_at,
    agent_beat.sent_offset_seconds, agent_beat.hints, agent_beat.body,
    agent_standing.state, agent_standing.since, agent_standing.candidate,
    agent_standing.candidate_since
    FROM agent JOIN school ON school.code = agent.school_code
    LEFT JOIN agent_replacement ON agent_replacement.agent_id = agent.agent_id
    LEFT JOIN agent_beat ON agent_beat.agent_id = agent.agent_id
    LEFT JOIN agent_standing ON agent_standing.agent_id = agent.agent_id"""


def roster(sql: Sql) -> list[Member]:
    """All agents, by school and enrolment."""
    up: dict[str, dict[str, str]] = {}
    for (agent_id, name), flag in flags.all_open(sql).items():
        up.setdefault(agent_id, {})[name] = flag.detail
    rows = sql.execute(f"{_SELECT} ORDER BY agent.school_code, agent.enrolled_at, agent.agent_id")
    return [_member(row, up.get(row[0], {})) for row in rows]


def member(sql: Sql, agent_id: str) -> Member | None:
    """One agent, or None."""
    row = sql.execute(f"{_SELECT} WHERE agent.agent_id = ?", (agent_id,)).fetchone()
    return None if row is None else _member(row, flags.open_flags(sql, agent_id))


def counts(sql: Sql) -> dict[State, int]:
    """Agents by the state they are said to be in."""
    rows = sql.execute(
        "SELECT CASE WHEN agent.revoked_at IS NOT NULL THEN 'revoked' "
        "ELSE coalesce(agent_standing.state, 'never_seen') END AS state, count(*) FROM agent "
        "LEFT JOIN agent_standing ON agent_standing.agent_id = agent.agent_id GROUP BY 1"
    )
    return {State(row[0]): row[1] for row in rows}


def troubled(sql: Sql, limit: int) -> list[Member]:
    """Agents that need attention, those that have for longest first."""
    names = ", ".join(f"'{state.value}'" for state in sorted(NEEDS_ATTENTION))
    rows = sql.execute(
        f"{_SELECT} WHERE agent.revoked_at IS NULL AND agent_standing.state IN ({names}) "
        "ORDER BY agent_standing.since, agent.agent_id LIMIT ?",
        (limit,),
    ).fetchall()
    return [_member(row, flags.open_flags(sql, row[0])) for row in rows]


def common_offset_seconds(members: list[Member], now: datetime) -> float | None:
    """How far the collector's own clock is off by the word of its agents; None: it is not.

    The median over those heard lately: half of them would have to be wrong the same way.
    """
    offsets = [
        each.sent_offset_seconds
        for each in members
        if each.sent_offset_seconds is not None
        and each.last_beat_at is not None
        and abs((now - each.last_beat_at).total_seconds()) < LATE_SECONDS
    ]
    if len(offsets) < LEAST_WITNESSES:
        return None
    common = median(offsets)
    return common if abs(common) > COLLECTOR_CLOCK_SECONDS else None


def facts(each: Member, now: datetime, listening_since: datetime, common: float | None) -> Facts:
    """What is known of one agent at this moment."""
    offset = each.sent_offset_seconds
    return Facts(
        now=now,
        listening_since=listening_since,
        last_beat_at=each.last_beat_at,
        last_result_at=each.last_seen_at,
        revoked=each.revoked_at is not None,
        replaced=each.replaced_at is not None,
        cloned=flags.CLONED in each.flags,
        wrong_place=flags.WRONG_PLACE in each.flags,
        intercepted=not _INTERCEPTED.isdisjoint(each.hints),
        clock_offset_seconds=None if offset is None else offset - (common or 0.0),
    )


def _member(row: tuple[Any, ...], up: dict[str, str]) -> Member:
    return Member(
        agent_id=row[0],
        school_code=row[1],
        school_name=row[2],
        enrolled_at=from_micros(row[3]),
        revoked_at=_moment(row[4]),
        replaced_at=_moment(row[5]),
        successor_id=row[6],
        agent_version=row[7],
        last_seen_at=_moment(row[8]),
        last_beat_at=_moment(row[9]),
        sent_offset_seconds=row[10],
        hints=tuple((row[11] or "").split()),
        body=row[12],
        standing=None
        if row[13] is None
        else Standing(
            state=State(row[13]),
            since=from_micros(row[14]),
            candidate=None if row[15] is None else State(row[15]),
            candidate_since=_moment(row[16]),
        ),
        flags=up,
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


ALWAYS: Final = EPOCH
"""Listening since ever: where nobody has looked yet, arrivals are believed."""
