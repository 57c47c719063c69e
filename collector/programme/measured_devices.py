"""Facts of grade agent from what devices of the school said over SNMP. Pure.

Which device is what: the router by its maker's profile (or by what neighbours say of it), the core
switch as the one switch that a router is plugged into, floor switches as the others. Where that
is not known or not one, there is no fact. Figures over time are of hours, so that one reading of a
minute in four weeks names no router; ports, models and limits are of the newest report.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from collector.programme.model import Value

FEWEST: Final = 5
"""Reports from which on a device's figures over time are facts."""
FEWEST_OF_AN_HOUR: Final = 2
"""Reports from which on an hour may be the busiest."""
MOST_TEXT: Final = 200
_WAN_NAME: Final = re.compile(r"wan[\s/_-]?\d*", re.IGNORECASE)
_ROLES: Final = {
    "router": "router",
    "firewall": "router",
    "switch": "switch",
    "access_point": "access_point",
    "controller": "controller",
}
"""Roles of profiles (configs/snmp) as parts of the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """The newest report of one device: values of the probe ``snmp`` (docs/methods.md)."""

    target: str
    """Its address, as it was asked."""
    values: Mapping[str, Any]
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHour:
    """One value of one device in one hour."""

    target: str
    name: str
    count: int
    median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What is stored of a school's devices."""

    reports: Sequence[DeviceReport] = ()
    hours: Sequence[DeviceHour] = ()
    pupils: int | None = None
    wan: tuple[str, str] | None = None
    """Address and port whose counters the newest throughput test read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Which device is what."""

    routers: Sequence[DeviceReport] = ()
    core: DeviceReport | None = None
    floors: Sequence[DeviceReport] = ()
    access_points: Sequence[DeviceReport] = ()
    controllers: Sequence[DeviceReport] = ()


def device_values(of: Devices) -> dict[str, Value]:
    """Give the values by key of the list of facts; what is not known is not in it."""
    placed = place(of.reports)
    found: dict[str, Value | None] = {
        **_router(placed, of),
        **_core(placed, of.hours),
        **_floors(placed),
        **_access_points(placed, of),
    }
    return {key: value for key, value in found.items() if value is not None}


def place(reports: Sequence[DeviceReport]) -> Placed:
    """Tell devices apart. What is not clear is nothing."""
    kinds = {one.target: _kind(one, reports) for one in reports}

    def of(kind: str) -> list[DeviceReport]:
        return [one for one in reports if kinds[one.target] == kind]

    routers, switches = of("router"), of("switch")
    core = _core_of(switches, routers)
    return Placed(
        routers=routers,
        core=core,
        floors=[] if core is None else [one for one in switches if one is not core],
        access_points=of("access_point"),
        controllers=of("controller"),
    )


def _kind(report: DeviceReport, reports: Sequence[DeviceReport]) -> str | None:
    """By its profile, else by what all neighbours agree on."""
    role = report.values.get("role")
    if isinstance(role, str) and role in _ROLES:
        return _ROLES[role]
    own = _name(report.values.get("system_name"))
    told = {
        _told_kind(entry)
        for other in reports
        if other is not report
        for entry in _rows(other, "neighbours")
        if own is not None and _name(entry.get("name")) == own
    }
    return told.pop() if len(told) == 1 else None


def _told_kind(entry: Mapping[str, Any]) -> str | None:
    """What a neighbour says it is; a device that is several things is none of them here."""
    roles = set(str(entry.get("roles", "")).split())
    if "access_point" in roles:
        return "access_point"
    if roles == {"router"}:
        return "router"
    return "switch" if roles == {"bridge"} else None


def _core_of(
    switches: Sequence[DeviceReport], routers: Sequence[DeviceReport]
) -> DeviceReport | None:
    """The one switch beside a router that is asked, else the one beside any router."""
    beside = [one for one in switches if any(_port_to(one, router) for router in routers)]
    if not beside:
        beside = [
            one
            for one in switches
            if any(_told_kind(entry) == "router" for entry in _rows(one, "neighbours"))
        ]
    return beside[0] if len(beside) == 1 else None


def _port_to(here: DeviceReport, there: DeviceReport) -> str | None:
    """The port of ``here`` that leads to ``there``, as one of the two says; None: none known."""
    ours, theirs = _name(here.values.get("system_name")), _name(there.values.get("system_name"))
    if theirs is not None:
        for entry in _rows(here, "neighbours"):
            if _name(entry.get("name")) == theirs and isinstance(entry.get("port"), str):
                return str(entry["port"])
    if ours is not None:
        for entry in _rows(there, "neighbours"):
            if _name(entry.get("name")) == ours and isinstance(entry.get("remote_port"), str):
                return str(entry["remote_port"])
    return None


def _router(placed: Placed, of: Devices) -> dict[str, Value | None]:
    routers = placed.routers
    limits = [_number(one.values.get("sessions_limit_count")) for one in routers]
    return {
        "router.model": _common_model(routers),
        "router.cpu_max_ratio": _busiest_hour(routers, of.hours, "cpu_max_ratio"),
        "router.sessions_max_ratio": _busiest_hour(routers, of.hours, "sessions_max_ratio"),
        "router.sessions_limit_count": _least(limits),
        "router.wan_port_speed_bps": _wan_speed(routers, of.wan),
    }


