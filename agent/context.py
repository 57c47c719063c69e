"""What else crossed the line meanwhile: counters of the WAN interface during a test.

A test sees only what others leave over. Counters of the interface that the whole school's
traffic crosses tell the rest: capacity is what crossed it in the same seconds, the test's own
traffic included. Traffic *before* a test says little about its own seconds, because TCP cross
traffic yields to it; it serves to put a test off.

Counters count frames, results are goodput. For each packet the headers are taken off: Ethernet
14, IPv4 20 and TCP with timestamps 32 bytes. UDP has 24 bytes less of headers and is then
counted 1.7 % low at full size; a counter that counts the frame check sequence says so in
``header_bytes``. Where the kernel hands on several segments as one packet (GRO, GSO) its
interface counters count one packet and one set of headers, and so does the subtraction.

Counters may be those of an interface of this machine, or (over SNMP) of a router.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Final, Literal, Protocol, runtime_checkable

from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation

Direction = Literal["download", "upload"]
ETHERNET_HEADERS: Final = 14 + 20 + 32
_FIELDS: Final = ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters of one moment, as the interface counts: frames with their headers."""

    at_seconds: float
    """Monotonic clock."""
    received_bytes: int
    received_packets: int
    sent_bytes: int
    sent_packets: int


class Counters(Protocol):
    """Counters of the interface towards the internet: received is what the school downloads."""

    source: str
    """For the record, for example ``interface eth0`` or ``snmp``."""
    header_bytes: int
    """Headers the counter counts for each packet of TCP."""

    def read(self) -> Reading:
        """Read them now. Raises :class:`MeasurementFailed` or OSError."""
        ...


@runtime_checkable
class Stepped(Counters, Protocol):
    """Counters of a device that is asked over the network. They step, and cost something."""

    def look_bps(self, stopping: Callable[[], bool] = lambda: False) -> float | None:
        """Look long enough for two updates: traffic, the larger direction, with headers. Blocks.

        Soon ends with None where ``stopping`` says so; it is asked in this thread.
        """
        ...

    def close(self) -> None:
        """Stop asking."""
        ...


class InterfaceCounters:
    """Counters of an interface of this machine (sysfs, ``/sys/class/net``)."""

    header_bytes = ETHERNET_HEADERS

    def __init__(
        self,
        device: str,
        monotonic_seconds: Callable[[], float],
        root: Path = Path("/sys/class/net"),
    ) -> None:
        known = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
        if device not in known:
            raise MeasurementFailed(
                FailureCode.TARGET_INVALID,
                Operation.PREPARE,
                f"wan_interface: found {ascii(device)[:40]}, allowed is one of {' '.join(known)}",
            )
        self.source = f"interface {device}"
        self._monotonic_seconds = monotonic_seconds
        self._files = [root / device / "statistics" / name for name in _FIELDS]

    def read(self) -> Reading:
        """Read them now. Raises OSError when the interface has gone."""
        received, received_packets, sent, sent_packets = (
            int(path.read_text()) for path in self._files
        )
        now = self._monotonic_seconds()
        return Reading(now, received, received_packets, sent, sent_packets)


def goodput_bps(
    readings: Sequence[Reading],
    direction: Direction,
    header_bytes: int,
    window_seconds: tuple[float, float],
) -> float | None:
    """Goodput across the interface between two moments: least-squares slope, bit/s.

    None where fewer than two readings lie in the window, where it is covered to less than
    half, or where a counter ran backwards (it was reset): then nothing is known.
    """
    begin, end = window_seconds
    used = [reading for reading in readings if begin <= reading.at_seconds <= end]
    if len(used) < 2 or used[-1].at_seconds - used[0].at_seconds < (end - begin) / 2:
        return None
    points = [(reading.at_seconds, _payload(reading, direction, header_bytes)) for reading in used]
    if any(_raw(later, direction) < _raw(earlier, direction) for earlier, later in pairwise(used)):
        return None
    middle_time = fmean(at for at, _ in points)
    middle_bytes = fmean(count for _, count in points)
    above = sum((at - middle_time) * (count - middle_bytes) for at, count in points)
    below = sum((at - middle_time) ** 2 for at, _ in points)
    return max(0.0, 8 * above / below)


def _raw(reading: Reading, direction: Direction) -> int:
    return reading.received_bytes if direction == "download" else reading.sent_bytes


def _payload(reading: Reading, direction: Direction, header_bytes: int) -> float:
    packets = reading.received_packets if direction == "download" else reading.sent_packets
    return float(_raw(reading, direction) - header_bytes * packets)


def changes(readings: Sequence[Reading]) -> list[Reading]:
    """Leave out readings at which the counters stood as before: what is left are updates."""
    return [
        later
        for earlier, later in pairwise(readings)
        if (later.received_bytes, later.sent_bytes) != (earlier.received_bytes, earlier.sent_bytes)
    ]


