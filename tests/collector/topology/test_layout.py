"""Where devices are drawn: a tree from the way out, the same each time, whole for any network."""

from dataclasses import replace
from itertools import pairwise

from collector.topology.assemble import assemble
from collector.topology.layout import AGENT, WAN, layout
from collector.topology.model import Device, End, How, Link, Source, Topology, joined
from tests.collector.topology.school import CORE, FLOOR1, FLOOR2, ROUTER, of, with_lldp

AP = f"seen:ap-1@{of(FLOOR1)}/p7"


def device(name: str) -> Device:
    """A device of which nothing else is known."""
    return Device(id=f"hand:{name}", name=name, source=Source.HAND)


def link(one: str, other: str) -> Link:
    """A link between two of them."""
    return joined(End(f"hand:{one}"), End(f"hand:{other}"), how=(How.HAND,))


def test_a_school_is_drawn_from_the_way_out() -> None:
    """WAN, router, core, floors, access point; the agent beside the floor it is plugged into."""
    found = layout(assemble(with_lldp()))
    columns = {one: place.column for one, place in found.places.items()}
    assert columns == {
        WAN: 0, of(ROUTER): 1, of(CORE): 2, of(FLOOR1): 3, of(FLOOR2): 3, AGENT: 4, AP: 4,
    }  # fmt: skip
    assert found.tree >= {(WAN, of(ROUTER)), (of(CORE), of(FLOOR2)), (of(FLOOR1), AGENT)}
    assert (found.columns, found.wide_rows, found.narrow_rows) == (5, 3, 7)
    assert layout(assemble(with_lldp()[::-1])).places == found.places


def test_no_two_lie_on_one_place() -> None:
    """In either drawing; a parent stands in the middle of its children."""
    found = layout(assemble(with_lldp())).places
    assert len({(one.column, one.wide_row) for one in found.values()}) == len(found)
    assert {one.narrow_row for one in found.values()} == set(range(len(found)))
    children = [found[of(FLOOR1)].wide_row, found[of(FLOOR2)].wide_row]
    assert found[of(CORE)].wide_row == sum(children) / 2


def test_loops_islands_and_nothing() -> None:
    """A ring is cut once, what hangs on nothing has a row of its own, an empty school is empty."""
    ring = Topology(
        devices=tuple(map(device, "abcd")), links=(link("a", "b"), link("b", "c"), link("a", "c"))
    )
    found = layout(ring)
    assert len(found.places) == 4
    assert len(found.tree) == 2
    assert found.places["hand:d"].column == 0
    assert layout(Topology()).places == {}
    gone = replace(ring, wan=End("hand:z", "p"))
    assert WAN not in layout(gone).places


def test_a_deep_chain_is_no_recursion() -> None:
    """2,000 devices in a row."""
    names = [f"n{place}" for place in range(2000)]
    chain = Topology(
        devices=tuple(map(device, names)),
        links=tuple(link(a, b) for a, b in pairwise(names)),
    )
    assert len(layout(chain).places) == 2000