def _wan_speed(routers: Sequence[DeviceReport], wan: tuple[str, str] | None) -> float | None:
    """Of the port that tests count at; else of the one port of the one router called WAN."""
    if wan is not None:
        known = [one for one in routers if one.target == wan[0]]
        return _speed(known[0], wan[1]) if known else None
    if len(routers) != 1:
        return None
    up = [
        port
        for port in _rows(routers[0], "ports")
        if port.get("state") == "up" and _WAN_NAME.fullmatch(str(port.get("port", "")))
    ]
    return _number(up[0].get("speed_bps")) if len(up) == 1 else None


def _core(placed: Placed, hours: Sequence[DeviceHour]) -> dict[str, Value | None]:
    core = placed.core
    if core is None:
        return {}
    ports = list(_path_ports(core, placed))
    speeds = [_number(port.get("speed_bps")) for port in ports]
    duplexes = [port.get("duplex") for port in ports]
    return {
        "core_switch.model": _common_model([core]),
        "core_switch.port_speed_bps": _least(speeds),
        "core_switch.duplex": _duplex(duplexes),
        "core_switch.error_ratio": _middle([core], hours, "port_error_max_ratio"),
        "core_switch.discard_ratio": _middle([core], hours, "port_discard_max_ratio"),
        "core_switch.broadcast_per_second": _busiest_hour(
            [core], hours, "broadcast_max_per_second"
        ),
    }


def _path_ports(core: DeviceReport, placed: Placed) -> Iterator[Mapping[str, Any]]:
    """Ports of the core switch to routers and other switches, as far as neighbours tell."""
    names = {_port_to(core, other) for other in (*placed.routers, *placed.floors)}
    names |= {
        entry.get("port")
        for entry in _rows(core, "neighbours")
        if _told_kind(entry) in ("router", "switch")
    }
    for port in _rows(core, "ports"):
        if port.get("state") == "up" and port.get("port") in names:
            yield port


def _duplex(told: Sequence[object]) -> str | None:
    if "half" in told:
        return "half"
    return "full" if told and all(one == "full" for one in told) else None


def _floors(placed: Placed) -> dict[str, Value | None]:
    """A link has one speed: where a floor switch does not tell it, the core's port does."""
    core = placed.core
    if core is None or not placed.floors:
        return {}
    speeds = [
        _link_speed(floor, upper)
        for floor in placed.floors
        for upper in (core, *placed.floors)
        if upper is not floor
    ]
    return {
        "floor_switch.model": _common_model(placed.floors),
        "floor_switch.uplink_speed_bps": _least(speeds),
    }


def _link_speed(one: DeviceReport, other: DeviceReport) -> float | None:
    own, far = _port_to(one, other), _port_to(other, one)
    speed = None if own is None else _speed(one, own)
    return speed if speed is not None or far is None else _speed(other, far)


def _access_points(placed: Placed, of: Devices) -> dict[str, Value | None]:
    counts = [_number(one.values.get("access_points_count")) for one in placed.controllers]
    count = counts[0] if len(counts) == 1 else None
    each = of.pupils / count if of.pupils and count else None
    return {
        "access_point.model": _common_model(placed.access_points),
        "access_point.count": count or None,
        "access_point.clients_max": _busiest_hour(
            placed.access_points, of.hours, "clients_max_count"
        ),
        "device.pupils_per_ap": each,
    }


def _busiest_hour(
    devices: Sequence[DeviceReport], hours: Sequence[DeviceHour], name: str
) -> float | None:
    """The greatest of the hours' medians, over devices that have :data:`FEWEST` reports."""
    known = [
        one.median
        for own in _by_device(devices, hours, name)
        for one in own
        if one.count >= FEWEST_OF_AN_HOUR
    ]
    return max(known, default=None)


def _middle(
    devices: Sequence[DeviceReport], hours: Sequence[DeviceHour], name: str
) -> float | None:
    """Median of the hours' medians."""
    known = [one.median for own in _by_device(devices, hours, name) for one in own]
    return median(known) if known else None


def _by_device(
    devices: Sequence[DeviceReport], hours: Sequence[DeviceHour], name: str
) -> Iterator[list[DeviceHour]]:
    for device in devices:
        own = [one for one in hours if one.target == device.target and one.name == name]
        if sum(one.count for one in own) >= FEWEST:
            yield own


def _common_model(devices: Sequence[DeviceReport]) -> str | None:
    """The model of more than half of them; vendor and model, as lists of devices call it."""
    models = Counter(model for one in devices if (model := _model(one)) is not None)
    for model, count in models.most_common(1):
        if 2 * count > len(devices):
            return model
    return None


def _model(report: DeviceReport) -> str | None:
    vendor, model = report.values.get("vendor"), report.values.get("model")
    if not isinstance(model, str) or not model.strip():
        return None
    named = isinstance(vendor, str) and not model.casefold().startswith(vendor.casefold())
    text = f"{vendor} {model}".strip() if named else model.strip()
    return text if text.isprintable() and len(text) <= MOST_TEXT else None


def _speed(report: DeviceReport, port: str) -> float | None:
    for row in _rows(report, "ports"):
        if row.get("port") == port and row.get("state") == "up":
            return _number(row.get("speed_bps"))
    return None


def _rows(report: DeviceReport, name: str) -> Sequence[Mapping[str, Any]]:
    rows = report.values.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _name(value: object) -> str | None:
    """A system name for comparing: CDP adds a serial number in brackets, some a domain."""
    if not isinstance(value, str):
        return None
    return value.partition("(")[0].partition(".")[0].strip().casefold() or None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
