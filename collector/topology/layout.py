"""Where each device of a drawing lies: a tree from the way out of the school. Pure.

The same network gives the same drawing. Two of them: ``wide`` grows from left to right, ``narrow``
is indented line by line, so that a telephone shows a large school too. Units are columns and rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.topology.model import Attached, Role, Topology

WAN: Final = "wan"
AGENT: Final = "agent"
"""Ids of what is drawn beside devices, whose ids have a colon."""
_CENTRE: Final = (Role.ROUTER, Role.SWITCH, Role.CONTROLLER, Role.ACCESS_POINT)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one is drawn."""

    column: int
    wide_row: float
    narrow_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Places by id; ``tree`` has the pairs by which they hang together, parent first."""

    places: Mapping[str, Place]
    tree: frozenset[tuple[str, str]]
    columns: int = 0
    wide_rows: int = 0
    narrow_rows: int = 0


def layout(topology: Topology) -> Layout:
    """Give every device a place, and the WAN and the agent where it is known where they are."""
    near = _near(topology)
    children: dict[str, list[str]] = {}
    roots = []
    passed: set[str] = set()
    for root in _roots(topology, near):
        if root in passed:
            continue
        roots.append(root)
        passed.add(root)
        waiting = [root]
        while waiting:  # breadth first: each hangs on the way with the fewest links
            at = waiting.pop(0)
            children[at] = [one for one in near[at] if one not in passed]
            passed.update(children[at])
            waiting += children[at]
    return _placed(roots, children)


def agent_at(agent: Attached) -> str:
    """Id of the device that the appliance hangs on."""
    return agent.behind or agent.end.device


def _near(topology: Topology) -> dict[str, list[str]]:
    near: dict[str, list[str]] = {one.id: [] for one in topology.devices}
    for link in topology.links:
        for one, other in ((link.a, link.b), (link.b, link.a)):
            if {one.device, other.device} <= near.keys() and other.device not in near[one.device]:
                near[one.device].append(other.device)
    order = {one.id: place for place, one in enumerate(topology.devices)}
    for found in near.values():
        found.sort(key=order.__getitem__)
    if topology.agent is not None and (at := agent_at(topology.agent)) in near:
        near[at].insert(0, AGENT)
        near[AGENT] = [at]
    if topology.wan is not None and topology.wan.device in near:
        near[topology.wan.device].insert(0, WAN)
        near[WAN] = [topology.wan.device]
    return near


def _roots(topology: Topology, near: Mapping[str, Sequence[str]]) -> list[str]:
    """The WAN, then what is nearest to it by its role, then what has most links."""

    def rank(device: str) -> tuple[int, int, str]:
        found = topology.device(device)
        role = None if found is None else found.role
        place = _CENTRE.index(role) if role in _CENTRE else len(_CENTRE)
        return place, -len(near[device]), device

    devices = sorted((one.id for one in topology.devices), key=rank)
    return [*([WAN] if WAN in near else []), *devices]


def _placed(roots: Sequence[str], children: Mapping[str, Sequence[str]]) -> Layout:
    places: dict[str, Place] = {}
    tree = []
    leaves = 0
    for number, (at, column) in enumerate(_in_order(roots, children)):
        tree += [(at, child) for child in children[at]]
        places[at] = Place(column, leaves, number)
        leaves += not children[at]
    for at in reversed(places):  # children stand behind their parent
        if below := [places[child].wide_row for child in children[at]]:
            middle = (min(below) + max(below)) / 2
            places[at] = Place(places[at].column, middle, places[at].narrow_row)
    return Layout(
        places=places,
        tree=frozenset(tree),
        columns=1 + max((one.column for one in places.values()), default=-1),
        wide_rows=leaves,
        narrow_rows=len(places),
    )


def _in_order(
    roots: Sequence[str], children: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, int]]:
    waiting = [(root, 0) for root in reversed(roots)]
    while waiting:
        at, column = waiting.pop()
        yield at, column
        waiting += [(child, column + 1) for child in reversed(children[at])]
