"""How far schools are, in portable SQL.

A change names the version it was made from; raises :class:`EditedMeanwhile` where another stands.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from collector.programme.model import Progress, ProgressEvent, State
from collector.programme.row_parts import day_of, day_text, next_version, where_of
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_PROGRESS: Final = "school_code, state, since_on, planned_on, assessor, note, version"


def progress(sql: Sql, school_code: str | None = None) -> list[Progress]:
    """Where schools stand, by code; one without a row has not been started."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_PROGRESS} FROM progress {where} ORDER BY school_code",  # noqa: S608 - constants
        given,
    )
    return [_progress(row) for row in rows]


def progress_events(sql: Sql, school_code: str | None = None) -> list[ProgressEvent]:
    """All changes of progress, in the order in which they were made."""
    where, given = where_of(school_code)
    rows = sql.execute(
        f"SELECT {_PROGRESS}, changed_at, changed_by FROM progress_event {where} "  # noqa: S608 - constants
        "ORDER BY changed_at, school_code, version",
        given,
    )
    return [
        ProgressEvent(progress=_progress(row), changed_at=from_micros(row[7]), changed_by=row[8])
        for row in rows
    ]


def put_progress(sql: Sql, new: Progress, actor: str, now: datetime) -> Progress:
    """Keep where a school stands; ``new.version`` is the one it was made from (0: none)."""
    sql.lock(f"progress {new.school_code}")
    version = next_version(
        sql.execute(
            "SELECT version FROM progress WHERE school_code = ?", (new.school_code,)
        ).fetchone(),
        new.version,
        f"progress of {new.school_code}",
    )
    values = (
        new.school_code,
        new.state.value,
        new.since_on.isoformat(),
        day_text(new.planned_on),
        new.assessor,
        new.note,
        version,
    )
    sql.execute("DELETE FROM progress WHERE school_code = ?", (new.school_code,))
    sql.execute(
        f"INSERT INTO progress ({_PROGRESS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        values,
    )
    sql.execute(
        f"INSERT INTO progress_event ({_PROGRESS}, changed_at, changed_by) "  # noqa: S608 - constants
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, to_micros(now), actor),
    )
    return replace(new, version=version)


def _progress(row: Any) -> Progress:  # noqa: ANN401 - a row as it was asked for
    return Progress(
        school_code=row[0],
        state=State(row[1]),
        since_on=date.fromisoformat(row[2]),
        planned_on=day_of(row[3]),
        assessor=row[4],
        note=row[5],
        version=row[6],
    )
