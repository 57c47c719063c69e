"""Writing batches into SQLite: the one path where speed counts."""

import hashlib
from collections.abc import Sequence
from typing import Final

from collector.store.interface import Batch, NewRow
from collector.store.sql import Sql
from collector.store.times import clock_suspect, to_micros, week_of
from wire.codec import MAX_RECORD_BYTES

_RESULT: Final = f"""INSERT INTO result VALUES ({", ".join("?" * 19)})
    ON CONFLICT (agent_id, started_at, result_id) DO NOTHING"""  # noqa: S608 - constants
_QUARANTINE: Final = """INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (agent_id, record_sha256) DO NOTHING"""
_MARK: Final = """INSERT INTO school_week (school_code, week, simulated, generation)
    VALUES (?, ?, ?, 1)
    ON CONFLICT (school_code, week, simulated) DO UPDATE SET generation = generation + 1"""
_NEWEST: Final = """INSERT INTO newest_result VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (school_code, probe, simulated, ok)
    DO UPDATE SET started_at = max(started_at, excluded.started_at)"""
_SEEN: Final = """UPDATE agent SET last_seen_at = max(coalesce(last_seen_at, 0), ?),
    agent_version = coalesce(?, agent_version) WHERE agent_id = ?"""

Mark = tuple[str, str, int]
Newest = dict[tuple[str, str, int, int], int]


def insert_batches(connection: Sql, batches: Sequence[Batch]) -> None:
    """Insert all of it inside the transaction of the caller."""
    rows: list[tuple[object, ...]] = []
    quarantine: list[tuple[object, ...]] = []
    seen: list[tuple[int, str | None, str]] = []
    marks: set[Mark] = set()
    newest: Newest = {}
    for batch in batches:
        received = to_micros(batch.received_at)
        version = None
        for row in batch.rows:
            started = to_micros(row.started_at)
            rows.append(_result(row, started, received))
            version = row.agent_version or version
            if not clock_suspect(row.started_at, batch.received_at):
                marks.add((row.school_code, week_of(started), row.simulated))
                key = (row.school_code, row.probe, row.simulated, row.outcome == "ok")
                newest[key] = max(newest.get(key, started), started)
        for bad in batch.quarantine:
            digest = hashlib.sha256(bad.record).hexdigest()
            record = bad.record[:MAX_RECORD_BYTES]
            quarantine.append(
                (bad.agent_id, digest, bad.school_code, bad.result_id, bad.reason, received, record)
            )
        seen.append((received, version, batch.agent_id))
    if rows and connection.executemany(_RESULT, rows).rowcount > 0:
        connection.executemany(_MARK, marks)
        connection.executemany(_NEWEST, [(*key, started) for key, started in newest.items()])
    if quarantine:
        connection.executemany(_QUARANTINE, quarantine)
    connection.executemany(_SEEN, seen)


def _result(row: NewRow, started: int, received: int) -> tuple[object, ...]:
    return (
        row.agent_id,
        started,
        row.result_id,
        row.school_code,
        received,
        row.stream,
        row.seq,
        row.probe,
        row.target,
        row.segment,
        row.outcome,
        row.failure_code,
        row.failure_text,
        row.download_bps,
        row.upload_bps,
        row.cross_traffic_during_bps,
        row.appliance_ceiling_bps,
        row.simulated,
        row.record,
    )
