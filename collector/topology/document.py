"""A topology as JSON, for snapshots and exports, and back. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

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
)

FORMAT: Final = 1
_TEXTS: Final = ("vendor", "model", "firmware", "address")
_OF_LINK: Final = ("a_speed_bps", "b_speed_bps", "a_duplex", "b_duplex")


def to_document(topology: Topology, *, ports: bool = True) -> dict[str, Any]:
    """Write it. Without ``ports`` what a weekly comparison needs."""
    agent = topology.agent
    document: dict[str, Any] = {
        "format": FORMAT,
        "devices": [_device(one, figures=ports) for one in topology.devices],
        "links": [_link(one) for one in topology.links],
        "agent": None
        if agent is None
        else {**_end(agent.end), **({"behind": agent.behind} if agent.behind else {})},
        "wan": None if topology.wan is None else _end(topology.wan),
    }
    if ports:
        document["ports"] = [
            {"device": one.device, "port": one.port, **one.values} for one in topology.ports
        ]
        document["ports_left_off_count"] = topology.ports_left_off_count
    return document


def from_document(document: Mapping[str, Any]) -> Topology:
    """Read what :func:`to_document` wrote; a port's values come back as they were."""
    agent, wan = document.get("agent"), document.get("wan")
    return Topology(
        devices=tuple(_device_of(one) for one in document.get("devices", ())),
        links=tuple(_link_of(one) for one in document.get("links", ())),
        ports=tuple(
            PortRow(
                device=one["device"],
                port=one["port"],
                values={
                    name: value for name, value in one.items() if name not in ("device", "port")
                },
            )
            for one in document.get("ports", ())
        ),
        ports_left_off_count=document.get("ports_left_off_count", 0),
        agent=None if agent is None else Attached(end=_end_of(agent), behind=agent.get("behind")),
        wan=None if wan is None else _end_of(wan),
    )


def _device(one: Device, *, figures: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"id": one.id, "name": one.name, "source": one.source.value}
    told |= {name: value for name in _TEXTS if (value := getattr(one, name)) is not None}
    if one.role is not None:
        told["role"] = one.role.value
    if one.reported_at is not None and figures:
        told["reported_at"] = one.reported_at.isoformat()
    if one.replaced:
        told["replaced"] = True
    if one.by_hand:
        told["by_hand"] = list(one.by_hand)
    if one.note:
        told["note"] = one.note
    if figures and one.figures:
        told["figures"] = dict(one.figures)
    return told


def _device_of(told: Mapping[str, Any]) -> Device:
    reported_at = told.get("reported_at")
    return Device(
        id=told["id"],
        name=told["name"],
        source=Source(told["source"]),
        role=Role(told["role"]) if "role" in told else None,
        **{name: told.get(name) for name in _TEXTS},
        reported_at=None if reported_at is None else datetime.fromisoformat(reported_at),
        replaced=bool(told.get("replaced")),
        figures=told.get("figures", {}),
        by_hand=tuple(told.get("by_hand", ())),
        note=told.get("note", ""),
    )


def _link(one: Link) -> dict[str, Any]:
    told: dict[str, Any] = {
        "a": _end(one.a),
        "b": _end(one.b),
        "how": [how.value for how in one.how],
        "told_by": list(one.told_by),
    }
    told |= {name: value for name in _OF_LINK if (value := getattr(one, name)) is not None}
    told |= {"speed_bps": one.speed_bps} if one.speed_bps is not None else {}
    told |= {"contradictions": list(one.contradictions)} if one.contradictions else {}
    told |= {"shared": True} if one.shared else {}
    told |= {"by_hand": list(one.by_hand)} if one.by_hand else {}
    return told | ({"note": one.note} if one.note else {})


def _link_of(told: Mapping[str, Any]) -> Link:
    return Link(
        a=_end_of(told["a"]),
        b=_end_of(told["b"]),
        how=tuple(How(how) for how in told["how"]),
        told_by=tuple(told.get("told_by", ())),
        **{name: told.get(name) for name in _OF_LINK},
        shared=bool(told.get("shared")),
        by_hand=tuple(told.get("by_hand", ())),
        note=told.get("note", ""),
    )


def _end(at: End) -> dict[str, str]:
    return {"device": at.device, "port": at.port}


def _end_of(told: Mapping[str, Any]) -> End:
    return End(told["device"], told.get("port", ""))
