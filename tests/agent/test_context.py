"""Cross traffic: counters of an interface become the goodput of everybody, or nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.context import ETHERNET_HEADERS, InterfaceCounters, Reading, Watch, goodput_bps
from agent.failure import MeasurementFailed
from wire.failure import FailureCode

SEGMENT = 1448


def line(rate_bps: float, seconds: float, step: float = 0.05, start: int = 0) -> list[Reading]:
    """Counters of full segments received at a rate of payload."""
    readings = []
    for index in range(int(seconds / step) + 1):
        packets = int(rate_bps / 8 * index * step / SEGMENT)
        count = start + packets * (SEGMENT + ETHERNET_HEADERS)
        readings.append(Reading(index * step, count, packets, 7, 1))
    return readings


def test_frames_become_payload() -> None:
    """108 Mbit/s of payload in full segments is 108 Mbit/s, not 113 of frames."""
    found = goodput_bps(line(108e6, 2), "download", ETHERNET_HEADERS, (0.5, 2.0))
    assert found == pytest.approx(108e6, rel=0.001)


def test_directions_are_apart() -> None:
    """Nothing was sent, so the upload is zero, which is known and not missing."""
    assert goodput_bps(line(108e6, 2), "upload", ETHERNET_HEADERS, (0.5, 2.0)) == 0


@pytest.mark.parametrize(
    "readings",
    [
        [],
        line(1e8, 2)[:1],
        [item for item in line(1e8, 2) if item.at_seconds < 0.9],
        [*line(1e8, 1), Reading(1.5, 4, 1, 7, 1), Reading(2.0, 5, 2, 7, 1)],
    ],
    ids=["none", "one", "covers too little", "reset to zero"],
)
def test_what_is_not_known_is_none(readings: list[Reading]) -> None:
    """Too few readings, too short a part of the window, or a counter that ran backwards."""
    assert goodput_bps(readings, "download", ETHERNET_HEADERS, (0.0, 2.0)) is None


class Scripted:
    """Counters that a test sets."""

    source = "scripted"
    header_bytes = ETHERNET_HEADERS

    def __init__(self, readings: list[Reading]) -> None:
        self.readings = readings

    def read(self) -> Reading:
        """The next one."""
        return self.readings.pop(0)


def test_capacity_is_what_crossed_the_line_own_traffic_included() -> None:
    """60 of 100 Mbit/s are ours, so 40 are of others and the capacity is 100."""
    watch = Watch(Scripted(line(1e8, 2)))
    for index in range(1, 41):
        watch.tick(index * 0.05)
    beside = watch.beside(6e7, "download", (0.5, 2.0))
    assert beside is not None
    assert beside.during_bps == pytest.approx(4e7, rel=0.01)
    assert beside.capacity_bps == pytest.approx(1e8, rel=0.01)


def test_others_never_have_less_than_nothing() -> None:
    """A counter a little below our own figure means no cross traffic, and our figure stands."""
    watch = Watch(Scripted(line(1e8, 2)))
    for index in range(1, 41):
        watch.tick(index * 0.05)
    beside = watch.beside(1.01e8, "download", (0.5, 2.0))
    assert beside is not None
    assert (beside.during_bps, beside.capacity_bps) == (0.0, 1.01e8)


def test_counters_are_read_no_more_often_than_asked() -> None:
    """A router over SNMP is not asked forty times a second."""
    watch = Watch(Scripted(line(1e8, 2)), interval_seconds=0.5)
    for tick in range(1, 20):
        watch.tick(tick * 0.01)
    assert len(watch.readings) == 1


@pytest.fixture
def sysfs(tmp_path: Path) -> Callable[[str], Path]:
    """A folder like /sys/class/net with one interface."""

    def make(device: str) -> Path:
        folder = tmp_path / device / "statistics"
        folder.mkdir(parents=True)
        for number, name in enumerate(("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")):
            (folder / name).write_text(f"{number + 10}\n")
        return tmp_path

    return make


def test_an_interface_of_this_machine_is_read(sysfs: Callable[[str], Path]) -> None:
    """All four counters and the moment."""
    counters = InterfaceCounters("wan0", lambda: 5.0, sysfs("wan0"))
    assert counters.read() == Reading(5.0, 10, 11, 12, 13)


@pytest.mark.parametrize("device", ["wan1", "../wan0", "", "wan0/../wan0", ";id"])
def test_only_an_interface_that_exists_is_taken(sysfs: Callable[[str], Path], device: str) -> None:
    """The name is looked up in the list of interfaces, never put into a path unseen."""
    root = sysfs("wan0")
    with pytest.raises(MeasurementFailed, match="allowed is one of wan0") as caught:
        InterfaceCounters(device, lambda: 0.0, root)
    assert caught.value.failure.code is FailureCode.TARGET_INVALID
