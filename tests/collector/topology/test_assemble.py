"""From reports to a network: links once, ends compared, forwarding only where it proves."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from collector.topology.assemble import assemble
from collector.topology.document import from_document, to_document
from collector.topology.model import Attached, End, How, Link, Role, Source, Topology
from collector.topology.report import Report
from tests.collector.topology.school import (
    CORE,
    FLOOR1,
    FLOOR2,
    ROUTER,
    behind,
    of,
    port,
    report,
    sees,
    with_lldp,
    without_lldp,
)


def ends(topology: Topology) -> set[frozenset[tuple[str, str]]]:
    """Every link as the set of its ends."""
    return {
        frozenset(((one.a.device, one.a.port), (one.b.device, one.b.port)))
        for one in topology.links
    }


def pair(one: str, one_port: str, other: str, other_port: str) -> frozenset[tuple[str, str]]:
    """A link's ends."""
    return frozenset(((of(one), one_port), (of(other), other_port)))


WIRED = {
    pair(ROUTER, "lan1", CORE, "p1"),
    pair(CORE, "p2", FLOOR1, "u1"),
    pair(CORE, "p3", FLOOR2, "u1"),
}


def test_a_school_where_everybody_speaks_lldp() -> None:
    """Each link once, told by both; roles, WAN and the place of the appliance."""
    found = assemble(with_lldp())
    access_point = f"seen:ap-1@{of(FLOOR1)}/p7"
    assert ends(found) == {
        *WIRED,
        frozenset(((of(FLOOR1), "p7"), (access_point, "eth0"))),
    }
    assert all(link.how == (How.LLDP,) for link in found.links)
    both = [link for link in found.links if len(link.told_by) == 2]
    assert len(both) == 3
    assert {one.id: one.role for one in found.devices} == {
        of(ROUTER): Role.ROUTER, of(CORE): Role.SWITCH, of(FLOOR1): Role.SWITCH,
        of(FLOOR2): Role.SWITCH, access_point: Role.ACCESS_POINT,
    }  # fmt: skip
    assert [one.source for one in found.devices].count(Source.SEEN) == 1
    assert found.agent == Attached(end=End(of(FLOOR1), "p8"))
    assert found.wan == End(of(ROUTER), "wan0")


def test_two_ends_that_say_different_things() -> None:
    """Half against full, and what the link then carries."""
    link = next(one for one in assemble(with_lldp()).links if one.joins(of(CORE), of(FLOOR2)))
    assert link.contradictions == ("duplex",)
    assert (link.duplex, link.speed_bps) == ("half", 100_000_000)
    agreed = next(one for one in assemble(with_lldp()).links if one.joins(of(CORE), of(FLOOR1)))
    assert agreed.contradictions == ()
    slow = replace(link, a_speed_bps=10, b_speed_bps=100, a_duplex=None)
    assert slow.contradictions == ("speed",)


def test_a_school_where_nobody_does() -> None:
    """Forwarding tables prove the same links between switches, and where the appliance is."""
    found = assemble(without_lldp())
    assert ends(found) == {
        pair(ROUTER, "", CORE, "p1"),
        pair(CORE, "p2", FLOOR1, "u1"),
        pair(CORE, "p3", FLOOR2, "u1"),
    }
    assert all(link.how == (How.FORWARDING,) for link in found.links)
    assert found.agent == Attached(end=End(of(FLOOR1), "p8"))


@pytest.mark.parametrize("silent", [CORE, FLOOR1, FLOOR2])
def test_what_a_silent_table_could_hide_is_not_said(silent: str) -> None:
    """One switch does not tell where the others are: no link that it might lie on."""
    told = [
        replace(one, values={k: v for k, v in one.values.items() if k == "system_name"})
        if one.target == silent
        else one
        for one in without_lldp()
    ]
    found = assemble(told).links
    wired = {frozenset(device for device, _ in one) for one in WIRED}
    assert {frozenset((link.a.device, link.b.device)) for link in found} <= wired
    if silent == CORE:
        assert found == ()


def test_two_that_tell_nothing_on_one_port_may_stand_behind_each_other() -> None:
    """So neither is linked, and an appliance there has no certain place."""
    both = behind(floor1="p1", floor2="p1")
    told = [
        report(CORE, "core", device_ports=both, appliance_port="p1"),
        report(FLOOR1, "a"),
        report(FLOOR2, "b"),
    ]
    found = assemble(told)
    assert (found.links, found.agent) == ((), None)
    one = assemble([report(CORE, "core", device_ports=both[:1]), report(FLOOR1, "a")])
    assert ends(one) == {pair(CORE, "p1", FLOOR1, "")}


def test_tables_of_different_times_prove_nothing() -> None:
    """The tree may have been another."""
    told = without_lldp()
    told[1] = replace(told[1], started_at=told[1].started_at - timedelta(days=1))  # type: ignore[operator]
    assert not [link for link in assemble(told).links if of(CORE) in (link.a.device, link.b.device)]


