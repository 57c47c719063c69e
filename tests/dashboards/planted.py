"""What the fleet simulator does not make: devices, DNS, paths, budgets, slots, odd names."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from collector.api.ingest import sort_out
from collector.store.interface import Agent, Batch, QuarantineRow, Store
from collector.store.sql import Sql
from collector.store.times import to_micros
from wire.codec import encode
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Measurement
from wire.messages import encode_batch

HOSTILE = """<img src=x onerror=alert(1)> ${school:raw} {{name}} "'\\ ]] <script>"""
"""A name that tries HTML, variables, templates, and quotes of PromQL, SQL and JSON."""
HOSTILE_PLACE = """east" or 'a'\\d|(b) ${region}"""

_PORT: dict[str, Any] = {
    "port": "1", "alias": HOSTILE, "state": "up", "speed_bps": 1_000_000_000, "duplex": "full",
    "in_bps": 2e8, "out_bps": 1e7, "error_ratio": 0.0, "discard_ratio": 0.0,
}  # fmt: skip
DEVICE: dict[str, Any] = {
    "system_name": HOSTILE, "role": "router", "model": "<b>model</b>",
    "cpu_ratio": 0.5, "cpu_max_ratio": 0.95, "sessions_count": 900, "sessions_limit_count": 1000,
    "sessions_max_ratio": 0.93, "port_error_max_ratio": 2e-4, "port_discard_max_ratio": 0.0,
    "ports_count": 2, "ports_up_count": 2, "ports_half_duplex_count": 1, "ports_slow_count": 1,
    "clients_count": 40, "clients_max_count": 55,
    "ports": [
        _PORT,
        {"port": "2", "state": "up", "speed_bps": 100_000_000, "duplex": "half", "in_bps": 1e6,
         "out_bps": 1e6, "error_ratio": 2e-4, "discard_ratio": 1e-5},
    ],
}  # fmt: skip
LATENCY = {"rtt_median_seconds": 0.12, "rtt_min_seconds": 0.1, "loss_ratio": 0.02}
RESULTS: tuple[tuple[str, str, str | None, dict[str, Any]], ...] = (
    ("snmp", "192.0.2.1", "lan", DEVICE),
    ("latency", "192.0.2.1", "lan", LATENCY),
    ("latency", "centre.example", "line", LATENCY),
    ("dns", "192.0.2.53", "line", {"first_median_seconds": 0.02, "cached_median_seconds": 0.001}),
    ("throughput", "centre.example:4443", "line",
     {"download_bps": 3e8, "upload_bps": 1e8, "download_bytes": 10**9, "upload_bytes": 10**8}),
    ("responsiveness", "centre.example:4443", "line",
     {"download_rtt_inflation_seconds": 0.08, "upload_rtt_inflation_seconds": 0.02}),
    ("path_mtu", "centre.example", "line", {"path_mtu_bytes": 1454}),
    ("bottleneck", "centre.example:4443", "line",
     {"download_verdict": "link", "download_segment": "beyond_lan", "upload_verdict": "none"}),
    ("traceroute", "centre.example", "line",
     {"hop_count": 2, "hops": [
         {"hop_count": 1, "address": "192.0.2.1", "rtt_median_seconds": 0.001, "loss_ratio": 0.0},
         {"hop_count": 2, "address": "198.51.100.1", "rtt_median_seconds": 0.02,
          "loss_ratio": 0.1}]}),
)  # fmt: skip


def rename(sql: Sql, school: str) -> None:
    """Give a school names that people must not be able to harm with."""
    sql.execute(
        "UPDATE school SET name = ?, region = ?, aggregation_group = ? WHERE code = ?",
        (HOSTILE, HOSTILE_PLACE, HOSTILE_PLACE, school),
    )


def deliver(store: Store, agent: Agent, now: datetime) -> None:
    """Deliver one good result of each probe, one put off, and one that is refused."""
    chance = Random(now.timestamp())
    rows = list(_records(agent, now, chance))
    found = sort_out(encode_batch(encode(one) for one in rows), "", agent)
    assert not found.quarantine
    refused = QuarantineRow(
        agent_id=agent.agent_id,
        school_code=agent.school_code,
        result_id=None,
        reason="<b>not JSON</b>",
        record=b"{",
    )
    store.submit(Batch(agent.agent_id, now, found.rows, (refused,))).result(60)


