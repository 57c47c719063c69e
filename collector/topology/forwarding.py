"""What forwarding tables prove where nobody speaks LLDP. Pure.

Switches form a tree (spanning tree blocks the rest). Of three, C lies between A and B exactly where
A has C behind its port to B and B has C behind its port to A (Breitbart et al., Topology discovery
in heterogeneous IP networks, 2000). So A and B are neighbours only where this is excluded of every
other device that was asked; where it cannot be excluded, nothing is said. Dumb switches, which no
table names, may always lie between.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Final

from collector.topology.model import Attached, End, How, Link, joined
from collector.topology.report import Report

SAME_TIME: Final = timedelta(hours=2)
"""Tables that were read further apart may show different trees."""


class Tables:
    """Behind which port each device has each other."""

    def __init__(self, reports: Sequence[Report], links: Iterable[Link]) -> None:
        self._reports = {report.id: report for report in reports}
        self._toward: dict[tuple[str, str], str] = {}
        self.bridges: list[str] = []
        """Devices that told of others, in order."""
        for report in reports:
            ports = report.device_ports()
            for target, port in ports.items():
                self._toward[report.id, f"address:{target}"] = port
            if ports or report.text("appliance_port") or report.text("gateway_port"):
                self.bridges.append(report.id)
        self._links = list(links)
        self._pairs = {frozenset((link.a.device, link.b.device)) for link in self._links}
        self._taken = {end for link in self._links for end in (link.a, link.b)}
        self._linked = _Reach(self._links)

    def is_taken(self, end: End) -> bool:
        """Whether a neighbour told of this port."""
        return end in self._taken

    def port(self, here: str, there: str) -> str | None:
        """The port of ``here`` behind which ``there`` stands, as its table says."""
        return self._toward.get((here, there))

    def excludes(self, here: str, port: str, other: str) -> bool:
        """Whether it is sure that ``other`` does not stand behind that port."""
        told = self.port(here, other)
        if told is not None:
            return told != port
        ways = self._linked.ways(here, other)
        return bool(ways) and "" not in ways and port not in ways

    def attached(self, of: str) -> Attached | None:
        """Where the appliance is: the port behind which no other device stands; None: unclear.

        A device that LLDP names on that port is told as what it may stand behind.
        """
        found = []
        for here in self.bridges:
            port = self._reports[here].text(of)
            others = [one for one in self._reports if not self._is_at(one, here, port)]
            if port is not None and all(self.excludes(here, port, one) for one in others):
                found.append(End(here, port))
        if len(found) != 1:
            return None
        behind = [
            link.far_from(found[0].device).device
            for link in self._links
            if found[0] in (link.a, link.b)
        ]
        return Attached(end=found[0], behind=behind[0] if len(behind) == 1 else None)

    def _is_at(self, device: str, here: str, port: str | None) -> bool:
        """Whether it is ``here`` itself, or a device without a table that is told on that port."""
        if device == here:
            return True
        at = End(here, port or "")
        return device not in self.bridges and any(
            at in (link.a, link.b) and link.joins(here, device) for link in self._links
        )

    def links(self) -> list[Link]:
        """Links that the tables prove between devices that no told link joins."""
        found = []
        for one, other in combinations(self._reports, 2):
            if frozenset((one, other)) in self._pairs:
                continue
            link = self._between(one, other)
            if link is not None:
                found.append(link)
        return found

    def _between(self, one: str, other: str) -> Link | None:
        if not self._same_time(one, other):
            return None
        if one not in self.bridges and other not in self.bridges:
            return None
        if one in self.bridges and other in self.bridges:
            return self._two_bridges(one, other)
        bridge, leaf = (one, other) if one in self.bridges else (other, one)
        return self._leaf(bridge, leaf)

    def _two_bridges(self, one: str, other: str) -> Link | None:
        near, far = self.port(one, other), self.port(other, one)
        if near is None or far is None or self.is_taken(End(one, near)):
            return None
        if self.is_taken(End(other, far)):
            return None
        for third in self._reports:
            if third in (one, other):
                continue
            if not (self.excludes(one, near, third) or self.excludes(other, far, third)):
                return None
        return _proven(End(one, near), End(other, far))

    def _leaf(self, bridge: str, leaf: str) -> Link | None:
        """A device without a table hangs on the bridge behind whose port nothing else stands."""
        port = self.port(bridge, leaf)
        if port is None or self.is_taken(End(bridge, port)):
            return None
        others = [one for one in self._reports if one not in (bridge, leaf)]
        if not all(self.excludes(bridge, port, one) for one in others):
            return None
        return _proven(End(bridge, port), End(leaf))

    def _same_time(self, one: str, other: str) -> bool:
        first, second = self._reports[one].started_at, self._reports[other].started_at
        return first is None or second is None or abs(first - second) <= SAME_TIME


class _Reach:
    """Ports by which devices are reached over links that are told."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._ends: dict[str, list[tuple[str, str]]] = {}
        for link in links:
            self._ends.setdefault(link.a.device, []).append((link.a.port, link.b.device))
            self._ends.setdefault(link.b.device, []).append((link.b.port, link.a.device))
        self._found: dict[tuple[str, str], frozenset[str]] = {}

    def ways(self, here: str, there: str) -> frozenset[str]:
        """All ports of ``here`` that some way to ``there`` begins with; loops end."""
        if (here, there) not in self._found:
            self._found[here, there] = frozenset(
                port for port, near in self._ends.get(here, ()) if self._leads(near, there, here)
            )
        return self._found[here, there]

    def _leads(self, start: str, there: str, without: str) -> bool:
        passed, waiting = {without, start}, [start]
        while waiting:
            at = waiting.pop()
            if at == there:
                return True
            for _, near in self._ends.get(at, ()):
                if near not in passed:
                    passed.add(near)
                    waiting.append(near)
        return False


def _proven(one: End, other: End) -> Link:
    return joined(
        one, other, how=(How.FORWARDING,), told_by=tuple(sorted({one.device, other.device}))
    )