def trees(seed: int) -> tuple[list[Report], set[frozenset[tuple[str, str]]]]:
    """A random tree of switches with their true tables, some entries missing; the true links."""
    random = Random(seed)
    count = random.randint(2, 9)
    parent = {number: random.randrange(number) for number in range(1, count)}
    edges = {frozenset(one) for one in parent.items()}
    name = [f"198.51.100.{number}" for number in range(count)]

    def first(here: int, there: int) -> int:
        """The neighbour of ``here`` towards ``there``."""
        for near in range(count):
            if frozenset((here, near)) in edges and there in side(near, here):
                return near
        raise AssertionError

    def side(start: int, without: int) -> set[int]:
        found, waiting = {start}, [start]
        while waiting:
            at = waiting.pop()
            for near in range(count):
                if near not in found and near != without and frozenset((at, near)) in edges:
                    found.add(near)
                    waiting.append(near)
        return found

    keep = random.choice((1.0, 0.95, 0.7))
    told = [
        report(
            name[here], f"s{here}",
            device_ports=[
                {"device": name[there], "port": f"to{first(here, there)}"}
                for there in range(count)
                if there != here and random.random() < keep
            ],
        )
        for here in range(count)
    ]  # fmt: skip
    wired = {
        frozenset(((of(name[a]), f"to{b}"), (of(name[b]), f"to{a}")))
        for a, b in (sorted(one) for one in edges)
    }
    return told, wired


def test_forwarding_never_makes_up_a_link() -> None:
    """300 random trees: with whole tables every link is found, with holes none that is wrong."""
    whole = 0
    for seed in range(300):
        told, wired = trees(seed)
        found = ends(assemble(told))
        complete = all(len(one.device_ports()) == len(told) - 1 for one in told)
        linked = {one for one in found if all(port for _, port in one)}
        assert linked <= wired
        if complete:
            whole += 1
            assert found == wired
    assert whole > 80


def test_a_link_by_lldp_keeps_forwarding_from_its_port() -> None:
    """Between core and floor 2 stands a switch that only LLDP tells of."""
    told = without_lldp()
    told[1] = replace(told[1], values={**told[1].values, "neighbours": [sees("p3", "middle", "1")]})
    found = assemble(told)
    assert not [link for link in found.links if link.joins(of(CORE), of(FLOOR2))]


def test_the_appliance_behind_a_switch_that_is_not_asked() -> None:
    """Said so: on the port, behind the device that LLDP names there."""
    told = with_lldp()
    values = {**told[2].values, "appliance_port": "p7"}
    told[2] = replace(told[2], values=values)
    agent = assemble(told).agent
    assert agent is not None
    assert (agent.end.port, agent.behind) == ("p7", f"seen:ap-1@{of(FLOOR1)}/p7")


def test_several_neighbours_on_one_port_share_it() -> None:
    """A dumb switch lies between; each is linked, and marked."""
    found = assemble(
        [report(CORE, "core", ports=[port("p1")], neighbours=[sees("p1", "x"), sees("p1", "y")])]
    )
    assert len(found.links) == 2
    assert all(link.shared for link in found.links)


def test_devices_of_one_name() -> None:
    """Who names back is meant; where nobody does, the name is a device of its own."""
    told = [
        report(CORE, "core", neighbours=[sees("p1", "Switch", "u1"), sees("p2", "Switch", "u9")]),
        report(FLOOR1, "Switch", neighbours=[sees("u1", "core", "p1")]),
        report(FLOOR2, "Switch"),
    ]
    found = assemble(told)
    assert pair(CORE, "p1", FLOOR1, "u1") in ends(found)
    assert [one.id for one in found.devices if one.source is Source.SEEN] == ["seen:switch"]


def test_access_points_of_one_name_are_several() -> None:
    """Each on its port; a bridge of one name seen from two sides is one."""
    roles = "bridge access_point"
    told = [
        report(CORE, "core", neighbours=[sees(f"p{n}", "AP", roles=roles) for n in range(3)]),
        report(FLOOR1, "floor1", neighbours=[sees("p1", "middle")]),
        report(FLOOR2, "floor2", neighbours=[sees("p1", "middle")]),
    ]
    found = assemble(told)
    seen = [one for one in found.devices if one.source is Source.SEEN]
    assert [one.role for one in seen].count(Role.ACCESS_POINT) == 3
    assert len(seen) == 4


def test_two_cables_between_two_switches_are_two_links() -> None:
    """By the ports that each names; a loop in the graph ends nothing."""
    told = [
        report(CORE, "core", neighbours=[sees("p1", "floor1", "u1"), sees("p2", "floor1", "u2")]),
        report(FLOOR1, "floor1", neighbours=[sees("u1", "core", "p1"), sees("u2", "core", "p2")]),
    ]
    assert ends(assemble(told)) == {
        pair(CORE, "p1", FLOOR1, "u1"),
        pair(CORE, "p2", FLOOR1, "u2"),
    }


