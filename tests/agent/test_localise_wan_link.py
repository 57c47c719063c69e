"""The router's WAN port beside a load: its rate against the load's, or nothing."""

from dataclasses import dataclass
from typing import Any

import pytest

from agent.context import Reading
from agent.localise.counters import Said
from agent.localise.evidence import LoadSeen, Window
from agent.localise.load import Loaded
from agent.localise.wan_link import WanLink, link_of
from agent.probes import Progress
from agent.snmp.wan import SnmpCounters
from tests.agent.spooling import FakeClock

PACKET = 1_514
LOAD_BPS = 20e6
"""Goodput of the load; the port counts 66 bytes a packet more."""


@dataclass
class Read:
    """A watch that has read."""

    readings: list[Reading]


def watch(carried_bps: float, step_seconds: float = 0.5, seconds: float = 12.0) -> Any:
    """Readings each half second of a port that is brought up to date every ``step_seconds``."""
    rate = carried_bps / 8 / (PACKET - 66)
    readings = []
    for number in range(int(seconds * 2) + 1):
        at = number / 2
        packets = round(at // step_seconds * step_seconds * rate)
        readings.append(Reading(at, 0, 0, packets * PACKET, packets))
    return Read(readings)


def load(seconds: float = 9.0) -> Any:
    """An upload of that long, from second 2 on."""
    return Loaded(
        result=None,  # type: ignore[arg-type] # it is not looked at
        window=Window(2.0, 2.0 + seconds),
        seen=LoadSeen(test="upload"),
        moved_bytes=round(LOAD_BPS * seconds / 8),
    )


@pytest.mark.parametrize(
    ("carried_bps", "step_seconds", "speed_bps", "said"),
    [
        (LOAD_BPS, 0.5, 20e6, Said.CONFIRM),
        (LOAD_BPS, 2.0, 20e6, Said.CONFIRM),
        (LOAD_BPS, 0.5, 1e9, Said.NOTHING),  # the contract is the limit, not the port
        (LOAD_BPS, 0.5, None, Said.NOTHING),
        (1e5, 0.5, 1e9, Said.CONTRADICT),  # all went another way
        (LOAD_BPS, 4.0, 20e6, None),  # two updates, but of less than half the time
        (LOAD_BPS, 30.0, 20e6, None),
        (0.0, 0.5, 20e6, None),  # counters that stand still may be old
    ],
)
def test_what_the_port_says(
    carried_bps: float, step_seconds: float, speed_bps: float | None, said: Said | None
) -> None:
    """Full, with room, or not on the way; nothing where it was seen too seldom."""
    found = link_of(watch(carried_bps, step_seconds), load(), 66, speed_bps, 1)
    assert (None if found is None else found.said) is said
    if found is not None:
        assert found.between == (1, 2)
        assert found.carried_bytes == pytest.approx(carried_bps * 9 / 8, rel=0.01)


def test_the_port_of_a_device_that_is_no_hop_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does one at the end of the path, nor one that does not answer: that is told."""
    link = WanLink("192.0.2.1", "wan0", FakeClock())
    assert link.said(load(), ["192.0.2.1", "192.0.2.9"]) is None  # nothing was read
    read = [Reading(0.0, 0, 0, 0, 0)]
    monkeypatch.setattr(SnmpCounters, "read", lambda _self: read[-1])
    link.begin()
    told: list[Progress] = []
    report = link.ticking(told.append)
    for one in watch(LOAD_BPS).readings[1:]:
        read.append(one)
        link._clock.forward(0.5)  # type: ignore[attr-defined] # it is the test's
        report(Progress(phase="upload", elapsed_seconds=0, total_seconds=0, text=""))
    assert len(told) == 24
    assert link.said(load(), ["192.0.2.9", "192.0.2.1", None, "192.0.2.2"]) is not None
    assert link.said(load(), ["192.0.2.9", "192.0.2.1"]) is None
    assert link.said(load(), ["192.0.2.9", "192.0.2.8"]) is None
    assert link.unknown is None


def test_a_router_that_does_not_answer_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why is told; the test goes on."""
    monkeypatch.setenv("HAKARU_SNMP", "/nowhere/snmp.toml")
    link = WanLink("192.0.2.1", "wan0", FakeClock())
    link.begin()
    assert link.unknown is not None
    assert "snmp 192.0.2.1 wan0" in link.unknown
    told: list[Progress] = []
    link.ticking(told.append)(Progress(phase="x", elapsed_seconds=0, total_seconds=0, text=""))
    assert len(told) == 1
    link.close()
