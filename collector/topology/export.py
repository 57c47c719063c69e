"""A school's network for other programs: JSON, CSV, GraphML. Pure; hostile names are inert."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from collector.programme.exchange.cells import Cell, text_of
from collector.topology.diff import Change
from collector.topology.document import to_document
from collector.topology.model import Device, Link, Topology

FORMATS: Final = ("json", "csv", "graphml")
TABLES: Final = ("devices", "links", "ports")
DEVICE_COLUMNS: Final = (
    "id", "name", "source", "role", "vendor", "model", "firmware", "address", "reported_at",
    "note",
)  # fmt: skip
LINK_COLUMNS: Final = (
    "a_device", "a_port", "b_device", "b_port", "speed_bps", "duplex", "how", "contradictions",
    "a_speed_bps", "b_speed_bps", "a_duplex", "b_duplex", "note",
)  # fmt: skip
PORT_COLUMNS: Final = (
    "port", "alias", "state", "speed_bps", "duplex", "in_bps", "out_bps", "in_max_bps",
    "out_max_bps", "errors_count", "error_ratio", "discards_count", "discard_ratio",
    "addresses_count",
)  # fmt: skip
_DEVICE_KEYS: Final = (
    "name", "source", "role", "vendor", "model", "firmware", "address", "agent", "wan_port",
)  # fmt: skip
_LINK_KEYS: Final = ("a_port", "b_port", "speed_bps", "duplex", "how", "contradictions")


def as_json(topology: Topology) -> str:
    """Everything, as snapshots hold it, with ports."""
    return json.dumps(to_document(topology), ensure_ascii=False, indent=2) + "\n"


def as_csv(topology: Topology, table: str) -> str:
    """One table; texts that a spreadsheet would compute have an apostrophe in front."""
    heads, rows = _TABLES[table]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heads)
    for row in rows(topology):
        writer.writerow([text_of(cell) for cell in row])
    return out.getvalue()


def changes_as_csv(before: str, after: str, changes: Sequence[Change]) -> str:
    """What changed from one week to another, one line a change."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("from_week", "to_week", "kind", "device", "other", "before", "after"))
    for one in changes:
        cells = (before, after, one.kind.value, one.device, one.other, one.before, one.after)
        writer.writerow([text_of(cell) for cell in cells])
    return out.getvalue()


def as_graphml(topology: Topology) -> str:
    """Devices as nodes, links as undirected edges (graphml.graphdrawing.org, 1.0)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(_key("node", name) for name in _DEVICE_KEYS),
        *(_key("edge", name) for name in _LINK_KEYS),
        '<graph id="network" edgedefault="undirected">',
    ]
    number = {device.id: f"n{place}" for place, device in enumerate(topology.devices)}
    for device in topology.devices:
        lines.append(f"<node id={quoteattr(number[device.id])}>")
        lines += _data("node", _node(topology, device))
        lines.append("</node>")
    for place, link in enumerate(topology.links):
        a, b = number[link.a.device], number[link.b.device]
        lines.append(f'<edge id="e{place}" source="{a}" target="{b}">')
        lines += _data("edge", _edge(link))
        lines.append("</edge>")
    return "\n".join([*lines, "</graph>", "</graphml>", ""])


def _devices(topology: Topology) -> Iterator[Sequence[Cell]]:
    for one in topology.devices:
        role = None if one.role is None else one.role.value
        at = None if one.reported_at is None else one.reported_at.isoformat(timespec="seconds")
        yield (
            one.id, one.name, one.source.value, role, one.vendor, one.model, one.firmware,
            one.address, at, one.note,
        )  # fmt: skip


def _links(topology: Topology) -> Iterator[Sequence[Cell]]:
    names = {one.id: one.name or one.id for one in topology.devices}
    for one in topology.links:
        yield (
            names.get(one.a.device, one.a.device), one.a.port,
            names.get(one.b.device, one.b.device), one.b.port,
            one.speed_bps, one.duplex, " ".join(one.how), " ".join(one.contradictions),
            one.a_speed_bps, one.b_speed_bps, one.a_duplex, one.b_duplex, one.note,
        )  # fmt: skip


def _ports(topology: Topology) -> Iterator[Sequence[Cell]]:
    names = {one.id: one.name or one.id for one in topology.devices}
    for one in topology.ports:
        if one.device in names:
            rest = (one.values.get(name) for name in PORT_COLUMNS[1:])
            yield names[one.device], one.port, *rest


_TABLES: Final = {
    "devices": (DEVICE_COLUMNS, _devices),
    "links": (LINK_COLUMNS, _links),
    "ports": (("device", *PORT_COLUMNS), _ports),
}


def _node(topology: Topology, one: Device) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": one.name,
        "source": one.source.value,
        "role": None if one.role is None else one.role.value,
        "vendor": one.vendor,
        "model": one.model,
        "firmware": one.firmware,
        "address": one.address,
    }
    if topology.agent is not None and topology.agent.end.device == one.id:
        found["agent"] = topology.agent.end.port
    if topology.wan is not None and topology.wan.device == one.id:
        found["wan_port"] = topology.wan.port
    return found


def _edge(one: Link) -> dict[str, Any]:
    return {
        "a_port": one.a.port,
        "b_port": one.b.port,
        "speed_bps": one.speed_bps,
        "duplex": one.duplex,
        "how": " ".join(one.how),
        "contradictions": " ".join(one.contradictions),
    }


def _key(of: str, name: str) -> str:
    kind = "long" if name.endswith("_bps") else "string"
    return f'<key id="{of}_{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>'


def _data(of: str, values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if value not in (None, ""):
            yield f'<data key="{of}_{name}">{escape(str(value))}</data>'
