"""Questions about revisions, in portable SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.judge.model import Figure
from collector.revisions.diff import SAME_REVISION, Cause, Change, Key, Standing, merged
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_AT_ONCE: Final = 500
_CHANGE: Final = """school_code, figure, cause, status_before, status_after, median_before_bps,
    median_after_bps, runs_before, runs_after"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of a week. Its number counts from 1; the week as published first has none."""

    week: str
    number: int
    made_at: datetime
    causes: tuple[Cause, ...]
    alerts: bool
    """Always false: a change of the past is shown and wakes nobody."""
    changes: tuple[Change, ...]


def standings(sql: Sql, week: str, codes: Sequence[str], *, simulated: bool) -> dict[Key, Standing]:
    """What stands of these schools in a week."""
    found = {}
    for start in range(0, len(codes), _AT_ONCE):
        some = codes[start : start + _AT_ONCE]
        rows = sql.execute(
            "SELECT school_code, figure, status, median_bps, runs, pupils, required_bps, "  # noqa: S608 - constants
            "upper_bps, calendar FROM verdict WHERE week = ? AND simulated = ? "
            f"AND school_code IN ({', '.join('?' * len(some))})",
            (week, simulated, *some),
        )
        for row in rows:
            found[row[0], Figure(row[1])] = Standing(
                status=row[2],
                median_bps=row[3],
                runs=row[4],
                requirement=(row[5], row[6], row[7]),
                calendar=row[8],
            )
    return found


def add(sql: Sql, week: str, new: Sequence[Change], now: datetime, *, simulated: bool) -> None:
    """Keep changes: in the newest revision where that has just begun, else in a new one."""
    newest = sql.execute(
        "SELECT number, made_at FROM revision WHERE week = ? AND simulated = ? "
        "ORDER BY number DESC LIMIT 1",
        (week, simulated),
    ).fetchone()
    number, made_at = (1, to_micros(now)) if newest is None else (newest[0] + 1, to_micros(now))
    kept = list(new)
    if (
        newest is not None
        and from_micros(newest[1]) <= now < from_micros(newest[1]) + SAME_REVISION
    ):
        number, made_at = newest
        kept = merged(_changes(sql, week, number, simulated=simulated), new)
        for table in ("revision_change", "revision"):
            sql.execute(
                f"DELETE FROM {table} WHERE week = ? AND simulated = ? AND number = ?",  # noqa: S608 - constants
                (week, simulated, number),
            )
    if not kept:
        return
    causes = " ".join(sorted({one.cause.value for one in kept}))
    sql.execute(
        "INSERT INTO revision VALUES (?, ?, ?, ?, ?, 0)",
        (week, simulated, number, made_at, causes),
    )
    sql.executemany(
        f"INSERT INTO revision_change (week, simulated, number, {_CHANGE}) "  # noqa: S608 - constants
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                week,
                simulated,
                number,
                one.school_code,
                one.figure.value,
                one.cause.value,
                one.status_before,
                one.status_after,
                one.median_before_bps,
                one.median_after_bps,
                one.runs_before,
                one.runs_after,
            )
            for one in kept
        ],
    )


def newest_number(sql: Sql, week: str, *, simulated: bool) -> int | None:
    """The number of a week's newest revision; None for a week without."""
    number: int | None = sql.execute(
        "SELECT max(number) FROM revision WHERE week = ? AND simulated = ?", (week, simulated)
    ).fetchone()[0]
    return number


def of_week(sql: Sql, week: str, *, simulated: bool) -> list[Revision]:
    """The revisions of a week, newest first."""
    rows = sql.execute(
        "SELECT number, made_at, causes, alerts FROM revision WHERE week = ? AND simulated = ? "
        "ORDER BY number DESC",
        (week, simulated),
    ).fetchall()
    return [
        Revision(
            week=week,
            number=number,
            made_at=from_micros(made_at),
            causes=tuple(Cause(one) for one in causes.split()),
            alerts=bool(alerts),
            changes=tuple(_changes(sql, week, number, simulated=simulated)),
        )
        for number, made_at, causes, alerts in rows
    ]


def _changes(sql: Sql, week: str, number: int, *, simulated: bool) -> list[Change]:
    rows = sql.execute(
        f"SELECT {_CHANGE} FROM revision_change WHERE week = ? AND simulated = ? AND number = ? "  # noqa: S608 - constants
        "ORDER BY school_code, figure",
        (week, simulated, number),
    )
    return [
        Change(
            school_code=row[0],
            figure=Figure(row[1]),
            cause=Cause(row[2]),
            status_before=row[3],
            status_after=row[4],
            median_before_bps=row[5],
            median_after_bps=row[6],
            runs_before=row[7],
            runs_after=row[8],
        )
        for row in rows
    ]
