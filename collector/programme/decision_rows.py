"""What people decided of findings, in portable SQL.

A change names the version it was made from; raises :class:`EditedMeanwhile` where another stands.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from collector.programme.model import Decided, DecidedEvent, Decision, Grade
from collector.programme.row_parts import next_version, where_of
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_DECIDED: Final = (
    "school_code, finding_id, decision, grade, evidence, decided_on, decided_by, version"
)


def decisions(sql: Sql, school_code: str | None = None) -> list[Decided]:
    """What was decided of findings, by school and finding."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_DECIDED} FROM school_finding {where} ORDER BY school_code, finding_id",  # noqa: S608 - constants
        given,
    )
    return [_decided(row) for row in rows]


def decision_events(sql: Sql, school_code: str | None = None) -> list[DecidedEvent]:
    """All decisions, in the order in which they were made."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_DECIDED}, changed_at FROM school_finding_event {where} "  # noqa: S608 - constants
        "ORDER BY changed_at, school_code, finding_id, version",
        given,
    )
    return [DecidedEvent(decided=_decided(row), changed_at=from_micros(row[8])) for row in rows]


def decide(sql: Sql, new: Decided, now: datetime) -> Decided:
    """Keep a decision; ``new.version`` is the one it was made from (0: none)."""
    key = (new.school_code, new.finding_id)
    sql.lock(f"finding {new.school_code}")
    version = next_version(
        sql.execute(
            "SELECT version FROM school_finding WHERE school_code = ? AND finding_id = ?", key
        ).fetchone(),
        new.version,
        f"finding {new.finding_id} of {new.school_code}",
    )
    values = (
        *key,
        new.decision.value,
        new.grade.value,
        new.evidence,
        new.decided_on.isoformat(),
        new.decided_by,
        version,
    )
    sql.execute("DELETE FROM school_finding WHERE school_code = ? AND finding_id = ?", key)
    sql.execute(
        f"INSERT INTO school_finding ({_DECIDED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        values,
    )
    sql.execute(
        f"INSERT INTO school_finding_event ({_DECIDED}, changed_at) "  # noqa: S608 - constants
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, to_micros(now)),
    )
    return replace(new, version=version)


def _decided(row: Any) -> Decided:  # noqa: ANN401 - a row as it was asked for
    return Decided(
        school_code=row[0],
        finding_id=row[1],
        decision=Decision(row[2]),
        grade=Grade(row[3]),
        evidence=row[4],
        decided_on=date.fromisoformat(row[5]),
        decided_by=row[6],
        version=row[7],
    )
