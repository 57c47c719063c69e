"""Slots, places in the line and responders in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.slots.decide import Ask, Held, Place, Responder
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

LOCK: Final = "slots"
KEPT: Final = timedelta(days=30)
"""Slots are forgotten after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A slot as it is kept."""

    token_id: str
    request_id: str
    agent_id: str
    school_code: str
    upstream: str
    responder: str
    purpose: str
    reserved_bps: int
    payload: bytes
    granted_at: datetime
    likely_until: datetime
    holds_until: datetime
    released_at: datetime | None = None
    rehearsal_id: str | None = None
    waited_seconds: float = 0.0


_COLUMNS: Final = (
    "token_id, request_id, agent_id, school_code, upstream, responder, purpose, reserved_bps, "
    "payload, granted_at, likely_until, holds_until, released_at, rehearsal_id, waited_seconds"
)


def responders(sql: Sql) -> Sequence[Responder]:
    """All responders, by name."""
    rows = sql.execute(
        "SELECT name, target, capacity_bps, capacity_tests FROM responder ORDER BY name"
    )
    return [
        Responder(name=name, target=target, capacity_bps=bps, capacity_tests=tests)
        for name, target, bps, tests in rows.fetchall()
    ]


def responder_at(sql: Sql, target: str) -> Responder | None:
    """The responder at a target."""
    return next((one for one in responders(sql) if one.target == target), None)


def save_responder(sql: Sql, one: Responder, now: datetime) -> None:
    """Add a responder or change it."""
    sql.lock(LOCK)
    sql.execute(
        "INSERT INTO responder (name, target, capacity_bps, capacity_tests, added_at) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET target = excluded.target, "
        "capacity_bps = excluded.capacity_bps, capacity_tests = excluded.capacity_tests",
        (one.name, one.target, one.capacity_bps, one.capacity_tests, to_micros(now)),
    )


def remove_responder(sql: Sql, name: str) -> bool:
    """Forget a responder; False where there is none of that name."""
    sql.lock(LOCK)
    return sql.execute("DELETE FROM responder WHERE name = ?", (name,)).rowcount == 1


def held(sql: Sql, now: datetime) -> Sequence[Held]:
    """Slots that are held now; those of light tests hold nothing."""
    rows = sql.execute(
        "SELECT upstream, responder, reserved_bps, likely_until FROM slot "
        "WHERE holds_until > ? AND released_at IS NULL AND purpose <> 'light'",
        (to_micros(now),),
    )
    return [
        Held(upstream=up, responder=at, reserved_bps=bps, likely_until=from_micros(until))
        for up, at, bps, until in rows.fetchall()
    ]


def line(sql: Sql, now: datetime) -> Sequence[Place]:
    """Live places; the others are given up."""
    sql.execute("DELETE FROM slot_wait WHERE keep_until <= ?", (to_micros(now),))
    rows = sql.execute(
        "SELECT number, agent_id, upstream, responder, reserved_bps, likely_seconds "
        "FROM slot_wait ORDER BY number"
    )
    return [
        Place(
            number=number,
            agent_id=agent,
            upstream=up,
            responder=at,
            reserved_bps=bps,
            likely_seconds=seconds,
        )
        for number, agent, up, at, bps, seconds in rows.fetchall()
    ]


def keep_place(sql: Sql, ask: Ask, now: datetime, keep_until: datetime) -> None:
    """Give the agent a place at the end of the line, or keep the one it has for longer.

    One that asks for another upstream or responder than before begins anew.
    """
    sql.execute(
        "DELETE FROM slot_wait WHERE agent_id = ? AND NOT (upstream = ? AND responder = ?)",
        (ask.agent_id, ask.upstream, ask.responder.name),
    )
    last = sql.execute("SELECT coalesce(max(number), 0) FROM slot_wait").fetchone()[0]
    sql.execute(
        "INSERT INTO slot_wait (agent_id, number, upstream, responder, reserved_bps, "
        "likely_seconds, asked_at, keep_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (agent_id) DO UPDATE SET keep_until = excluded.keep_until, "
        "reserved_bps = excluded.reserved_bps, likely_seconds = excluded.likely_seconds",
        (
            ask.agent_id,
            last + 1,
            ask.upstream,
            ask.responder.name,
            ask.reserved_bps,
            ask.likely_seconds,
            to_micros(now),
            to_micros(keep_until),
        ),
    )


def leave_line(sql: Sql, agent_id: str, now: datetime) -> float:
    """Give the place up; tells how many seconds ago it was taken, 0 where there was none."""
    row = sql.execute("SELECT asked_at FROM slot_wait WHERE agent_id = ?", (agent_id,)).fetchone()
    sql.execute("DELETE FROM slot_wait WHERE agent_id = ?", (agent_id,))
    return 0.0 if row is None else max(0.0, (now - from_micros(row[0])).total_seconds())


def save(sql: Sql, one: Granted) -> None:
    """Keep a slot."""
    sql.execute(
        f"INSERT INTO slot ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            one.token_id,
            one.request_id,
            one.agent_id,
            one.school_code,
            one.upstream,
            one.responder,
            one.purpose,
            one.reserved_bps,
            one.payload,
            to_micros(one.granted_at),
            to_micros(one.likely_until),
            to_micros(one.holds_until),
            None,
            one.rehearsal_id,
            one.waited_seconds,
        ),
    )
    sql.execute("DELETE FROM slot WHERE holds_until < ?", (to_micros(one.granted_at - KEPT),))


def by_request(sql: Sql, agent_id: str, request_id: str) -> Granted | None:
    """The slot that a request was answered with."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM slot WHERE agent_id = ? AND request_id = ?",  # noqa: S608 - constants
        (agent_id, request_id),
    ).fetchone()
    if row is None:
        return None
    return Granted(
        token_id=row[0],
        request_id=row[1],
        agent_id=row[2],
        school_code=row[3],
        upstream=row[4],
        responder=row[5],
        purpose=row[6],
        reserved_bps=row[7],
        payload=bytes(row[8]),
        granted_at=from_micros(row[9]),
        likely_until=from_micros(row[10]),
        holds_until=from_micros(row[11]),
        released_at=None if row[12] is None else from_micros(row[12]),
        rehearsal_id=row[13],
        waited_seconds=row[14],
    )


def release(sql: Sql, agent_id: str, token_id: str, now: datetime) -> bool:
    """Give a slot back; False where the agent has no such slot. Again: as the first time."""
    sql.execute(
        "UPDATE slot SET released_at = ? WHERE agent_id = ? AND token_id = ? "
        "AND released_at IS NULL",
        (to_micros(now), agent_id, token_id),
    )
    row = sql.execute(
        "SELECT 1 FROM slot WHERE agent_id = ? AND token_id = ?", (agent_id, token_id)
    ).fetchone()
    return row is not None
