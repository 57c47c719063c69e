"""Verdicts and the marks of weeks to judge, in portable SQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from collector.judge.model import Figure, Reason, Requirement, Status, Verdict
from collector.store.interface import SchoolWeek
from collector.store.sql import Sql
from collector.store.times import to_micros

_COLUMNS: Final = """school_code, week, figure, simulated, status, reasons, pupils, required_bps,
    upper_bps, outside_table, table_version, runs, failed_runs, days, school_days, statistic,
    median_bps, low_bps, high_bps, calendar"""
_KEY: Final = ("school_code", "week", "figure", "simulated")
_CHANGED: Final = ", ".join(
    f"{name} = excluded.{name}"
    for name in (*_COLUMNS.replace(",", " ").split(), "judged_at")
    if name not in _KEY
)
_REPLACE: Final = f"""INSERT INTO verdict ({_COLUMNS}, judged_at)
    SELECT {", ".join("?" * 21)} WHERE NOT EXISTS (SELECT 1 FROM school_week
        WHERE school_code = ? AND week = ? AND simulated = ? AND judged_generation > ?)
    ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET {_CHANGED}"""  # noqa: S608 - constants
_WEEKS: Final = """WITH RECURSIVE had (week) AS (
        SELECT max(week) FROM verdict WHERE simulated = ?
        UNION ALL
        SELECT (SELECT max(week) FROM verdict WHERE simulated = ? AND week < had.week)
        FROM had WHERE had.week IS NOT NULL
    ) SELECT week FROM had WHERE week IS NOT NULL"""
"""From one week down to the next by the index: DISTINCT would read every verdict."""
_NEWEST: Final = (1 << 63) - 1
MARK: Final = """INSERT INTO school_week (school_code, week, simulated, generation)
    VALUES (?, ?, ?, 1) ON CONFLICT (school_code, week, simulated)
    DO UPDATE SET generation = school_week.generation + 1"""


def dirty(connection: Sql) -> dict[SchoolWeek, int]:
    """School weeks to judge, with their generation."""
    rows = connection.execute(
        "SELECT school_code, week, simulated, generation FROM school_week "
        "WHERE generation > judged_generation ORDER BY school_code, week"
    )
    return {(code, week, bool(simulated)): generation for code, week, simulated, generation in rows}


def mark(connection: Sql, weeks: Iterable[SchoolWeek]) -> None:
    """Have these judged (again)."""
    connection.executemany(MARK, sorted(set(weeks)))


def save(
    connection: Sql,
    verdicts: Sequence[Verdict],
    judged_at: datetime,
    judged: Mapping[SchoolWeek, int],
) -> None:
    """Replace verdicts; clear marks that have not grown since they were read.

    Two collectors may judge the same week. Verdicts of one that read fewer results than were
    judged meanwhile are dropped, so that the slower one does not overwrite the better informed.
    """
    connection.lock("verdicts")
    judged_micros = to_micros(judged_at)
    connection.executemany(
        _REPLACE,
        [
            (
                *_values(verdict),
                judged_micros,
                verdict.school_code,
                verdict.week,
                verdict.simulated,
                judged.get((verdict.school_code, verdict.week, verdict.simulated), _NEWEST),
            )
            for verdict in verdicts
        ],
    )
    connection.executemany(
        "UPDATE school_week SET judged_generation = ? WHERE school_code = ? AND week = ? "
        "AND simulated = ? AND judged_generation < ?",
        [(judged[one], *one, judged[one]) for one in sorted(judged)],
    )


def of_week(connection: Sql, week: str, *, simulated: bool) -> dict[tuple[str, Figure], Verdict]:
    """Verdicts of one week by school and figure."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM verdict WHERE week = ? AND simulated = ?",  # noqa: S608 - constants
        (week, simulated),
    )
    verdicts = [_verdict(row) for row in rows]
    return {(verdict.school_code, verdict.figure): verdict for verdict in verdicts}


def history(connection: Sql, school_code: str, *, simulated: bool) -> list[Verdict]:
    """All verdicts of a school, newest week first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM verdict WHERE school_code = ? AND simulated = ? "  # noqa: S608 - constants
        "ORDER BY week DESC, figure DESC",
        (school_code, simulated),
    )
    return [_verdict(row) for row in rows]


def weeks(connection: Sql, *, simulated: bool) -> list[str]:
    """Weeks that have verdicts, newest first."""
    rows = connection.execute(_WEEKS, (simulated, simulated))
    return [week for (week,) in rows]


def _values(one: Verdict) -> tuple[object, ...]:
    return (
        one.school_code,
        one.week,
        one.figure.value,
        one.simulated,
        one.status.value,
        " ".join(reason.value for reason in one.reasons),
        one.requirement.pupils,
        one.requirement.required_bps,
        one.requirement.upper_bps,
        one.requirement.outside_table,
        one.requirement.table_version,
        one.runs,
        one.failed_runs,
        one.days,
        one.school_days,
        one.statistic,
        one.median_bps,
        one.low_bps,
        one.high_bps,
        one.calendar,
    )


def _verdict(row: tuple[Any, ...]) -> Verdict:
    return Verdict(
        school_code=row[0],
        week=row[1],
        figure=Figure(row[2]),
        simulated=bool(row[3]),
        status=Status(row[4]),
        reasons=tuple(Reason(name) for name in row[5].split()),
        requirement=Requirement(
            pupils=row[6],
            required_bps=row[7],
            upper_bps=row[8],
            outside_table=bool(row[9]),
            table_version=row[10],
        ),
        runs=row[11],
        failed_runs=row[12],
        days=row[13],
        school_days=row[14],
        statistic=row[15],
        median_bps=row[16],
        low_bps=row[17],
        high_bps=row[18],
        calendar=row[19],
    )
