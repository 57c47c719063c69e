"""A queue at the line and the router's port are joined: each infers a full line, both tell it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector import resources
from collector.causes.find import find_causes
from collector.causes.model import Cause, Evidence, SchoolRecord, Strength
from collector.judge.calendar_file import load_calendars
from wire.failure import Outcome
from wire.measurement import Measurement

CALENDAR = load_calendars(resources.default_calendar()).default
MONDAY = datetime.fromisoformat("2026-05-18T07:10:00+09:00")
LESSON_HOURS, EVENING_HOURS = 2, 10
AGENT = "0f4e0000-0000-4000-8000-000000000001"
ROUTER, CARRIER, FAR = "192.0.2.1", "198.51.100.1", "203.0.113.7"
QUIET_BPS = 300e6


def _one(probe: str, target: str, day: int, hours: float, values: Mapping[str, Any]) -> Measurement:
    at = MONDAY + timedelta(days=day, hours=hours)
    return Measurement(
        result_id=f"01890000-0000-7000-8000-{int(at.timestamp() * 1000) * 8 + len(probe) % 8:012x}",
        agent_id=AGENT,
        stream=AGENT,
        seq=1,
        probe=probe,
        target=target,
        segment="lan" if probe == "snmp" else "internet",
        started_at=at,
        boot_id=AGENT,
        monotonic_start_seconds=1.0,
        duration_seconds=1.0,
        outcome=Outcome.OK,
        values=values,
    )


def _queue(between: tuple[int, int], counters: str | None) -> dict[str, Any]:
    """What the bottleneck probe says of a download."""
    near, far = between
    told = {} if counters is None else {"download_counters": counters}
    hops = [
        {"hop_count": number, "address": address}
        for number, address in enumerate((ROUTER, CARRIER, FAR), start=1)
    ]
    return {
        "download_verdict": "link",
        "download_from_hop_count": near,
        "download_to_hop_count": far,
        "hops": hops,
        **told,
    }


def _measured(
    between: tuple[int, int], counters: str | None, port_bps: float
) -> Iterator[Measurement]:
    port = {"port": "wan1", "state": "up", "in_bps": port_bps, "speed_bps": 1e9}
    router = {"system_name": "gw", "ports": [port]}
    for day in range(4):
        for hours in (0, EVENING_HOURS):
            yield _one("throughput", f"{FAR}:4443", day, hours, {"download_bps": QUIET_BPS})
        yield _one("throughput", f"{FAR}:4443", day, LESSON_HOURS, {"download_bps": 40e6})
        queue = _queue(between, counters)
        yield _one("bottleneck", f"{FAR}:4443", day, LESSON_HOURS, queue)
        yield _one("snmp", ROUTER, day, LESSON_HOURS, router)


def _saturated(*given: Any) -> Cause | None:
    school = SchoolRecord(code="A1", required_bps=200e6, contract_bps=300e6)
    evidence = Evidence(school=school, measurements=list(_measured(*given)))
    causes = find_causes(evidence, CALENDAR).causes
    return next((one for one in causes if one.finding_id == "line_saturated"), None)


@pytest.mark.parametrize(
    ("counters", "port_bps", "strength", "joined"),
    [
        (None, 20e6, Strength.INFERRED, []),
        ("nothing", 20e6, Strength.INFERRED, []),
        ("confirm", 20e6, Strength.TOLD, ["line_port_confirms"]),
        (None, 0.95 * QUIET_BPS, Strength.TOLD, ["wan_is_full"]),
    ],
)
def test_port_and_queue_together_tell(
    counters: str | None, port_bps: float, strength: Strength, joined: list[str]
) -> None:
    """The queue alone infers it; with a port that was full meanwhile, by either reading, told."""
    cause = _saturated((1, 2), counters, port_bps)
    assert cause is not None
    assert cause.strength is strength
    said = [one.what for one in cause.observed]
    assert said == ["left_in_lessons", "located_line", *joined]


def test_a_queue_elsewhere_is_not_the_line() -> None:
    """However full the port: what stands behind the carrier is not mended at the school's line."""
    assert _saturated((2, 3), "confirm", 0.95 * QUIET_BPS) is None
