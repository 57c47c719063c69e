"""Read what measured facts are made of, in portable SQL.

Few columns of heavy results, roll-ups of light ones, two whole records a school.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from collector.judge.model import SEGMENTS_BESIDE_THE_LINE
from collector.programme.measured_devices import DeviceHour, DeviceReport
from collector.programme.measured_facts import FEWEST, Heavy, Hour
from collector.rollup.figures import FIGURES, HEAVY
from collector.rollup.rows import BELIEVED
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

DEVICES_WITHIN: Final = timedelta(days=7)
"""A device that said nothing for so long before the newest report is no longer there."""
MOST_DEVICES: Final = 64

_BESIDE: Final = tuple(SEGMENTS_BESIDE_THE_LINE)
_OUTSIDE: Final = f"segment NOT IN ({', '.join('?' * len(_BESIDE))})"
_HEAVY: Final = tuple(sorted(HEAVY))
_LIGHT: Final = tuple(sorted(set(FIGURES) - HEAVY))
_HOURLY: Final = (
    ("dns", "uncached_median_seconds"),
    ("https", "total_seconds"),
    ("latency", "loss_ratio"),
    ("latency", "rtt_median_seconds"),
    ("responsiveness", "rtt_inflation_seconds"),
    ("stamp", "loss_ratio"),
    ("stamp", "rtt_median_seconds"),
    ("throughput", "loaded_rtt_seconds"),
    ("throughput", "min_rtt_seconds"),
)
"""The values of roll-ups that facts are made of."""


def heavy(sql: Sql, code: str, start: datetime, end: datetime, *, simulated: bool) -> list[Heavy]:
    """Results of heavy probes that left the school; none of a suspect clock."""
    rows = sql.execute(
        "SELECT probe, started_at, outcome, failure_code, download_bps, upload_bps, "  # noqa: S608 - constants
        "cross_traffic_during_bps FROM result WHERE school_code = ? AND started_at >= ? "
        f"AND started_at < ? AND simulated = ? AND probe IN ({', '.join('?' * len(_HEAVY))}) "
        f"AND (segment IS NULL OR {_OUTSIDE}) AND {BELIEVED}",
        (code, to_micros(start), to_micros(end), int(simulated), *_HEAVY, *_BESIDE),
    )
    return [
        Heavy(
            probe=row[0],
            started_at=from_micros(row[1]),
            outcome=row[2],
            failure_code=row[3],
            download_bps=row[4],
            upload_bps=row[5],
            cross_traffic_bps=row[6],
        )
        for row in rows
    ]


def hours(sql: Sql, code: str, start: datetime, end: datetime, *, simulated: bool) -> list[Hour]:
    """Hourly roll-ups of the values that facts need."""
    wanted = " OR ".join(["(probe = ? AND name = ?)"] * len(_HOURLY))
    rows = sql.execute(
        "SELECT probe, name, started_at, value_count, value_sum, value_median FROM rollup_value "  # noqa: S608 - constants
        "WHERE school_code = ? AND span = 'hour' AND started_at >= ? AND started_at < ? "
        f"AND simulated = ? AND {_OUTSIDE} AND ({wanted})",
        (
            *(code, to_micros(start), to_micros(end), int(simulated), *_BESIDE),
            *(part for pair in _HOURLY for part in pair),
        ),
    )
    return [
        Hour(
            probe=row[0],
            name=row[1],
            started_at=from_micros(row[2]),
            count=row[3],
            total=row[4],
            median=row[5],
        )
        for row in rows
    ]


def counts(
    sql: Sql, code: str, start: datetime, end: datetime, *, simulated: bool
) -> Mapping[str, tuple[int, int]]:
    """Results ok and failed of light probes that left the school, from daily roll-ups."""
    rows = sql.execute(
        "SELECT probe, CAST(sum(ok_count) AS INTEGER), CAST(sum(failed_count) AS INTEGER) "  # noqa: S608 - constants
        "FROM rollup WHERE school_code = ? AND span = 'day' AND started_at >= ? "
        f"AND started_at < ? AND simulated = ? AND {_OUTSIDE} "
        f"AND probe IN ({', '.join('?' * len(_LIGHT))}) GROUP BY probe",
        (code, to_micros(start), to_micros(end), int(simulated), *_BESIDE, *_LIGHT),
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def newest_records(
    sql: Sql, start: datetime, *, simulated: bool
) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """The newest good record of the throughput and the path MTU probe, by school and probe."""
    rows = sql.execute(
        "SELECT r.school_code, r.probe, r.record FROM newest_result n JOIN result r "
        "ON r.school_code = n.school_code AND r.started_at = n.started_at AND r.probe = n.probe "
        "AND r.simulated = n.simulated WHERE n.ok = 1 AND n.simulated = ? "
        "AND n.probe IN ('throughput', 'path_mtu') AND n.started_at >= ? AND r.outcome = 'ok'",
        (int(simulated), to_micros(start)),
    )
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for code, probe, record in rows:
        read = _document(bytes(record))
        if read:
            found[code, probe] = read
    return found


def device_reports(
    sql: Sql, code: str, start: datetime, end: datetime, *, simulated: bool
) -> list[DeviceReport]:
    """The newest good report of each device that was read in the last days of the span."""
    span = (code, to_micros(start), to_micros(end), int(simulated))
    own = (
        "FROM result WHERE school_code = ? AND started_at >= ? AND started_at < ? "
        f"AND simulated = ? AND probe = 'snmp' AND outcome = 'ok' AND {BELIEVED}"
    )
    newest = sql.execute(f"SELECT max(started_at) {own}", span).fetchone()[0]
    if newest is None:
        return []
    first = max(to_micros(start), newest - DEVICES_WITHIN // timedelta(microseconds=1))
    moments = sql.execute(
        f"SELECT target, max(started_at) {own} GROUP BY target ORDER BY target LIMIT ?",
        (code, first, *span[2:], MOST_DEVICES),
    ).fetchall()
    found = []
    for target, at in moments:
        row = sql.execute(
            f"SELECT record {own} AND target = ? ORDER BY result_id LIMIT 1",
            (code, at, at + 1, int(simulated), target),
        ).fetchone()
        values = {} if row is None else _document(bytes(row[0])).get("values")
        if isinstance(values, dict):
            found.append(DeviceReport(target=target, values=values, started_at=from_micros(at)))
    return found


def device_hours(
    sql: Sql, code: str, start: datetime, end: datetime, *, simulated: bool
) -> list[DeviceHour]:
    """Hourly roll-ups of what devices said of themselves."""
    rows = sql.execute(
        "SELECT target, name, value_count, value_median FROM rollup_value "
        "WHERE school_code = ? AND span = 'hour' AND started_at >= ? AND started_at < ? "
        "AND simulated = ? AND probe = 'snmp' ORDER BY started_at, target, name",
        (code, to_micros(start), to_micros(end), int(simulated)),
    )
    return [DeviceHour(target=row[0], name=row[1], count=row[2], median=row[3]) for row in rows]


def medians(
    sql: Sql, weeks: tuple[str, ...], *, simulated: bool
) -> Mapping[str, Mapping[str, float]]:
    """Of each school and figure the median of the newest of these weeks that has one.

    One of fewer results than :data:`FEWEST` is none.
    """
    rows = sql.execute(
        "SELECT school_code, figure, median_bps FROM verdict WHERE simulated = ? "  # noqa: S608 - constants
        "AND median_bps IS NOT NULL AND runs >= ? "
        f"AND week IN ({', '.join('?' * len(weeks))}) ORDER BY week",
        (int(simulated), FEWEST, *weeks),
    )
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for code, figure, value in rows:
        found[code][figure] = value  # a later week takes the place of an earlier one
    return found


def _document(record: bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(record)
    except (ValueError, RecursionError):
        return {}  # what only the slow codec can read gives no context
    return read if isinstance(read, dict) else {}
