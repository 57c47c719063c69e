"""How the schools reach one cloud service: what the https probe said of its target."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final

from collector.judge.statistics import MedianInterval, median_interval
from collector.judge.verdict import NOT_TRIED
from collector.store.sql import Sql
from collector.store.times import clock_suspect, from_micros, to_micros

PROBE: Final = "https"


@dataclass(frozen=True, slots=True)
class CloudTest:
    """One test of the service. Whole time of the first IP version that was measured, seconds."""

    school_code: str
    reached: bool
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFigures:
    """What some tests say together."""

    tests: int
    reached: int
    response: MedianInterval | None
    """Of the tests that reached it, seconds, with its 95 % interval."""

    @property
    def reached_percent(self) -> Fraction | None:
        """Share that reached it; None where nothing was tried."""
        return Fraction(100 * self.reached, self.tests) if self.tests else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One target, for the city and for each school that tried it."""

    target: str
    city: CloudFigures
    schools: Mapping[str, CloudFigures]


def cloud_tests(
    sql: Sql, target: str, start: datetime, end: datetime, *, simulated: bool
) -> list[CloudTest]:
    """Tests of a target with start <= started_at < end. Those put off were not tried."""
    rows = sql.execute(
        "SELECT school_code, outcome, failure_code, record, started_at, received_at FROM result "
        "WHERE school_code IN (SELECT code FROM school) AND started_at >= ? AND started_at < ? "
        "AND probe = ? AND target = ? AND simulated = ? ORDER BY school_code, started_at",
        (to_micros(start), to_micros(end), PROBE, target, simulated),
    )
    tests: list[CloudTest] = []
    for code, outcome, failure, record, started, received in rows:
        if outcome == "deferred" or failure in NOT_TRIED:
            continue
        if clock_suspect(from_micros(started), from_micros(received)):
            continue
        reached = outcome == "ok"
        tests.append(CloudTest(code, reached, _seconds(bytes(record)) if reached else None))
    return tests


def cloud_of(target: str, tests: Sequence[CloudTest]) -> Cloud:
    """Count tests and take medians, for the city and for each school."""
    by_school: dict[str, list[CloudTest]] = {}
    for test in tests:
        by_school.setdefault(test.school_code, []).append(test)
    return Cloud(
        target=target,
        city=_figures(tests),
        schools={code: _figures(of_school) for code, of_school in by_school.items()},
    )


def _figures(tests: Iterable[CloudTest]) -> CloudFigures:
    listed = list(tests)
    return CloudFigures(
        tests=len(listed),
        reached=sum(test.reached for test in listed),
        response=median_interval([test.seconds for test in listed if test.seconds is not None]),
    )


def _seconds(record: bytes) -> float | None:
    values = json.loads(record).get("values", {})
    for family in ("v4", "v6"):
        found = values.get(f"{family}_total_seconds")
        if isinstance(found, int | float) and not isinstance(found, bool):
            return float(found)
    return None
