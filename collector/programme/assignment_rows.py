"""Measures at schools, in portable SQL.

A change names the version it was made from; raises :class:`EditedMeanwhile` where another stands.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from collector.programme.model import Assignment, MeasureState
from collector.programme.row_parts import day_of, day_text, next_version, where_of
from collector.store.sql import Sql
from collector.store.times import to_micros

_ASSIGNMENT: Final = (
    "assignment_id, school_code, measure_id, state, planned_on, done_on, cost_yen, subsidy_yen, "
    "findings, note, version"
)


def assignments(sql: Sql, school_code: str | None = None) -> list[Assignment]:
    """Measures at schools, by school, planned day and id."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_ASSIGNMENT} FROM school_measure {where} "  # noqa: S608 - constants
        "ORDER BY school_code, planned_on, assignment_id",
        given,
    )
    return [
        Assignment(
            assignment_id=row[0],
            school_code=row[1],
            measure_id=row[2],
            state=MeasureState(row[3]),
            planned_on=day_of(row[4]),
            done_on=day_of(row[5]),
            cost_yen=row[6],
            subsidy_yen=row[7],
            findings=tuple(row[8].split()),
            note=row[9],
            version=row[10],
        )
        for row in rows
    ]


def put_assignment(sql: Sql, new: Assignment, actor: str, now: datetime) -> Assignment:
    """Keep a measure at a school; ``new.version`` is the one it was made from (0: none)."""
    sql.lock(f"measure {new.assignment_id}")
    version = next_version(
        sql.execute(
            "SELECT version FROM school_measure WHERE assignment_id = ?", (new.assignment_id,)
        ).fetchone(),
        new.version,
        f"measure {new.measure_id} of {new.school_code}",
    )
    sql.execute("DELETE FROM school_measure WHERE assignment_id = ?", (new.assignment_id,))
    sql.execute(
        f"INSERT INTO school_measure ({_ASSIGNMENT}, changed_at, changed_by) "  # noqa: S608 - constants
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.assignment_id,
            new.school_code,
            new.measure_id,
            new.state.value,
            day_text(new.planned_on),
            day_text(new.done_on),
            new.cost_yen,
            new.subsidy_yen,
            " ".join(new.findings),
            new.note,
            version,
            to_micros(now),
            actor,
        ),
    )
    return replace(new, version=version)
