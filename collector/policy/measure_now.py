"""Measuring now: a test asked for from a page, given to one agent with a heartbeat, run once.

The command goes out with every reply until its result is there or it has expired, so a lost reply
loses nothing; the agent notes its number on disk before it begins, so it runs once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

from collector.operators.audit import audit
from collector.policy.change import Author, ChangeRefused
from collector.store.interface import Store, StoredResult
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from wire.heartbeat import Command
from wire.ids import uuid4
from wire.measurement import Json
from wire.planning.planned import Planned

KIND: Final = "measure"
EXPIRES_AFTER: Final = timedelta(minutes=10)
MOST_WAITING: Final = 5
"""Commands of one school at once."""
LOOKED_AT: Final = 200
"""Newest results of a school among which the one of a command is looked for."""
_COLUMNS: Final = (
    "command_id, school_code, details, asked_at, asked_by, expires_at, agent_id, delivered_at, "
    "finished_at, result_id"
)


class Stage(StrEnum):
    """How far a command has come."""

    WAITING = "waiting"
    GIVEN = "given"
    """An agent has it."""
    DONE = "done"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One command and what became of it."""

    command_id: str
    school_code: str
    details: Mapping[str, Json]
    asked_at: datetime
    asked_by: str
    expires_at: datetime
    agent_id: str | None
    delivered_at: datetime | None
    finished_at: datetime | None
    result_id: str | None

    def stage(self, now: datetime) -> Stage:
        """How far it has come; what an agent has may end after it has expired."""
        if self.finished_at is not None:
            return Stage.DONE
        given = self.delivered_at is not None
        if now >= (self.expires_at + EXPIRES_AFTER if given else self.expires_at):
            return Stage.EXPIRED
        return Stage.GIVEN if given else Stage.WAITING


def ask(store: Store, school_code: str, planned: Planned, author: Author, random: Random) -> Asked:
    """Queue a command. Raises :class:`ChangeRefused`."""
    details: dict[str, Json] = {
        "probe": planned.probe,
        "target": planned.target,
        "options": dict(planned.options),
        "deadline_seconds": planned.deadline_seconds,
    }
    if planned.segment is not None:
        details["segment"] = planned.segment
    asked = Asked(
        command_id=uuid4(random.getrandbits(128)),
        school_code=school_code,
        details=details,
        asked_at=author.now,
        asked_by=author.actor,
        expires_at=author.now + EXPIRES_AFTER,
        agent_id=None,
        delivered_at=None,
        finished_at=None,
        result_id=None,
    )

    def change(sql: Sql) -> None:
        sql.lock("measure_now")
        waiting: int = sql.execute(
            """SELECT COUNT(*) FROM measure_now
            WHERE school_code = ? AND finished_at IS NULL AND expires_at > ?""",
            (school_code, to_micros(author.now)),
        ).fetchone()[0]
        if waiting >= MOST_WAITING:
            raise ChangeRefused(f"{waiting} tests wait for this school: let them end first")
        sql.execute(
            """INSERT INTO measure_now
            (command_id, school_code, details, asked_at, asked_by, expires_at)
            VALUES (?, ?, ?, ?, ?, ?)""",
            (
                asked.command_id,
                school_code,
                json.dumps(details, ensure_ascii=False),
                to_micros(asked.asked_at),
                asked.asked_by,
                to_micros(asked.expires_at),
            ),
        )
        detail = {"command": asked.command_id, "probe": planned.probe, "target": planned.target}
        audit(sql, author.actor, "measure.now", school_code, detail, author.now)

    store.write(change)
    return asked


def find(sql: Sql, command_id: str) -> Asked | None:
    """One command."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM measure_now WHERE command_id = ?",  # noqa: S608 - constants
        (command_id,),
    ).fetchone()
    return None if row is None else _asked(row)


def newest(sql: Sql, school_code: str, limit: int) -> list[Asked]:
    """Commands of a school, newest first."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM measure_now WHERE school_code = ? "  # noqa: S608 - constants
        "ORDER BY asked_at DESC, command_id LIMIT ?",
        (school_code, limit),
    )
    return [_asked(row) for row in rows.fetchall()]


def for_agent(store: Store, school_code: str, agent_id: str, now: datetime) -> list[Command]:
    """Commands to give an agent with this reply; each belongs to the first agent that gets it."""
    waiting = store.read(lambda sql: _open(sql, school_code, agent_id, now))
    for asked in [one for one in waiting if one.agent_id is not None]:
        if look_for_result(store, asked, now).finished_at is not None:
            waiting.remove(asked)
    if any(asked.agent_id is None for asked in waiting):
        waiting = store.write(lambda sql: _take(sql, school_code, agent_id, now))
    return [
        Command(id=one.command_id, kind=KIND, expires_at=one.expires_at, details=one.details)
        for one in waiting
    ]


def look_for_result(store: Store, asked: Asked, now: datetime) -> Asked:
    """Find the result of a command among the newest of its school, and note it."""
    if asked.finished_at is not None or asked.agent_id is None:
        return asked
    found = result_of(store, asked)
    if found is None:
        return asked

    def note(sql: Sql) -> None:
        sql.execute(
            "UPDATE measure_now SET finished_at = ?, result_id = ? "
            "WHERE command_id = ? AND finished_at IS NULL",
            (to_micros(now), found.result_id, asked.command_id),
        )

    store.write(note)
    return store.read(lambda sql: find(sql, asked.command_id)) or asked


def result_of(store: Store, asked: Asked) -> StoredResult | None:
    """The stored result that names the command in its context, sent by the agent that had it."""
    mark = asked.command_id.encode()
    for stored in store.latest_results(asked.school_code, limit=LOOKED_AT):
        if stored.agent_id != asked.agent_id or mark not in stored.record:
            continue
        context = json.loads(stored.record).get("context")
        if isinstance(context, dict) and context.get("command_id") == asked.command_id:
            return stored
    return None


def _open(sql: Sql, school_code: str, agent_id: str, now: datetime) -> list[Asked]:
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM measure_now WHERE school_code = ? AND expires_at > ? "  # noqa: S608 - constants
        "AND finished_at IS NULL AND (agent_id IS NULL OR agent_id = ?) "
        "ORDER BY asked_at, command_id",
        (school_code, to_micros(now), agent_id),
    )
    return [_asked(row) for row in rows.fetchall()]


def _take(sql: Sql, school_code: str, agent_id: str, now: datetime) -> list[Asked]:
    sql.lock("measure_now")
    sql.execute(
        """UPDATE measure_now SET agent_id = ?, delivered_at = ?
        WHERE school_code = ? AND agent_id IS NULL AND finished_at IS NULL AND expires_at > ?""",
        (agent_id, to_micros(now), school_code, to_micros(now)),
    )
    return _open(sql, school_code, agent_id, now)


def _asked(row: Sequence[Any]) -> Asked:
    command_id, school_code, details, asked_at, asked_by, expires_at, agent_id, *rest = row
    delivered_at, finished_at, result_id = rest
    return Asked(
        command_id=command_id,
        school_code=school_code,
        details=json.loads(details),
        asked_at=from_micros(asked_at),
        asked_by=asked_by,
        expires_at=from_micros(expires_at),
        agent_id=agent_id,
        delivered_at=None if delivered_at is None else from_micros(delivered_at),
        finished_at=None if finished_at is None else from_micros(finished_at),
        result_id=result_id,
    )