def test_a_loop_in_the_graph_of_neighbours() -> None:
    """A ring of three, and one that hears itself: all links, no place that could be wrong."""
    told = [
        report(CORE, "core", neighbours=[sees("p1", "floor1", "u1"), sees("p2", "floor2", "u1")],
               appliance_port="p1"),
        report(FLOOR1, "floor1", neighbours=[sees("u1", "core", "p1"), sees("u2", "floor2", "u2")],
               appliance_port="u2"),
        report(FLOOR2, "floor2", neighbours=[sees("u1", "core", "p2"), sees("u2", "floor1", "u2"),
                                             sees("u5", "floor2", "u6")], appliance_port="p9"),
    ]  # fmt: skip
    found = assemble(told)
    assert len(found.links) == 3
    assert found.agent == Attached(end=End(of(FLOOR2), "p9"))


def test_ports_that_are_called_differently_at_their_two_ends() -> None:
    """``GigabitEthernet0/1`` is ``Gi0/1``; a description is the alias of a port."""
    told = [
        report(CORE, "core", ports=[port("Gi0/1"), port("Gi0/2", alias="to floor 2")],
               neighbours=[sees("Gi0/1", "floor1", "port 1")]),
        report(FLOOR1, "floor1", ports=[port("1")],
               neighbours=[sees("1", "core", "GigabitEthernet 0/1")]),
        report(FLOOR2, "floor2", neighbours=[sees("u1", "core", "to floor 2")]),
    ]  # fmt: skip
    assert ends(assemble(told)) == {
        pair(CORE, "Gi0/1", FLOOR1, "1"),
        pair(CORE, "Gi0/2", FLOOR2, "u1"),
    }


@pytest.mark.parametrize(
    "values",
    [
        {"ports": 7, "neighbours": {"port": "x"}, "device_ports": "no", "wan_port": ["x"]},
        {"ports": [None, 1, {"port": 5}, {"port": "a", "speed_bps": True, "duplex": 3}]},
        {"neighbours": [{"port": "p", "name": 5, "roles": 7, "protocol": []}]},
        {"device_ports": [{"device": 5, "port": "x"}, {"device": "x"}]},
        {"appliance_port": 9, "role": ["router"], "system_name": {"a": 1}},
        {"ports": [{"port": "p", "in_bps": float("inf"), "errors_count": -1}]},
    ],
)
def test_reports_of_another_shape_end_nothing(values: dict[str, Any]) -> None:
    """What is not of its type is not known."""
    found = assemble([report(CORE, "core", **values)])
    assert found.device(of(CORE)) is not None
    assert from_document(to_document(found)) == found


def test_a_hostile_name_is_one_line_and_nothing_else() -> None:
    """Direction marks, escapes and controls are gone; the rest is text, bounded."""
    name = "\u202e<script>\x1b[31m\x00=cmd\n" + "A" * 500
    found = assemble([report(CORE, "core", neighbours=[sees("p1", name, name)])])
    seen = next(one for one in found.devices if one.source is Source.SEEN)
    assert seen.name.startswith("<script>[31m=cmd A")
    assert len(seen.name) == 100


def test_two_routers() -> None:
    """The WAN is that of the one whose way out does not lead to the other; else none is named."""
    told = [
        report(ROUTER, "utm", role="firewall", wan_port="w", neighbours=[]),
        report(CORE, "inner", role="router", wan_port="u",
               neighbours=[sees("u", "utm", "l", roles="router")]),
    ]  # fmt: skip
    assert assemble(told).wan == End(of(ROUTER), "w")
    told[1] = report(CORE, "inner", role="router", wan_port="u")
    assert assemble(told).wan is None


def test_a_thousand_ports_and_a_full_house_stay_quick() -> None:
    """64 devices that all see each other, with 130 ports each."""
    names = [f"192.0.2.{number}" for number in range(64)]
    told = [
        report(
            one, f"s{number}", role="switch", ports_left_off_count=870,
            ports=[port(f"p{at}") for at in range(130)],
            neighbours=[sees(f"p{at}", f"s{at}", f"p{number}") for at in range(64)],
            device_ports=[{"device": other, "port": f"p{at}"} for at, other in enumerate(names)],
        )
        for number, one in enumerate(names)
    ]  # fmt: skip
    found = assemble(told)
    assert len(found.links) == 64 * 63 / 2
    assert found.ports_left_off_count == 64 * 870
    assert len(found.ports) == 64 * 130


def test_links_have_two_ends_in_order() -> None:
    """Whichever told first."""
    for link in assemble(with_lldp()).links:
        assert link.a < link.b
    assert isinstance(assemble(with_lldp()).links[0], Link)
    assert behind(core="x") == [{"device": CORE, "port": "x"}]
