"""Samples of a device gathered into a report: how much each port carried, and how it went. Pure.

Every interval between two samples adds what rose in it, or a reason why nothing is known of it. A
restart, a reset, another device or another port never makes a figure.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from agent.snmp.counters import Count, NoDifference, broken_between, difference
from agent.snmp.interfaces import Port
from agent.snmp.profiles import TEXTS, Figure
from agent.snmp.reading import Sample

OCTETS: Final = ("in_octets", "out_octets")
_FEWEST_PACKETS: Final = 100
"""Fewer make no ratio."""


@dataclass(slots=True)
class PortTally:
    """What became of one port's counters."""

    rose: Counter[str] = field(default_factory=Counter)
    """How much each counter rose, over the intervals that are known."""
    known: set[str] = field(default_factory=set)
    """Counters of which at least one interval is known."""
    seconds: Counter[str] = field(default_factory=Counter)
    """How long that is, by counter; in milliseconds."""
    most_bps: dict[str, float] = field(default_factory=dict)
    """Fastest interval of each direction."""
    reasons: Counter[NoDifference] = field(default_factory=Counter)
    """Why intervals are missing."""
    states: Counter[str] = field(default_factory=Counter)

    def mean_bps(self, name: str) -> float | None:
        """Rate over all known intervals, bit/s."""
        if name not in self.known or not self.seconds[name]:
            return None
        return 8_000 * self.rose[name] / self.seconds[name]

    def ratio(self, parts: tuple[str, ...], packets: tuple[str, ...]) -> float | None:
        """Share of ``parts`` in ``parts`` and ``packets``; None where too little is known."""
        if not self.known.intersection(parts) or not self.known.intersection(packets):
            return None
        bad = sum(self.rose[name] for name in parts)
        whole = bad + sum(self.rose[name] for name in packets)
        return bad / whole if whole >= _FEWEST_PACKETS else None


@dataclass(slots=True)
class FigureTally:
    """Values of one figure."""

    values: list[float] = field(default_factory=list)

    @property
    def last(self) -> float:
        """The newest."""
        return self.values[-1]

    @property
    def most(self) -> float:
        """The greatest."""
        return max(self.values)

    @property
    def mean(self) -> float:
        """Of all."""
        return sum(self.values) / len(self.values)


class Tally:
    """Takes samples one after the other."""

    def __init__(self) -> None:
        self._before: Sample | None = None
        self._known_ports: dict[int, Port] = {}
        self._seldom: dict[int, dict[str, tuple[Count, float]]] = {}
        """Of each port its counters as they were last read, and when: some are in whole readings
        alone, with readings of other counters between."""
        self.clear()

    def clear(self) -> None:
        """Begin a new report; the last sample stays what the next is compared with."""
        self.ports: dict[int, PortTally] = {}
        self.figures: dict[Figure, FigureTally] = {}
        self.restarts_count = 0
        self.replaced = False
        self.samples_count = 0
        self.covered_seconds = 0.0

    @property
    def last(self) -> Sample | None:
        """The newest sample."""
        return self._before

    def take(self, sample: Sample) -> NoDifference | None:
        """Take the next sample; give why the device is not as before, None where it is."""
        before, self._before = self._before, sample
        self.samples_count += 1
        for figure, value in sample.figures.items():
            if figure not in TEXTS and isinstance(value, float | int):
                self.figures.setdefault(figure, FigureTally()).values.append(float(value))
        broken = self._broken(before, sample)
        for index, port in sample.ports.items():
            tally = self.ports.setdefault(index, PortTally())
            tally.states[port.state or "unknown"] += 1
            if before is not None:
                old = before.ports.get(index) or self._known_ports.get(index)
                self._compare(tally, old, port, before, sample, broken)
            read = {name: (count, sample.moment.at_seconds) for name, count in port.counts.items()}
            self._seldom[index] = self._seldom.get(index, {}) | read
        self._known_ports = dict(sample.ports)
        return broken

    def _broken(self, before: Sample | None, sample: Sample) -> NoDifference | None:
        if before is None:
            return None
        if before.identity != sample.identity and None not in sample.identity:
            self.replaced = True
            return NoDifference.OTHER_DEVICE
        broken = broken_between(before.moment, sample.moment)
        if broken is NoDifference.RESTARTED:
            self.restarts_count += 1
        elif broken is None:
            self.covered_seconds += sample.moment.at_seconds - before.moment.at_seconds
        return broken

    def _compare(
        self,
        tally: PortTally,
        old: Port | None,
        port: Port,
        before: Sample,
        sample: Sample,
        broken: NoDifference | None,
    ) -> None:
        if broken is None and old is not None:
            broken = _other(old, port)
        if broken is not None or old is None:
            tally.reasons[broken or NoDifference.FIRST_READING] += 1
            self._seldom.pop(port.index, None)
            return
        at_seconds, seldom = sample.moment.at_seconds, self._seldom.get(port.index, {})
        for name in old.counts.keys() | port.counts.keys():
            most = _most_per_second(name, port)
            elapsed, count = at_seconds - before.moment.at_seconds, old.counts.get(name)
            if count is None and name in seldom:
                count, elapsed = seldom[name][0], at_seconds - seldom[name][1]
            rose = difference(count, port.counts.get(name), elapsed, most)
            if isinstance(rose, NoDifference):
                if name in OCTETS:
                    tally.reasons[rose] += 1
                continue
            tally.rose[name] += rose
            tally.seconds[name] += round(1_000 * elapsed)
            tally.known.add(name)
            if name in OCTETS:
                tally.most_bps[name] = max(tally.most_bps.get(name, 0.0), 8 * rose / elapsed)


def risen(before: Count | None, after: Count | None, elapsed_seconds: float) -> int | None:
    """Give a plain difference; None where there is none."""
    found = difference(before, after, elapsed_seconds)
    return None if isinstance(found, NoDifference) else found


def _other(old: Port, port: Port) -> NoDifference | None:
    if old.name != port.name:
        return NoDifference.OTHER_PORT
    if old.discontinuity_ticks != port.discontinuity_ticks and None not in (
        old.discontinuity_ticks,
        port.discontinuity_ticks,
    ):
        return NoDifference.DISCONTINUITY
    return None


def _most_per_second(name: str, port: Port) -> float | None:
    """Say how much a counter may rise in a second; None where nothing is known to judge by.

    The speed of ports without a plug (tunnels, PPP, VLANs) is often made up, so it is not used.
    """
    if port.speed_bps is None or not port.is_ethernet:
        return None
    if name in OCTETS:
        return port.speed_bps / 8
    return port.speed_bps / 8 / 64  # no frame is shorter (IEEE 802.3)
