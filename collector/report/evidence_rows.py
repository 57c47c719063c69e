"""The tests of a week that evidence pages show, in portable SQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.judge.week import Week
from collector.store.rows_results import JUDGED_PROBE
from collector.store.sql import Sql
from collector.store.times import AFTER_ARRIVAL, BEFORE_ARRIVAL, MICROSECOND, from_micros, to_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One throughput test."""

    started_at: datetime
    outcome: str
    failure_code: str | None
    segment: str | None
    target: str
    download_bps: float | None
    upload_bps: float | None
    cross_traffic_bps: float | None


def tests_of_week(sql: Sql, week: Week, *, simulated: bool) -> Mapping[str, Sequence[Tested]]:
    """Throughput tests by school, oldest first; none of a suspect clock."""
    rows = sql.execute(
        "SELECT school_code, started_at, outcome, failure_code, segment, target, download_bps, "
        "upload_bps, cross_traffic_during_bps FROM result "
        "WHERE probe = ? AND simulated = ? AND started_at >= ? AND started_at < ? "
        "AND school_code IN (SELECT code FROM school) "
        "AND started_at BETWEEN received_at - ? AND received_at + ? "
        "ORDER BY school_code, started_at, result_id",
        (
            JUDGED_PROBE,
            simulated,
            to_micros(week.start),
            to_micros(week.end),
            BEFORE_ARRIVAL // MICROSECOND,
            AFTER_ARRIVAL // MICROSECOND,
        ),
    )
    found: dict[str, list[Tested]] = defaultdict(list)
    for code, started, outcome, failure, segment, target, download, upload, cross in rows:
        found[code].append(
            Tested(
                started_at=from_micros(started),
                outcome=outcome,
                failure_code=failure,
                segment=segment,
                target=target,
                download_bps=download,
                upload_bps=upload,
                cross_traffic_bps=cross,
            )
        )
    return found
