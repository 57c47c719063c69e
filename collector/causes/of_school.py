"""The causes of one school from what is stored of it: bounded reading, then the pure finder.

A school's weeks may hold tens of thousands of results. Of a probe with more than is read, every
k-th second of its schedule is taken, whatever the outcome: schedules are drawn at random, so shares
stay what they are. What came in the newest hours is read in full.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from collector.causes.find import find_causes
from collector.causes.model import Causes, Evidence, SchoolRecord
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.programme import fact_rows
from collector.programme.weighing import strongest
from collector.rollup.rows import BELIEVED
from collector.schools.model import School
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import to_micros
from wire.codec import decode
from wire.measurement import Measurement

WEEKS: Final = 4
"""How far back results are read."""
WEEKS_OF_UPDATES: Final = 9
"""The same of throughput tests: two publications of updates lie in it, always."""
MOST_OF_PROBE: Final = 800
MOST_REPORTS: Final = 1_500
"""Reports of devices: of a school of 20 devices 75 each."""
MOST_RESULTS: Final = 12_000
NEWEST: Final = timedelta(hours=2)
PROBES: Final = (
    *("throughput", "http_download", "ndt7_public", "ookla", "verify", "bottleneck"),
    *("latency", "stamp", "responsiveness", "tcp_connect", "dns", "https", "path_mtu"),
    *("traceroute", "snmp", "gateway", "dhcp", "lan_listen", "lan_devices", "wifi_scan"),
)


def school_causes(
    store: Store,
    criteria: Criteria,
    calendars: Calendars,
    code: str,
    *,
    now: datetime,
    simulated: bool,
) -> Causes | None:
    """Find the causes of one school; None where there is no such school. Raises StoreError."""
    school = store.school(code)
    if school is None:
        return None
    facts = store.read(lambda sql: fact_rows.facts(sql, code))
    evidence = Evidence(
        school=record_of(school, criteria, {k: f.value for k, f in strongest(facts).items()}),
        measurements=store.read(lambda sql: list(read(sql, code, now, simulated=simulated))),
        simulated=simulated,
    )
    return find_causes(evidence, calendars.for_school(code))


def record_of(school: School, criteria: Criteria, facts: Mapping[str, object]) -> SchoolRecord:
    """What is known of a school beside its measurements."""
    contracted = school.contracted_mbps
    return SchoolRecord(
        code=school.code,
        required_bps=float(criteria.requirement(school.pupils).required_bps),
        contract_bps=None if contracted is None else contracted * 1e6,
        line_kind=school.line.value,
        facts=facts,
    )


def read(sql: Sql, code: str, now: datetime, *, simulated: bool) -> Iterable[Measurement]:
    """Read the results that causes rest on, oldest first; none of a suspect clock."""
    until, start = to_micros(now), to_micros(now - timedelta(weeks=WEEKS))
    first = to_micros(now - timedelta(weeks=WEEKS_OF_UPDATES))
    wanted = ", ".join("?" * len(PROBES))
    span = (
        f"school_code = ? AND started_at >= ? AND started_at <= ? AND simulated = ? AND {BELIEVED} "
        f"AND probe IN ({wanted}) AND (started_at >= ? OR probe = 'throughput')"
    )
    given = (code, first, until, int(simulated), *PROBES, start)
    counts = sql.execute(f"SELECT probe, count(*) FROM result WHERE {span} GROUP BY probe", given)  # noqa: S608 - constants
    every = {
        probe: step
        for probe, count in counts.fetchall()
        if (step := _step(count, MOST_REPORTS if probe == "snmp" else MOST_OF_PROBE)) > 1
    }
    cases = " ".join(f"WHEN '{probe}' THEN {step}" for probe, step in every.items())
    steps = f"(CASE probe {cases} ELSE 1 END)" if cases else "1"
    second = "(started_at / 1000000)"
    found = sql.execute(
        f"SELECT record FROM result WHERE {span} "  # noqa: S608 - constants
        f"AND ({second} - ({second} / {steps}) * {steps} = 0 OR started_at >= ?) "
        "ORDER BY started_at DESC, result_id LIMIT ?",
        (*given, to_micros(now - NEWEST), MOST_RESULTS),
    ).fetchall()
    for (record,) in reversed(found):
        made = _decoded(bytes(record))
        if made is not None:
            yield made


def _decoded(record: bytes) -> Measurement | None:
    try:
        return decode(record)
    except (ValueError, RecursionError):
        return None  # what a later release wrote and this one cannot read is no evidence


def _step(count: int, most: int) -> int:
    """The smallest prime that leaves at most ``most``: one that no schedule's period shares."""
    step = max(1, -(-count // most))
    while step > 1 and any(step % number == 0 for number in range(2, int(step**0.5) + 1)):
        step += 1
    return step
