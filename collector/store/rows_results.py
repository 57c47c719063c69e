"""Questions about results, in portable SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from collector.judge.model import SEGMENTS_BESIDE_THE_LINE, Observation
from collector.store.interface import StoredResult
from collector.store.sql import Rows, Sql
from collector.store.times import (
    AFTER_ARRIVAL,
    BEFORE_ARRIVAL,
    MICROSECOND,
    from_micros,
    to_micros,
)
from wire.ids import is_uuid

JUDGED_PROBE: Final = "throughput"
_COLUMNS: Final = """result_id, agent_id, school_code, probe, target, segment, started_at,
    received_at, outcome, failure_code, failure_text, download_bps, upload_bps, simulated, record"""

_BELIEVED: Final = (
    f"(started_at BETWEEN received_at - {BEFORE_ARRIVAL // MICROSECOND} "
    f"AND received_at + {AFTER_ARRIVAL // MICROSECOND})"
)
"""As in the index of suspect clocks, so that the database recognises it."""


def latest(
    connection: Sql, school_code: str, limit: int, *, failures_only: bool
) -> list[StoredResult]:
    """The newest results of a school, newest first; those of suspect clocks by arrival."""
    condition = "AND outcome IN ('failed', 'invalid')" if failures_only else ""
    found: list[StoredResult] = []
    for clock, order in ((_BELIEVED, "started_at"), (f"NOT {_BELIEVED}", "received_at")):
        found += _stored(
            connection.execute(
                f"SELECT {_COLUMNS} FROM result WHERE school_code = ? AND {clock} {condition} "  # noqa: S608 - constants
                f"ORDER BY {order} DESC, result_id DESC LIMIT ?",
                (school_code, limit),
            )
        )
    found.sort(
        key=lambda one: (
            one.received_at if one.clock_suspect else one.started_at,
            one.result_id,
        ),
        reverse=True,
    )
    return found[:limit]


def by_id(connection: Sql, school_code: str, result_id: str) -> StoredResult | None:
    """One result of a school; of several agents that claim the id, the first that arrived.

    A version 7 id holds its start in milliseconds (RFC 9562, 5.7), so only that one is looked at;
    of other ids all results of the school are.
    """
    first, last = _started_within(result_id)
    found = _stored(
        connection.execute(
            f"SELECT {_COLUMNS} FROM result WHERE school_code = ? AND result_id = ? "  # noqa: S608 - constants
            "AND started_at >= ? AND started_at <= ? ORDER BY received_at LIMIT 1",
            (school_code, result_id, first, last),
        )
    )
    return found[0] if found else None


def _started_within(result_id: str) -> tuple[int, int]:
    """Microseconds between which a result of that id began."""
    if not is_uuid(result_id) or result_id[14] != "7":
        return -(2**62), 2**62
    milliseconds = int(result_id.replace("-", "")[:12], 16)
    return milliseconds * 1000, milliseconds * 1000 + 999


def between(
    connection: Sql, school_code: str, start: datetime, end: datetime, probe: str
) -> list[StoredResult]:
    """Results of one probe with start <= started_at < end, oldest first; no suspect clocks."""
    return _stored(
        connection.execute(
            f"SELECT {_COLUMNS} FROM result WHERE school_code = ? "  # noqa: S608 - constants
            f"AND started_at >= ? AND started_at < ? AND probe = ? AND {_BELIEVED} "
            "ORDER BY started_at, result_id",
            (school_code, to_micros(start), to_micros(end), probe),
        )
    )


def observations(
    connection: Sql,
    start: datetime,
    end: datetime,
    *,
    simulated: bool,
    school_code: str | None,
) -> Mapping[str, Sequence[Observation]]:
    """Throughput observations of the school's line by school, oldest first."""
    chosen = "SELECT code FROM school" if school_code is None else "VALUES (?)"
    beside = ", ".join("?" * len(SEGMENTS_BESIDE_THE_LINE))
    rows = connection.execute(
        "SELECT school_code, started_at, outcome, failure_code, download_bps, "  # noqa: S608 - constants
        "cross_traffic_during_bps, appliance_ceiling_bps FROM result "
        f"WHERE school_code IN ({chosen}) AND started_at >= ? AND started_at < ? "
        f"AND probe = '{JUDGED_PROBE}' AND simulated = ? AND {_BELIEVED} "
        f"AND (segment IS NULL OR segment NOT IN ({beside})) "
        "ORDER BY school_code, started_at",
        (
            *(() if school_code is None else (school_code,)),
            to_micros(start),
            to_micros(end),
            simulated,
            *SEGMENTS_BESIDE_THE_LINE,
        ),
    )
    found: dict[str, list[Observation]] = {}
    for code, started, outcome, failure, download, cross, ceiling in rows:
        found.setdefault(code, []).append(
            Observation(
                started_at=from_micros(started),
                ok=outcome == "ok",
                deferred=outcome == "deferred",
                failure_code=failure,
                download_bps=download if outcome == "ok" else None,
                cross_traffic_during_bps=cross,
                appliance_ceiling_bps=ceiling,
            )
        )
    return found


def latest_real(connection: Sql, probe: str) -> StoredResult | None:
    """The newest result that no simulator made."""
    newest = connection.execute(
        "SELECT school_code, started_at FROM newest_result WHERE probe = ? AND simulated = 0 "
        "ORDER BY started_at DESC LIMIT 1",
        (probe,),
    ).fetchone()
    if newest is None:
        return None
    found = _stored(
        connection.execute(
            f"SELECT {_COLUMNS} FROM result WHERE school_code = ? AND started_at = ? "  # noqa: S608 - constants
            "AND probe = ? AND simulated = 0 ORDER BY result_id DESC LIMIT 1",
            (*newest, probe),
        )
    )
    return found[0] if found else None


def newest_by_school(connection: Sql, *, simulated: bool) -> dict[str, datetime]:
    """Start of the newest ok throughput result of each school that has one."""
    rows = connection.execute(
        "SELECT school_code, started_at FROM newest_result "
        "WHERE probe = ? AND simulated = ? AND ok = 1",
        (JUDGED_PROBE, simulated),
    )
    return {code: from_micros(started) for code, started in rows}


def _stored(rows: "Rows") -> list[StoredResult]:
    return [_one(row) for row in rows]


def _one(row: tuple[Any, ...]) -> StoredResult:
    return StoredResult(
        result_id=row[0],
        agent_id=row[1],
        school_code=row[2],
        probe=row[3],
        target=row[4],
        segment=row[5],
        started_at=from_micros(row[6]),
        received_at=from_micros(row[7]),
        outcome=row[8],
        failure_code=row[9],
        failure_text=row[10],
        download_bps=row[11],
        upload_bps=row[12],
        simulated=bool(row[13]),
        record=row[14],
    )
