"""Reports that were issued, in portable SQL. What was issued is never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.report.document import Report, read
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One issued revision, without its document."""

    week: str
    simulated: bool
    revision: int
    sha256: str
    """Of what belongs to the week: see :func:`collector.report.document.content_sha256`."""
    issued_at: datetime


_COLUMNS = "week, simulated, revision, sha256, issued_at"


def issues(sql: Sql, *, simulated: bool, week: str | None = None) -> list[Issue]:
    """Issued reports, newest week and revision first."""
    where, given = ("", ()) if week is None else ("AND week = ?", (week,))
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM report_issue WHERE simulated = ? {where} "  # noqa: S608 - constants
        "ORDER BY week DESC, revision DESC",
        (simulated, *given),
    )
    return [_issue(row) for row in rows]


def newest(sql: Sql, week: str, *, simulated: bool) -> Issue | None:
    """The newest revision of a week; None where nothing was issued."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM report_issue WHERE week = ? AND simulated = ? "  # noqa: S608 - constants
        "ORDER BY revision DESC LIMIT 1",
        (week, simulated),
    ).fetchone()
    return None if row is None else _issue(row)


def document(sql: Sql, week: str, revision: int, *, simulated: bool) -> Report | None:
    """An issued report; None where there is none. Raises ValueError: of another release."""
    row = sql.execute(
        "SELECT document FROM report_issue WHERE week = ? AND simulated = ? AND revision = ?",
        (week, simulated, revision),
    ).fetchone()
    return None if row is None else read(row[0])


def add(sql: Sql, issue: Issue, text: str) -> None:
    """Keep a new revision."""
    sql.execute(
        "INSERT INTO report_issue (week, simulated, revision, sha256, document, issued_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            issue.week,
            issue.simulated,
            issue.revision,
            issue.sha256,
            text,
            to_micros(issue.issued_at),
        ),
    )


def _issue(row: Sequence[object]) -> Issue:
    week, simulated, revision, sha256, issued_at = row
    assert isinstance(week, str)
    assert isinstance(revision, int)
    assert isinstance(sha256, str)
    assert isinstance(issued_at, int)
    return Issue(
        week=week,
        simulated=bool(simulated),
        revision=revision,
        sha256=sha256,
        issued_at=from_micros(issued_at),
    )