def update_seconds(readings: Sequence[Reading]) -> float | None:
    """Estimate how often a device brings its counters up to date: median time between updates.

    It is at least the time between readings. None where fewer than two updates were seen.
    """
    gaps = [later.at_seconds - earlier.at_seconds for earlier, later in pairwise(changes(readings))]
    return median(gaps) if gaps else None


@dataclass(frozen=True, slots=True)
class SteppedRate:
    """A rate of counters that step."""

    bps: float
    error_ratio: float
    """Most that the moments of the two outer updates can be wrong, over the time between."""


def stepped_bps(
    readings: Sequence[Reading],
    direction: Direction,
    header_bytes: int,
    window_seconds: tuple[float, float],
) -> SteppedRate | None:
    """Goodput between the first and the last update inside a window, bit/s.

    A counter that a device brings up to date only now and then is right at those moments and old
    between them, so a slope over all readings would be wrong. An update lies between the reading
    that shows it and the one before. None where fewer than two updates lie in the window, where
    they cover less than half of it, or where a counter ran backwards.
    """
    begin, end = window_seconds
    updates = set(changes(readings))
    seen = [
        (earlier, later)
        for earlier, later in pairwise(readings)
        if later in updates and begin <= later.at_seconds <= end
    ]
    if len(seen) < 2:
        return None
    (before_first, first), (before_last, last) = seen[0], seen[-1]
    elapsed = last.at_seconds - first.at_seconds
    if elapsed < (end - begin) / 2:
        return None
    if any(
        _raw(later, direction) < _raw(earlier, direction)
        for earlier, later in pairwise([first, *(later for _, later in seen[1:])])
    ):
        return None
    gaps = first.at_seconds - before_first.at_seconds + last.at_seconds - before_last.at_seconds
    rose = _payload(last, direction, header_bytes) - _payload(first, direction, header_bytes)
    return SteppedRate(max(0.0, 8 * rose / elapsed), min(1.0, gaps / 2 / elapsed))


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTraffic:
    """What others had, and what the line could carry, in the seconds of a test. Goodput, bit/s."""

    during_bps: float
    capacity_bps: float
    error_ratio: float | None = None
    """Of the capacity, from the counters' own resolution; None: they follow at once."""


class Watch:
    """Reads counters beside a running test, never more often than ``interval_seconds``."""

    def __init__(self, counters: Counters, interval_seconds: float = 0.025) -> None:
        self._counters = counters
        self._interval_seconds = interval_seconds
        self.readings: list[Reading] = [counters.read()]

    def close(self) -> None:
        """Stop asking, where somebody is asked."""
        if isinstance(self._counters, Stepped):
            self._counters.close()

    @property
    def stepped(self) -> bool:
        """The counters are a device's: they step, and are read as often as it answers."""
        return isinstance(self._counters, Stepped)

    def context(self) -> dict[str, float]:
        """What the record says of the counters' own resolution."""
        told = update_seconds(self.readings) if self.stepped else None
        return {} if told is None else {"cross_traffic_update_seconds": told}

    @property
    def source(self) -> str:
        """Where the counters are."""
        return self._counters.source

    def tick(self, now_seconds: float) -> None:
        """Read when it is time."""
        if now_seconds - self.readings[-1].at_seconds >= self._interval_seconds:
            reading = self._counters.read()
            if reading.at_seconds > self.readings[-1].at_seconds:  # a device is asked less often
                self.readings.append(reading)

    def rate_bps(self, direction: Direction, window_seconds: tuple[float, float]) -> float | None:
        """Goodput of all that crossed the interface in a window."""
        if self.stepped:
            rate = stepped_bps(
                self.readings, direction, self._counters.header_bytes, window_seconds
            )
            return None if rate is None else rate.bps
        return goodput_bps(self.readings, direction, self._counters.header_bytes, window_seconds)

    def beside(
        self, own_bps: float, direction: Direction, window_seconds: tuple[float, float]
    ) -> CrossTraffic | None:
        """What crossed the interface beside the test's own ``own_bps``; None: not known."""
        error_ratio = None
        if self.stepped:
            header_bytes = self._counters.header_bytes
            rate = stepped_bps(self.readings, direction, header_bytes, window_seconds)
            whole = None if rate is None else rate.bps
            error_ratio = None if rate is None else rate.error_ratio
        else:
            whole = self.rate_bps(direction, window_seconds)
        if whole is None:
            return None
        during = max(0.0, whole - own_bps)
        return CrossTraffic(
            during_bps=during, capacity_bps=own_bps + during, error_ratio=error_ratio
        )
