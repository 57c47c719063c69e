"""Rehearsals: all schools of a group at once, on purpose, for a few minutes. Rows and rules.

A rehearsal is run by short tokens. While it lasts each school asks for one after the other; when it
is stopped, or over, no further one is given and the test under way ends within
:data:`ROUND_SECONDS`, at the responder. Ordinary tests on the same upstream or responder wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.operators.audit import audit
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

ROUND_SECONDS: Final = 10
"""Length of one test of a rehearsal: so soon it is over after a stop."""
LEAD_SECONDS: Final = 150
"""From the word to the beginning: a heartbeat for every agent, and the end of other tests."""
LONGEST_MINUTES: Final = 15
_COLUMNS: Final = (
    "rehearsal_id, upstream, responder, started_by, made_at, starts_at, ends_at, stopped_at, "
    "stopped_by"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One rehearsal."""

    rehearsal_id: str
    upstream: str
    responder: str
    started_by: str
    made_at: datetime
    starts_at: datetime
    ends_at: datetime
    stopped_at: datetime | None = None
    stopped_by: str | None = None

    def over_at(self) -> datetime:
        """When it ends, or ended."""
        return self.ends_at if self.stopped_at is None else min(self.stopped_at, self.ends_at)

    def state(self, now: datetime) -> str:
        """``waiting``, ``running``, ``stopped`` or ``over``."""
        if self.stopped_at is not None and self.stopped_at < self.ends_at:
            return "stopped"
        if now >= self.ends_at:
            return "over"
        return "waiting" if now < self.starts_at else "running"


def start(sql: Sql, one: Rehearsal) -> None:
    """Note a rehearsal and who started it, in the audit log too."""
    sql.execute(
        f"INSERT INTO rehearsal ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            one.rehearsal_id,
            one.upstream,
            one.responder,
            one.started_by,
            to_micros(one.made_at),
            to_micros(one.starts_at),
            to_micros(one.ends_at),
            None,
            None,
        ),
    )
    detail = {
        "upstream": one.upstream,
        "responder": one.responder,
        "starts_at": one.starts_at.isoformat(timespec="seconds"),
        "ends_at": one.ends_at.isoformat(timespec="seconds"),
    }
    audit(sql, one.started_by, "rehearsal.start", one.rehearsal_id, detail, one.made_at)


def stop(sql: Sql, rehearsal_id: str, actor: str, now: datetime) -> bool:
    """Stop; False where it is over already or never was."""
    done = sql.execute(
        "UPDATE rehearsal SET stopped_at = ?, stopped_by = ? "
        "WHERE rehearsal_id = ? AND stopped_at IS NULL AND ends_at > ?",
        (to_micros(now), actor, rehearsal_id, to_micros(now)),
    )
    if done.rowcount:
        audit(sql, actor, "rehearsal.stop", rehearsal_id, {}, now)
    return done.rowcount == 1


def live(sql: Sql, now: datetime) -> Sequence[Rehearsal]:
    """Rehearsals that wait for their beginning or run."""
    return _select(sql, "WHERE ends_at > ? AND stopped_at IS NULL", (to_micros(now),))


def newest(sql: Sql, count: int) -> Sequence[Rehearsal]:
    """The newest rehearsals, newest first."""
    return _select(sql, "", ())[::-1][:count]


def by_id(sql: Sql, rehearsal_id: str) -> Rehearsal | None:
    """One rehearsal."""
    return next(iter(_select(sql, "WHERE rehearsal_id = ?", (rehearsal_id,))), None)


def in_the_way(sql: Sql, upstream: str, responder: str, now: datetime) -> Rehearsal | None:
    """The rehearsal that ordinary tests there have to wait for."""
    return next(
        (one for one in live(sql, now) if one.upstream == upstream or one.responder == responder),
        None,
    )


def why_not(one: Rehearsal | None, upstream: str, responder: str, now: datetime) -> str:
    """Why a school may take no part; empty where it may, now or when it begins."""
    if one is None:
        return "there is no such rehearsal"
    if one.upstream != upstream or one.responder != responder:
        return "the rehearsal is of another group or towards another responder"
    if one.state(now) == "stopped":
        return "the rehearsal was stopped"
    return "the rehearsal is over" if one.state(now) == "over" else ""


def _select(sql: Sql, where: str, given: tuple[object, ...]) -> Sequence[Rehearsal]:
    rows = sql.execute(f"SELECT {_COLUMNS} FROM rehearsal {where} ORDER BY made_at", given)  # noqa: S608 - constants
    return [
        Rehearsal(
            rehearsal_id=row[0],
            upstream=row[1],
            responder=row[2],
            started_by=row[3],
            made_at=from_micros(row[4]),
            starts_at=from_micros(row[5]),
            ends_at=from_micros(row[6]),
            stopped_at=None if row[7] is None else from_micros(row[7]),
            stopped_by=row[8],
        )
        for row in rows.fetchall()
    ]
