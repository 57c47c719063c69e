"""The school's devices as their reports tell them: which is what, which port leads where. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.causes.path import edge_hop, gateways
from collector.causes.seen import Result, Seen, host_of, number, rows
from collector.programme.measured_devices import DeviceReport, Placed, place

INFRASTRUCTURE: Final = frozenset({"router", "bridge", "access_point"})
OWN_PORT: Final = "appliance"
"""Address and port of the appliance itself, among those of devices."""
RECENT: Final = 3
"""Newest reports in which what is said of a port must mostly stand: a port is re-plugged."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device, its reports oldest first."""

    address: str
    reports: Sequence[Result]

    @property
    def newest(self) -> Mapping[str, Any]:
        """Values of the newest report."""
        return self.reports[-1].made.values

    @property
    def name(self) -> str:
        """What it calls itself, else its address."""
        told = self.newest.get("system_name")
        return told if isinstance(told, str) and told else self.address


@dataclass(frozen=True, slots=True)
class PortRow:
    """One port in one report."""

    device: Device
    result: Result
    row: Mapping[str, Any]

    @property
    def port(self) -> str:
        """Its name."""
        return str(self.row.get("port", ""))

    @property
    def key(self) -> tuple[str, str]:
        """Address of the device, name of the port."""
        return self.device.address, self.port

    def number(self, name: str) -> float | None:
        """A figure of the port; None where it is not known."""
        return number(self.row.get(name))


class Inventory:
    """All devices of a school that answered."""

    def __init__(self, seen: Seen) -> None:
        by_address: dict[str, list[Result]] = {}
        for one in seen.good("snmp"):
            by_address.setdefault(host_of(one.made.target), []).append(one)
        self.devices = [Device(address, of) for address, of in by_address.items()]
        reports = [
            DeviceReport(target=one.address, values=dict(one.newest)) for one in self.devices
        ]
        self.placed: Placed = place(reports)
        routers = {one.target for one in self.placed.routers}
        on_path = gateways(seen)
        known = {one.target for one in (*self.placed.floors, *self.placed.access_points)}
        self.routers = [
            one
            for one in self.devices
            if one.address in routers or (one.address in on_path and one.address not in known)
        ]
        self._edge = edge_hop(seen)
        self._far_ends = dict(self._links())
        self.wan = _wan_port(seen, self.routers)

    def of(self, *kinds: str) -> list[Device]:
        """Access points and controllers, by kind."""
        wanted = set()
        if "access_point" in kinds:
            wanted |= {one.target for one in self.placed.access_points}
        if "controller" in kinds:
            wanted |= {one.target for one in self.placed.controllers}
        return [one for one in self.devices if one.address in wanted]

    def ports(self) -> dict[tuple[str, str], list[PortRow]]:
        """Every port with a plug, its rows oldest first. Radios and tunnels are none."""
        found: dict[tuple[str, str], list[PortRow]] = {}
        for device in self.devices:
            for result in device.reports:
                for row in rows(result.made, "ports"):
                    if "type" not in row:
                        one = PortRow(device, result, row)
                        found.setdefault(one.key, []).append(one)
        return found

    def ends(self, key: tuple[str, str]) -> frozenset[tuple[str, str]]:
        """A port and, where it is known, the port at the other end of its link."""
        far = self._far_ends.get(key)
        return frozenset({key} if far is None else {key, far})

    def way_out(self) -> frozenset[tuple[str, str]]:
        """The appliance's port, and the ports of routers with the other ends of their links."""
        routers = {one.address for one in self.routers}
        ends = [self.ends(key) for key in self.ports() if key[0] in routers]
        return frozenset({(OWN_PORT, OWN_PORT)}).union(*ends)

    def is_path(self, key: tuple[str, str], of: Iterable[PortRow], addresses: int) -> bool:
        """Whether others' traffic crosses the port: the WAN, another device, many addresses."""
        if key == self.wan or key in self._far_ends or key in self._far_ends.values():
            return True
        newest = list(of)[-1]
        if any(
            row.get("port") == key[1] and INFRASTRUCTURE & set(str(row.get("roles", "")).split())
            for row in rows(newest.device.reports[-1].made, "neighbours")
        ):
            return True
        return (newest.number("addresses_count") or 0) >= addresses

    def _links(self) -> Iterable[tuple[tuple[str, str], tuple[str, str]]]:
        """Port to port, where one of two devices that are asked names the other."""
        by_name = {_plain(one.name): one for one in self.devices}
        for one in self.devices:
            for row in rows(one.reports[-1].made, "neighbours"):
                other = by_name.get(_plain(str(row.get("name", ""))))
                near, far = row.get("port"), row.get("remote_port")
                if other is None or not isinstance(near, str) or not isinstance(far, str):
                    continue
                yield (one.address, near), (other.address, far)
                yield (other.address, far), (one.address, near)


def stands(of: Sequence[PortRow], reports: Sequence[Result], holds: Iterable[PortRow]) -> bool:
    """Whether something of a port is so in the newest report and in most of the recent ones."""
    recent = list(reports)[-RECENT:]
    so = {id(one.result) for one in holds}
    told = [one for one in recent if id(one) in so]
    return bool(of) and id(recent[-1]) in so and 2 * len(told) > len(recent)


def _wan_port(seen: Seen, routers: Sequence[Device]) -> tuple[str, str] | None:
    """The port that tests count at, else the one of the one router that is called so."""
    source = seen.context("cross_traffic_source")
    if isinstance(source, str) and source.startswith("snmp "):
        _, _, rest = source.partition(" ")
        address, _, port = rest.partition(" ")
        if address and port:
            return address, port
    if len(routers) != 1:
        return None
    named = [
        str(row.get("port"))
        for row in rows(routers[0].reports[-1].made, "ports")
        if any("wan" in str(row.get(key, "")).casefold() for key in ("port", "alias"))
    ]
    return (routers[0].address, named[0]) if len(named) == 1 else None


def _plain(name: str) -> str:
    return name.partition("(")[0].partition(".")[0].strip().casefold()