def _records(agent: Agent, now: datetime, chance: Random) -> Iterator[Measurement]:
    for number, (probe, target, segment, values) in enumerate(RESULTS):
        yield _record(agent, now, chance, number, probe, target, segment, values=values)
    failure = Failure(FailureCode.BUDGET_SPENT, Operation.PREPARE, "the day's bytes are spent")
    yield _record(
        agent, now, chance, 90, "throughput", "centre.example:4443", "line",
        outcome=Outcome.DEFERRED, failure=failure,
    )  # fmt: skip


def _record(
    agent: Agent,
    now: datetime,
    chance: Random,
    number: int,
    probe: str,
    target: str,
    segment: str | None,
    **more: Any,
) -> Measurement:
    started_at = now - timedelta(minutes=4, seconds=-number)
    context = {"cross_traffic_during_bps": 5e7} if probe == "throughput" else {}
    return Measurement(
        result_id=uuid7(int(started_at.timestamp() * 1000), chance.getrandbits(74)),
        agent_id=agent.agent_id,
        stream=uuid4(chance.getrandbits(128)),
        seq=number + 1,
        probe=probe,
        target=target,
        segment=segment,
        started_at=started_at,
        boot_id=uuid4(1),
        monotonic_start_seconds=100.0 + number,
        duration_seconds=2.0,
        context=context,
        simulated=True,
        **({"outcome": Outcome.OK} | more),
    )


def standing(sql: Sql, agent: Agent, now: datetime) -> None:
    """A responder with slots, an agent that waits, a suppression, retention, a change of state."""
    at = to_micros(now - timedelta(minutes=5))
    later = to_micros(now + timedelta(hours=1))
    sql.execute("INSERT INTO responder VALUES ('centre', 'c:4443', 1000000000, 4, ?)", (at,))
    sql.execute(
        "INSERT INTO slot VALUES ('t', 'r', ?, ?, 'line', 'centre', 'throughput', 400000000,"
        " ?, ?, ?, ?, NULL, NULL, 12.5)",
        (agent.agent_id, agent.school_code, b"{}", at, later, later),
    )
    sql.execute(
        "INSERT INTO slot_wait VALUES (?, 1, 'line', 'centre', 400000000, 10, ?, ?)",
        (agent.agent_id, at, later),
    )
    sql.execute(
        "INSERT INTO suppression VALUES (1, 'school', 'X', ?, ?, ?, 'aoi', NULL, NULL)",
        (later, HOSTILE, at),
    )
    sql.execute(
        "INSERT INTO suppression VALUES (2, 'school', 'lifted', ?, 'over', ?, 'aoi', ?, 'aoi')",
        (later, at, at),
    )
    sql.execute("INSERT INTO retention_done VALUES ('light', ?, ?, 7)", (at, at))
    sql.execute(
        "INSERT INTO agent_state_change VALUES (?, ?, 'silent', 'healthy', ?)",
        (agent.agent_id, at, json.dumps(HOSTILE)),
    )
    _replaced(sql, agent, at)


def _replaced(sql: Sql, agent: Agent, at: int) -> None:
    """Another school's agent was replaced; its token was not withdrawn."""
    (old,) = sql.execute(
        "SELECT max(agent_id) FROM agent WHERE revoked_at IS NULL AND school_code <> ?",
        (agent.school_code,),
    ).fetchone()
    sql.execute(
        "INSERT INTO agent_replacement VALUES (?, ?, 'aoi', 'code', ?, ?)",
        (old, at, agent.agent_id, at),
    )
    sql.execute(
        "INSERT INTO agent_standing VALUES (?, 'replaced', ?, NULL, NULL)"
        " ON CONFLICT (agent_id) DO UPDATE SET state = 'replaced'",
        (old, at),
    )
