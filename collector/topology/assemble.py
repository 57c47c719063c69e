"""A school's devices, links and ports from the newest report of each device. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from collector.topology.edits import Edits, LinkEdit
from collector.topology.forwarding import Tables
from collector.topology.model import (
    Attached,
    Device,
    End,
    How,
    Link,
    PortRow,
    Role,
    Source,
    Topology,
    joined,
)
from collector.topology.report import FIGURES, Report
from collector.topology.told import told

_DIGITS: Final = re.compile(r"(\D*)([0-9]{0,18})", re.ASCII)
_CORRECTED: Final = ("name", "vendor", "model", "firmware", "role")


def assemble(reports: Sequence[Report], edits: Edits | None = None) -> Topology:
    """Put a school's network together; what is not known stays open."""
    edits = edits or Edits()
    by_neighbours = told(reports)
    tables = Tables(reports, by_neighbours.links)
    ports = {
        End(report.id, name): PortRow(device=report.id, port=name, values=values)
        for report in reports
        for name, values in report.ports()
    }
    links = [*by_neighbours.links, *tables.links()]
    devices = [*(_polled(one, by_neighbours.roles.get(one.id)) for one in reports)]
    devices += by_neighbours.seen
    shown, hidden = _edited(devices, edits)
    kept, hidden_links = _overlaid([_measured(link, ports) for link in links], edits.links, shown)
    agent = tables.attached("appliance_port")
    return Topology(
        devices=tuple(sorted(shown.values(), key=_order)),
        links=tuple(sorted(kept, key=lambda link: (link.a, link.b))),
        ports=tuple(ports.values()),
        ports_left_off_count=sum(
            int(report.number("ports_left_off_count") or 0) for report in reports
        ),
        agent=agent if edits.agent is None else Attached(end=edits.agent),
        wan=_wan(reports, shown, kept, tables) if edits.wan is None else edits.wan,
        hidden_devices=tuple(sorted(hidden, key=_order)),
        hidden_links=tuple(hidden_links),
    )


def _polled(report: Report, told_role: Role | None) -> Device:
    figures = {name: value for name in FIGURES if (value := report.number(name)) is not None}
    return Device(
        id=report.id,
        name=report.text("system_name") or report.target,
        source=Source.POLLED,
        role=report.role or told_role,
        vendor=report.text("vendor"),
        model=report.text("model"),
        firmware=report.text("firmware"),
        address=report.target,
        reported_at=report.started_at,
        replaced=report.values.get("replaced") is True,
        figures=figures,
    )


def _edited(devices: Iterable[Device], edits: Edits) -> tuple[dict[str, Device], list[Device]]:
    """Lay edits over devices; add those of people, and those that only a link names."""
    found = {device.id: device for device in devices}
    for device_id in edits.devices:
        if device_id.startswith("hand:"):
            found[device_id] = Device(id=device_id, name=device_id, source=Source.HAND)
    for link in edits.links:
        for at in (link.a, link.b):
            if not link.hidden and at.device not in found:
                found[at.device] = Device(id=at.device, name=at.device, source=Source.HAND)
    hidden: list[Device] = []
    for device_id, edit in edits.devices.items():
        if device_id not in found:
            continue
        values = {name: getattr(edit, name) for name in _CORRECTED}
        given: dict[str, Any] = {name: value for name, value in values.items() if value}
        edited = replace(found[device_id], **given, by_hand=tuple(sorted(given)), note=edit.note)
        if edit.hidden:
            del found[device_id]
            hidden.append(edited)
        else:
            found[device_id] = edited
    return found, hidden


def _overlaid(
    links: Iterable[Link], edits: Sequence[LinkEdit], devices: dict[str, Device]
) -> tuple[list[Link], list[Link]]:
    """Lay edits of links over measured ones; give those that are shown and those that are not."""
    left = list(links)
    hidden: list[Link] = []
    for edit in edits:
        same = [link for link in left if _means(edit, link)]
        for link in same:
            left.remove(link)
            (hidden if edit.hidden else left).append(_completed(link, edit))
        if not same and not edit.hidden:
            left.append(_by_hand(edit))
    shown = [one for one in left if one.a.device in devices and one.b.device in devices]
    return shown, hidden


def _means(edit: LinkEdit, link: Link) -> bool:
    """Whether an edit is of this link: its devices, and its ports as far as it names them."""
    return (edit.a.device, edit.b.device) == (link.a.device, link.b.device) and all(
        told.port in ("", found.port) for told, found in ((edit.a, link.a), (edit.b, link.b))
    )


def _completed(link: Link, edit: LinkEdit) -> Link:
    speed = None if link.speed_bps is not None else edit.speed_bps
    duplex = None if link.duplex is not None else edit.duplex
    return replace(
        link,
        how=tuple(dict.fromkeys((*link.how, How.HAND))),
        by_hand=tuple(name for name, told in (("speed", speed), ("duplex", duplex)) if told),
        a_speed_bps=link.a_speed_bps or speed,
        a_duplex=link.a_duplex or duplex,
        note=edit.note,
    )


def _by_hand(edit: LinkEdit) -> Link:
    return joined(
        edit.a,
        edit.b,
        how=(How.HAND,),
        a_speed_bps=edit.speed_bps,
        a_duplex=edit.duplex,
        note=edit.note,
    )


def _measured(link: Link, ports: dict[End, PortRow]) -> Link:
    """Fill in what the ports at its ends say."""
    a, b = (
        ports[at].values if at in ports and ports[at].values.get("state", "up") == "up" else {}
        for at in (link.a, link.b)
    )
    return replace(
        link,
        a_speed_bps=a.get("speed_bps"),
        b_speed_bps=b.get("speed_bps"),
        a_duplex=a.get("duplex"),
        b_duplex=b.get("duplex"),
    )


def _wan(
    reports: Sequence[Report], devices: dict[str, Device], links: Sequence[Link], tables: Tables
) -> End | None:
    """The port by which routers leave the school: that of the one that no other lies before."""
    told = {}
    for report in reports:
        device, port = devices.get(report.id), report.text("wan_port")
        if device is not None and device.role is Role.ROUTER and port is not None:
            told[report.id] = End(report.id, port)
    found = [at for at in told.values() if not _leads_inside(at, told, links, tables)]
    return found[0] if len(found) == 1 else None


def _leads_inside(at: End, routers: dict[str, End], links: Sequence[Link], tables: Tables) -> bool:
    """Whether a router's way out leads to another router of the school, or a switch before it."""
    if len(routers) == 1:
        return False
    others = [one for one in routers if one != at.device]
    behind = {link.far_from(at.device).device for link in links if at in (link.a, link.b)}
    return bool(behind.intersection(others)) or any(
        tables.port(at.device, one) == at.port for one in others
    )


_RANK: Final = {Role.ROUTER: 0, Role.CONTROLLER: 1, Role.SWITCH: 2, Role.ACCESS_POINT: 3}


def _order(device: Device) -> tuple[int, tuple[tuple[str, int], ...], str]:
    """By role, then by name as people count: ap-2 before ap-10."""
    rank = 5 if device.role is None else _RANK.get(device.role, 4)
    parts = _DIGITS.findall(device.name.casefold())
    return rank, tuple((text, int(digits or -1)) for text, digits in parts), device.id
