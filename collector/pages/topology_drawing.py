"""What the script of a school's network draws: places, shapes and texts, all made here.

Texts are drawn on a canvas, which knows no markup. ``kind`` of a link says its speed by the form of
its line, ``half`` puts bars at its ends; both stand in its text too.
"""

from typing import Any, Final

from collector.pages import topology_words as say
from collector.pages.i18n import Words
from collector.pages.topology_view import odd_of
from collector.pages.topology_words import Names
from collector.topology.layout import AGENT, WAN, Layout, agent_at, layout
from collector.topology.model import How, Link, Topology

LONGEST: Final = 40
MOST_LABELLED: Final = 80
"""With more links only those are labelled that have something to say."""
_SLOW_BELOW_BPS: Final = 1e9
_FAST_FROM_BPS: Final = 10e9


def drawing(words: Words, topology: Topology) -> dict[str, Any]:
    """Give nodes and edges as JSON holds them; ids are numbers."""
    where = layout(topology)
    names = Names(words, topology)
    ids = {one: f"n{place}" for place, one in enumerate(where.places)}
    return {
        "columns": where.columns,
        "wide_rows": where.wide_rows,
        "narrow_rows": where.narrow_rows,
        "nodes": [_node(words, topology, names, where, one, ids[one]) for one in where.places],
        "edges": [*_links(words, topology, where, ids), *_beside(words, topology, ids)],
    }


def speed_kind(speed_bps: float | None) -> str:
    """``unknown``, ``slow``, ``usual`` or ``fast``."""
    if speed_bps is None:
        return "unknown"
    if speed_bps < _SLOW_BELOW_BPS:
        return "slow"
    return "fast" if speed_bps >= _FAST_FROM_BPS else "usual"


def _node(
    words: Words, topology: Topology, names: Names, where: Layout, one: str, node: str
) -> dict[str, Any]:
    place = where.places[one]
    told: dict[str, Any] = {
        "id": node,
        "wide": [place.column, place.wide_row],
        "narrow": [place.column, place.narrow_row],
        "leaf": not any(parent == one for parent, _ in where.tree),
    }
    if one in (WAN, AGENT):
        return told | {
            "kind": one,
            "label": words("topology.wan" if one == WAN else "topology.agent"),
            "number": 0,
        }
    device = topology.device(one)
    role = None if device is None else device.role
    return told | {
        "kind": "unknown" if role is None else role.value,
        "label": f"{_short(names.of(one))}\n{say.role_name(words, role)}",
        "number": names.number[one],
        "sure": device is not None and device.source == "polled",
    }


def _links(
    words: Words, topology: Topology, where: Layout, ids: dict[str, str]
) -> list[dict[str, Any]]:
    many = len(topology.links) > MOST_LABELLED
    return [
        {
            "a": ids[link.a.device],
            "b": ids[link.b.device],
            "kind": speed_kind(link.speed_bps),
            "half": link.duplex == "half",
            "tree": bool({(at[0], at[1]), (at[1], at[0])} & where.tree),
            "label": "" if many and _is_plain(link) else _label(words, link),
        }
        for link in topology.links
        if ids.keys() >= {*(at := (link.a.device, link.b.device))}
    ]


def _beside(words: Words, topology: Topology, ids: dict[str, str]) -> list[dict[str, Any]]:
    """The agent's port and the WAN's, each with its name."""
    found = []
    if topology.wan is not None and WAN in ids:
        row = topology.port(topology.wan)
        speed = None if row is None else row.values.get("speed_bps")
        label = words(
            "topology.port_and_speed", port=_short(topology.wan.port), speed=say.speed(words, speed)
        )
        found.append((WAN, topology.wan.device, speed_kind(speed), label))
    if topology.agent is not None and AGENT in ids:
        port = topology.agent.end.port
        found.append((AGENT, agent_at(topology.agent), "own", _short(port)))
    return [
        {"a": ids[a], "b": ids[b], "kind": kind, "half": False, "tree": True, "label": label}
        for a, b, kind, label in found
    ]


def _label(words: Words, link: Link) -> str:
    parts = [say.speed(words, link.speed_bps), *odd_of(words, link)]
    if link.how == (How.HAND,):
        parts.append(words("topology.by_hand"))
    return "\n".join(parts)


def _is_plain(link: Link) -> bool:
    usual = speed_kind(link.speed_bps) in ("usual", "fast")
    return usual and not link.contradictions and link.duplex != "half"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
