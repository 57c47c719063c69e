"""Facts of the desk survey that only the whole of a network gives. Pure.

Devices by themselves give the rest (collector/programme/measured_devices.py); where both know a
figure, theirs goes before.
"""

from collections.abc import Iterable

from collector.programme.model import Value
from collector.topology.model import Device, Link, Role, Topology


def topology_facts(topology: Topology) -> dict[str, Value]:
    """Give the values by key of the list of facts; what is not known is not in it."""
    core = core_switch(topology)
    found: dict[str, Value | None] = {"router.wan_port_speed_bps": _wan_speed(topology)}
    if core is not None:
        inside = [link for link in topology.links if core.id in (link.a.device, link.b.device)]
        path = [
            link for link in inside if _leads_to(link, core, topology, Role.ROUTER, Role.SWITCH)
        ]
        floors = [link for link in path if _leads_to(link, core, topology, Role.SWITCH)]
        found |= {
            "core_switch.port_speed_bps": _least(_speed(link) for link in path),
            "core_switch.duplex": _duplex(path),
            "floor_switch.uplink_speed_bps": _least(_speed(link) for link in floors),
        }
    found["access_point.count"] = _access_points(topology)
    return {key: value for key, value in found.items() if value is not None}


def core_switch(topology: Topology) -> Device | None:
    """The one switch that a router is plugged into; None where there is none or several."""
    found = {
        device.id: device
        for device in topology.devices
        if device.role is Role.SWITCH
        and any(
            _leads_to(link, device, topology, Role.ROUTER)
            for link in topology.links
            if device.id in (link.a.device, link.b.device)
        )
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _leads_to(link: Link, here: Device, topology: Topology, *roles: Role) -> bool:
    other = topology.device(link.far_from(here.id).device)
    return other is not None and other.role in roles


def _wan_speed(topology: Topology) -> float | None:
    row = None if topology.wan is None else topology.port(topology.wan)
    if row is None or row.values.get("state", "up") != "up":
        return None
    speed = row.values.get("speed_bps")
    return None if speed is None else float(speed)


def _speed(link: Link) -> float | None:
    """What ports say of a link that is measured; a person's word is no fact of grade agent."""
    known = link.is_measured and "speed" not in link.by_hand and link.speed_bps is not None
    return float(link.speed_bps or 0) if known else None


def _duplex(links: Iterable[Link]) -> str | None:
    told = [link.duplex for link in links if link.is_measured and "duplex" not in link.by_hand]
    if "half" in told:
        return "half"
    return "full" if told and all(one == "full" for one in told) else None


def _access_points(topology: Topology) -> float | None:
    """How many there are, where each stands on a port by itself; one controller knows better."""
    if any(one.role is Role.CONTROLLER for one in topology.devices):
        return None
    found = {one.id for one in topology.devices if one.role is Role.ACCESS_POINT}
    linked = {end.device for link in topology.links for end in (link.a, link.b)}
    return float(len(found)) if found and found <= linked else None


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
