"""Agents and their one-time codes, in portable SQL. Only hashes of secrets are kept."""

from datetime import datetime
from typing import Any, Final

from collector.schools.model import School
from collector.store import rows_schools
from collector.store.interface import Agent, AgentBound, CodeRefused, Enrolment
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_COLUMNS: Final = """agent_id, school_code, enrolled_at, last_seen_at, agent_version, revoked_at,
    token_expires_at"""
_NEW_CODE: Final = "ask for a new one: hakaru-collector school enrol-code"


def add_code(connection: Sql, school_code: str, code_sha256: str, expires_at: datetime) -> None:
    """Keep the hash of a one-time code."""
    if rows_schools.school(connection, school_code) is None:
        raise Enrolment(f"there is no school {school_code!r}: import it first, or see the list")
    connection.execute(
        "INSERT INTO enrolment_code (code_sha256, school_code, expires_at) VALUES (?, ?, ?)",
        (code_sha256, school_code, to_micros(expires_at)),
    )


def enrol(
    connection: Sql,
    code_sha256: str,
    agent_id: str,
    token_sha256: str,
    now: datetime,
) -> School:
    """Use up a code and bind the agent, inside a transaction."""
    connection.lock("enrol")  # of two that bring the same code, one comes second
    code = connection.execute(
        "SELECT school_code, expires_at, used_by_agent_id FROM enrolment_code "
        "WHERE code_sha256 = ?",
        (code_sha256,),
    ).fetchone()
    if code is None:
        raise CodeRefused(f"this code is not known: check its letters, or {_NEW_CODE}")
    school_code, expires_at, used_by = code
    agent = connection.execute(
        "SELECT school_code, token_sha256, revoked_at FROM agent WHERE agent_id = ?", (agent_id,)
    ).fetchone()
    if used_by is None:
        if to_micros(now) >= expires_at:
            raise CodeRefused(f"this code has expired: {_NEW_CODE}")
        _bind(connection, agent_id, school_code, token_sha256, agent, now)
        connection.execute(
            "UPDATE enrolment_code SET used_at = ?, used_by_agent_id = ? WHERE code_sha256 = ?",
            (to_micros(now), agent_id, code_sha256),
        )
    elif used_by != agent_id or agent is None or agent[1] != token_sha256 or agent[2] is not None:
        raise CodeRefused(f"this code has been used: {_NEW_CODE}")
    school = rows_schools.school(connection, school_code)
    assert school is not None  # a foreign key says so
    return school


def _bind(
    connection: Sql,
    agent_id: str,
    school_code: str,
    token_sha256: str,
    agent: tuple[str, str, int | None] | None,
    now: datetime,
) -> None:
    if agent is not None and agent[0] != school_code:
        raise AgentBound(
            f"agent {agent_id} belongs to school {agent[0]}: use a code of that school, or wipe "
            "the appliance's state so that it takes a new identity"
        )
    if agent is not None and agent[2] is not None:
        raise AgentBound(
            f"agent {agent_id} was revoked: wipe the appliance's state so that it takes a new "
            "identity, then enrol it again"
        )
    holder = connection.execute(
        "SELECT agent_id FROM agent WHERE token_sha256 = ?", (token_sha256,)
    ).fetchone()
    if holder is not None and holder[0] != agent_id:
        raise AgentBound(
            "this token belongs to another agent: two appliances must not share one; wipe this "
            "appliance's state so that it makes a new token"
        )
    connection.execute(
        "INSERT INTO agent (agent_id, school_code, token_sha256, enrolled_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (agent_id) DO UPDATE SET token_sha256 = excluded.token_sha256",
        (agent_id, school_code, token_sha256, to_micros(now)),
    )


def by_token(connection: Sql, token_sha256: str) -> Agent | None:
    """Who presents this token."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM agent WHERE token_sha256 = ?",  # noqa: S608 - constants
        (token_sha256,),
    ).fetchone()
    return None if row is None else _agent(row)


def all_agents(connection: Sql) -> list[Agent]:
    """All agents, by school code."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM agent ORDER BY school_code, enrolled_at")  # noqa: S608 - constants
    return [_agent(row) for row in rows]


def revoke(connection: Sql, agent_id: str, now: datetime) -> bool:
    """Withdraw an agent's token; the first time stays."""
    cursor = connection.execute(
        "UPDATE agent SET revoked_at = coalesce(revoked_at, ?) WHERE agent_id = ?",
        (to_micros(now), agent_id),
    )
    return cursor.rowcount > 0


def _agent(row: tuple[Any, ...]) -> Agent:
    return Agent(
        agent_id=row[0],
        school_code=row[1],
        enrolled_at=from_micros(row[2]),
        last_seen_at=None if row[3] is None else from_micros(row[3]),
        agent_version=row[4],
        revoked_at=None if row[5] is None else from_micros(row[5]),
        token_expires_at=None if row[6] is None else from_micros(row[6]),
    )
