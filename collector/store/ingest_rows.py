"""What batches become in the database, on any dialect: everything but the results themselves."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.store.interface import Batch, NewRow, QuarantineRow
from collector.store.rows_verdicts import MARK
from collector.store.sql import Sql
from collector.store.times import (
    AFTER_ARRIVAL,
    BEFORE_ARRIVAL,
    MICROSECOND,
    to_micros,
    tokyo_day,
    week_of,
)
from wire.codec import MAX_RECORD_BYTES

RESULT_COLUMNS: Final = 19
HOUR: Final = 3_600_000_000
"""Microseconds."""
MARK_HOUR: Final = """INSERT INTO rollup_due (span, started_at, school_code, generation)
    VALUES (?, ?, ?, ?) ON CONFLICT (span, started_at, school_code)
    DO UPDATE SET generation = rollup_due.generation + 1"""
"""Parameters: 'hour' or 'day', its start, school, time of arrival."""
_QUARANTINE: Final = """INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (agent_id, record_sha256) DO NOTHING"""
_NEWEST: Final = """INSERT INTO newest_result VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (school_code, probe, simulated, ok)
    DO UPDATE SET started_at = excluded.started_at
    WHERE newest_result.started_at < excluded.started_at"""
_SEEN: Final = """UPDATE agent SET agent_version = coalesce(?, agent_version), last_seen_at =
    CASE WHEN last_seen_at > ? THEN last_seen_at ELSE ? END WHERE agent_id = ?"""

_AFTER_ARRIVAL: Final = AFTER_ARRIVAL // MICROSECOND
_BEFORE_ARRIVAL: Final = BEFORE_ARRIVAL // MICROSECOND
"""As :func:`collector.store.times.clock_suspect`, in microseconds."""

Row = tuple[object, ...]


@dataclass(slots=True)
class Group:
    """The batches of one transaction, as rows. Sorted where two collectors could wait in a ring."""

    results: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    marks: set[tuple[str, str, int]] = field(default_factory=set)
    newest: dict[tuple[str, str, int, int], int] = field(default_factory=dict)
    seen: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    hours: set[tuple[int, str]] = field(default_factory=set)
    """Start of the hour and school of results whose roll-up is to be made again."""
    days: set[int] = field(default_factory=set)
    """Days in Tokyo since 1970 of results whose clock is believed."""
    suspect: bool = False
    """Whether there are results whose clock is not."""


def gather(batches: Sequence[Batch]) -> Group:
    """Make the rows of a group. Raises ValueError for a naive time."""
    group = Group()
    newest = group.newest
    places: set[tuple[int, str, bool]] = set()
    for batch in batches:
        received = to_micros(batch.received_at)
        version, seen = group.seen.get(batch.agent_id, (None, received))
        for row in batch.rows:
            started = to_micros(row.started_at)
            group.results.append(_result(row, started, received))
            version = row.agent_version or version
            if not -_AFTER_ARRIVAL <= received - started <= _BEFORE_ARRIVAL:
                group.suspect = True
                continue
            place = (started - started % HOUR, row.school_code, row.simulated)
            places.add(place)
            key = (row.school_code, row.probe, int(row.simulated), int(row.outcome == "ok"))
            if started >= newest.get(key, started):
                newest[key] = started
        group.quarantine += [_quarantined(bad, received) for bad in batch.quarantine]
        group.seen[batch.agent_id] = (version, max(seen, received))
    for hour, school_code, simulated in places:  # days and weeks begin with an hour
        group.days.add(tokyo_day(hour))
        group.hours.add((hour, school_code))
        group.marks.add((school_code, week_of(hour), int(simulated)))
    return group


def insert_rest(connection: Sql, group: Group, *, new_results: bool) -> None:
    """Write what goes with the results; marks only where some of them were new."""
    if new_results:
        connection.executemany(MARK, sorted(group.marks))
        connection.executemany(
            _NEWEST, [(*key, started) for key, started in sorted(group.newest.items())]
        )
        arrived = max(received for _, received in group.seen.values())
        connection.executemany(
            MARK_HOUR, [("hour", hour, code, arrived) for hour, code in sorted(group.hours)]
        )
    if group.quarantine:
        connection.executemany(
            _QUARANTINE, sorted(group.quarantine, key=lambda row: (str(row[0]), str(row[1])))
        )
    connection.executemany(
        _SEEN,
        [
            (version, received, received, agent_id)
            for agent_id, (version, received) in sorted(group.seen.items())
        ],
    )


def _quarantined(bad: QuarantineRow, received: int) -> Row:
    digest = hashlib.sha256(bad.record).hexdigest()
    record = bad.record[:MAX_RECORD_BYTES]
    return (bad.agent_id, digest, bad.school_code, bad.result_id, bad.reason, received, record)


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
