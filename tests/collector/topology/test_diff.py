"""What changed from week to week, what is kept for that, and the facts a network gives."""

import itertools
from dataclasses import replace
from typing import Any

from collector.topology import edits as edit
from collector.topology.assemble import assemble
from collector.topology.diff import Kind, diff
from collector.topology.document import from_document, to_document
from collector.topology.edits import Edits
from collector.topology.facts import topology_facts
from collector.topology.model import End, Source, Topology
from tests.collector.topology.school import (
    CORE,
    FLOOR1,
    ROUTER,
    of,
    port,
    report,
    sees,
    with_lldp,
    without_lldp,
)


def changed(**values: Any) -> Topology:
    """The school with another report of its core switch."""
    told = with_lldp()
    told[1] = replace(told[1], values={**told[1].values, **values})
    return assemble(told)


def test_what_changed_from_week_to_week() -> None:
    """Each kind, named; the same twice is nothing."""
    before = assemble(with_lldp())
    assert diff(before, before) == []
    other = diff(before, changed(model="S48"))
    assert [(one.kind, one.device) for one in other] == [(Kind.REPLACED, "core")]
    told = with_lldp()
    told[0] = replace(told[0], values={**told[0].values, "firmware": "2.0"})
    told[1] = replace(
        told[1],
        values={
            **told[1].values,
            "ports": [port("p1", 100_000_000), port("p2"), port("p9", 100_000_000)],
            "neighbours": [
                sees("p1", "rt", "lan1", roles="router"), sees("p2", "floor1", "u1"),
                sees("p9", "floor2", "u1"),
            ],
        },
    )  # fmt: skip
    told[3] = replace(told[3], values={**told[3].values, "neighbours": [sees("u1", "core", "p9")]})
    found = {one.kind: one for one in diff(before, assemble(told))}
    assert (found[Kind.FIRMWARE].before, found[Kind.FIRMWARE].after) == ("1.0", "2.0")
    assert (found[Kind.SPEED].before, found[Kind.SPEED].after) == ("1000000000", "100000000")
    assert (found[Kind.MOVED].before, found[Kind.MOVED].after) == ("p3 - u1", "p9 - u1")


def test_a_device_that_is_only_named_any_more_is_still_there() -> None:
    """It answers no more, but its neighbour sees it: nothing vanished, and nothing came back."""
    before, fewer = assemble(with_lldp()), assemble(with_lldp()[:3])
    assert [one.source for one in fewer.devices if one.name == "floor2"] == [Source.SEEN]
    assert diff(before, fewer) == []
    assert diff(fewer, before) == []


def test_devices_that_come_and_go_and_a_place_that_moves() -> None:
    """With their links."""
    before = assemble(with_lldp())
    fewer = [replace(one) for one in with_lldp()[:2]]
    fewer[1] = replace(
        fewer[1], values={**fewer[1].values, "neighbours": [], "appliance_port": "p1"}
    )
    after = assemble(fewer)
    kinds = [one.kind for one in diff(before, after)]
    assert kinds.count(Kind.VANISHED) == 3
    assert kinds.count(Kind.LINK_VANISHED) == 3
    assert Kind.AGENT_MOVED in kinds
    back = [one.kind for one in diff(after, before)]
    assert back.count(Kind.APPEARED) == 3
    assert back.count(Kind.LINK_APPEARED) == 3


def test_a_document_holds_everything_that_a_comparison_needs() -> None:
    """Written and read back; the short form compares equal."""
    found = assemble(with_lldp())
    assert from_document(to_document(found)) == found
    short = from_document(to_document(found, ports=False))
    assert diff(short, found) == diff(found, short) == []


def test_facts_that_the_network_gives() -> None:
    """Least speed on the path, duplex, the WAN's speed, access points."""
    assert topology_facts(assemble(with_lldp())) == {
        "router.wan_port_speed_bps": 1e10,
        "core_switch.port_speed_bps": 1e8,
        "core_switch.duplex": "half",
        "floor_switch.uplink_speed_bps": 1e8,
        "access_point.count": 1.0,
    }
    assert topology_facts(assemble([])) == {}
    without = topology_facts(assemble(without_lldp()))
    assert without["floor_switch.uplink_speed_bps"] == 1e8


def test_a_persons_word_is_no_measured_fact() -> None:
    """A link by hand with a speed gives none; nor does a speed by hand on a measured link."""
    told = [replace(one, values={**one.values, "ports": []}) for one in with_lldp()]
    made = Edits()
    for one, other in itertools.pairwise((ROUTER, CORE, FLOOR1)):
        made = edit.set_link(
            made, End(of(one)), End(of(other)), {"speed_bps": "10000000", "duplex": "half"}
        )
    assert topology_facts(assemble(told, made)) == {"access_point.count": 1.0}


def test_a_controller_knows_its_access_points_better() -> None:
    """So the network says nothing of their number."""
    told = [*with_lldp(), report("192.0.2.9", "wlc", role="controller", access_points_count=20)]
    assert "access_point.count" not in topology_facts(assemble(told))
