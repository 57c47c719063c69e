"""Counters of a router's port as cross traffic: steps, their resolution and their error."""

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.context import Reading, Stepped, Watch, changes, stepped_bps, update_seconds
from agent.failure import MeasurementFailed
from agent.snmp.wan import SnmpCounters
from tests.agent.snmp import ber
from tests.agent.snmp.responder import Device, serving
from tests.agent.snmp.test_polling import access_file, device
from wire.failure import FailureCode

RATE_BYTES = 12_500_000
PACKET = 1_514


def steps(period: float, seconds: float, read_every: float = 0.5) -> list[Reading]:
    """What is read of a device that brings its counters up to date every ``period``."""
    readings = []
    for number in range(int(seconds / read_every) + 1):
        at = number * read_every
        packets = int((at // period) * period * RATE_BYTES / PACKET)
        readings.append(Reading(at, packets * PACKET, packets, 0, 0))
    return readings


@pytest.mark.parametrize("period", [0.5, 1.0, 2.0])
def test_a_rate_between_updates_is_exact(period: float) -> None:
    """However seldom the device counts, as long as two updates cover half the window."""
    found = stepped_bps(steps(period, 20), "download", 66, (2.0, 12.0))
    assert found is not None
    assert found.bps == pytest.approx(8 * RATE_BYTES * (PACKET - 66) / PACKET, rel=0.001)
    assert found.error_ratio <= 0.5 / (10 - 2 * period)
    assert update_seconds(steps(period, 20)) == pytest.approx(period)


def test_a_device_that_counts_too_seldom_says_nothing() -> None:
    """Every ten seconds is too seldom for a test of five: no figure, but the period is known."""
    readings = steps(10.0, 40)
    assert stepped_bps(readings, "download", 66, (3.0, 8.0)) is None
    assert update_seconds(readings) == pytest.approx(10.0)


def test_a_reset_says_nothing() -> None:
    """The device began anew during the test."""
    readings = steps(0.5, 5)
    later = [Reading(one.at_seconds + 5.5, one.received_bytes, one.received_packets, 0, 0)
             for one in readings[1:]]  # fmt: skip
    assert stepped_bps(readings + later, "download", 66, (0.0, 11.0)) is None


@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=30), st.floats(0, 20), st.floats(0, 20))
def test_never_negative(counts: list[int], begin: float, length: float) -> None:
    """Whatever is read."""
    readings = [Reading(0.5 * at, count, count // 100, 0, 0) for at, count in enumerate(counts)]
    found = stepped_bps(readings, "download", 66, (begin, begin + length))
    assert found is None or (found.bps >= 0 and 0 <= found.error_ratio <= 1)
    assert len(changes(readings)) < len(readings)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading process finds what this one runs."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def router() -> Device:
    """A device with a port ``wan0`` that counts octets and packets both ways."""
    told = device("router")
    told.recording.set((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 1), ber.tlv(ber.STRING, b"wan0"))
    for column in (6, 7, 10, 11):
        told.recording.set(
            (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, column, 1), ber.integer(0, ber.COUNTER64)
        )
    return told


@pytest.mark.usefixtures("importable")
def test_a_router_is_read_beside_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 Mbit/s cross the port; a test of 8 of them sees 12 of others, and how sure that is."""
    told, stop = router(), threading.Event()
    per_second = 2_500_000

    def run() -> None:
        began = time.monotonic()
        while not stop.wait(0.01):
            packets = int((time.monotonic() - began) * per_second / PACKET)
            for column, count in ((6, packets * PACKET), (7, packets)):
                told.recording.set(
                    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, column, 1), ber.integer(count, ber.COUNTER64)
                )

    thread = threading.Thread(target=run)
    thread.start()
    clock = SystemClock()
    try:
        with serving(told) as port:
            monkeypatch.setenv("HAKARU_SNMP", access_file(tmp_path, port))
            counters = SnmpCounters("127.0.0.1", "wan0", clock)
            assert isinstance(counters, Stepped)
            watch = Watch(counters)
            begin = clock.monotonic_seconds()
            while clock.monotonic_seconds() - begin < 5:
                time.sleep(0.02)
                watch.tick(clock.monotonic_seconds())
            beside = watch.beside(8e6, "download", (begin, clock.monotonic_seconds()))
            assert watch.context()["cross_traffic_update_seconds"] < 2
            watch.close()
            busy = SnmpCounters("127.0.0.1", "wan0", clock).look_bps()
    finally:
        stop.set()
        thread.join()
    assert counters.header_bytes == 70
    assert beside is not None
    assert beside.capacity_bps == pytest.approx(20e6 * (PACKET - 70) / PACKET, rel=0.06)
    assert beside.during_bps == pytest.approx(beside.capacity_bps - 8e6)
    assert beside.error_ratio is not None
    assert beside.error_ratio < 0.5
    assert busy == pytest.approx(20e6, rel=0.25)


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("fault", ["port", "silent"])
def test_no_counters_are_a_named_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A port that is not there, a device that does not answer."""
    told = router()
    if fault == "silent":
        told.community = "another"
    with serving(told) as port:
        monkeypatch.setenv("HAKARU_SNMP", access_file(tmp_path, port))
        counters = SnmpCounters("127.0.0.1", "wan9", SystemClock())
        with pytest.raises(MeasurementFailed) as caught:
            counters.read()
    assert caught.value.failure.code is FailureCode.NO_REPLY
    assert ("allowed is one of wan0" if fault == "port" else "no answer") in str(caught.value)


@pytest.mark.parametrize("says_something", [False, True])
def test_a_look_ends_with_the_agent(says_something: bool) -> None:
    """A stop does not wait for a device that is slow to answer, or to bring its counters on."""
    clock, stop, ended = SystemClock(), threading.Event(), threading.Event()
    names = ("at_seconds", "in", "in_p", "out", "out_p")
    first = json.dumps(dict.fromkeys(names, int(clock.monotonic_seconds()) + 1))
    command = ("sh", "-c", f"echo '{first}'; sleep 1000" if says_something else "sleep 1000")
    counters = SnmpCounters("192.0.2.1", "wan0", clock, command)

    def look() -> None:
        with contextlib.suppress(MeasurementFailed):
            assert counters.look_bps(stop.is_set) is None
        ended.set()

    thread = threading.Thread(target=look)
    thread.start()
    assert not ended.wait(0.5)
    stop.set()
    assert ended.wait(5.0)
    thread.join()
