"""Reports, edits and weekly snapshots of a school's network, in portable SQL."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collector.judge.week import Week
from collector.programme import measured_rows
from collector.programme.row_parts import next_version
from collector.rollup.rows import BELIEVED
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from collector.topology import document as documents
from collector.topology import edits as of_edits
from collector.topology.edits import Edits
from collector.topology.model import Topology
from collector.topology.report import Report

WITHIN_WEEKS: Final = 4
"""How far back the newest report of a school is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A device that was asked and did not answer, newer than any answer of it."""

    target: str
    since: datetime
    """When it was asked in vain for the last time."""
    failure_code: str | None
    ever_answered: bool
    """Whether there is an answer of the last weeks before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The edits of a school as they stand. Version 0: there are none."""

    edits: Edits
    version: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""


def reports(sql: Sql, code: str, end: datetime, *, simulated: bool) -> list[Report]:
    """The newest good report of each device in the last days before ``end``."""
    start = Week.containing(end).plus(-WITHIN_WEEKS).start
    return [
        Report(target=one.target, values=one.values, started_at=one.started_at)
        for one in measured_rows.device_reports(sql, code, start, end, simulated=simulated)
    ]


def silent(sql: Sql, code: str, end: datetime, *, simulated: bool) -> list[Silence]:
    """Devices whose newest result of the last weeks before ``end`` is a failure."""
    start = Week.containing(end).plus(-WITHIN_WEEKS).start
    span = (code, to_micros(start), to_micros(end), int(simulated))
    own = (
        "FROM result WHERE school_code = ? AND started_at >= ? AND started_at < ? "
        f"AND simulated = ? AND probe = 'snmp' AND {BELIEVED}"
    )
    moments = sql.execute(
        "SELECT target, max(CASE WHEN outcome = 'failed' THEN started_at END), "
        f"max(CASE WHEN outcome = 'ok' THEN started_at END) {own} "
        "GROUP BY target ORDER BY target LIMIT ?",
        (*span, measured_rows.MOST_DEVICES),
    ).fetchall()
    found = []
    for target, failed_at, ok_at in moments:
        if failed_at is None or (ok_at is not None and ok_at >= failed_at):
            continue
        row = sql.execute(
            f"SELECT failure_code {own} AND target = ? AND outcome = 'failed' LIMIT 1",
            (code, failed_at, failed_at + 1, int(simulated), target),
        ).fetchone()
        found.append(
            Silence(
                target=target,
                since=from_micros(failed_at),
                failure_code=None if row is None else row[0],
                ever_answered=ok_at is not None,
            )
        )
    return found


def edits(sql: Sql, code: str) -> Kept:
    """The newest edits of a school."""
    return (history(sql, code, 1) or [Kept(edits=Edits())])[0]


def history(sql: Sql, code: str, most: int) -> list[Kept]:
    """Edits of a school, the newest first."""
    rows = sql.execute(
        "SELECT document, version, changed_at, changed_by FROM topology_edit "
        "WHERE school_code = ? ORDER BY version DESC LIMIT ?",
        (code, most),
    )
    return [
        Kept(
            edits=of_edits.from_document(json.loads(row[0])),
            version=row[1],
            changed_at=from_micros(row[2]),
            changed_by=row[3],
        )
        for row in rows
    ]


def keep_edits(sql: Sql, code: str, new: Edits, before: int, who: str, now: datetime) -> int:
    """Keep edits made from version ``before``. Raises EditedMeanwhile where another stands."""
    sql.lock(f"topology {code}")
    newest = sql.execute(
        "SELECT max(version) FROM topology_edit WHERE school_code = ?", (code,)
    ).fetchone()
    version = next_version(None if newest[0] is None else newest, before, f"the network of {code}")
    sql.execute(
        "INSERT INTO topology_edit (school_code, version, document, changed_at, changed_by) "
        "VALUES (?, ?, ?, ?, ?)",
        (code, version, _json(of_edits.to_document(new)), to_micros(now), who),
    )
    return version


def keep_week(
    sql: Sql, code: str, week: str, of: Topology, now: datetime, *, simulated: bool
) -> None:
    """Keep how a school's network is in a week, in place of what was kept before."""
    sql.execute(
        "INSERT INTO topology_week (school_code, week, simulated, document, made_at) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (school_code, week, simulated) "
        "DO UPDATE SET document = excluded.document, made_at = excluded.made_at",
        (code, week, int(simulated), _json(documents.to_document(of, ports=False)), to_micros(now)),
    )


def weeks(sql: Sql, code: str, *, simulated: bool) -> list[str]:
    """Weeks that are kept of a school, the newest first."""
    rows = sql.execute(
        "SELECT week FROM topology_week WHERE school_code = ? AND simulated = ? ORDER BY week DESC",
        (code, int(simulated)),
    )
    return [row[0] for row in rows]


def week(sql: Sql, code: str, of: str, *, simulated: bool) -> Topology | None:
    """How a school's network was in a week; None: not kept."""
    row = sql.execute(
        "SELECT document FROM topology_week WHERE school_code = ? AND week = ? AND simulated = ?",
        (code, of, int(simulated)),
    ).fetchone()
    return None if row is None else documents.from_document(json.loads(row[0]))


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
