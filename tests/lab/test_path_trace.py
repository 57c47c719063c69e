"""Traceroute through real routers: exact hops, equal-cost branches, changes, every way to end."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import probing
from tests.lab.netns import Chain, Host, Link, chain
from tests.lab.probing import NO_PRIVILEGE, need

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(180)]

FAST = ("--timeout-seconds", "0.5", "--interval-seconds", "0.01")
ROUTERS = {
    4: ["10.99.0.2", "10.99.1.2", "10.99.2.2", "10.99.3.2"],
    6: ["fd99:0:0:0::2", "fd99:0:0:1::2", "fd99:0:0:2::2", "fd99:0:0:3::2"],
}


@pytest.fixture(scope="module")
def built() -> Iterator[Chain]:
    """Client, three routers and a server; a fourth router beside the middle one, not in use."""
    need("iptables", "iptables")
    with chain([Link(), Link(), Link(), Link()]) as hosts:
        beside = Host(f"{hosts[0].name}x", "10.98.0.2", "fd98::2")
        subprocess.run(["ip", "netns", "add", beside.name], check=True)
        try:
            join_beside(hosts, beside)
            for host in (*hosts, beside):
                # Linux sends one ICMP error a second to one host otherwise.
                host.run(
                    "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
                    "net.ipv4.icmp_errors_use_inbound_ifaddr=1",
                    "net.ipv4.fib_multipath_hash_policy=1",
                    "net.ipv6.fib_multipath_hash_policy=1",
                )  # fmt: skip
            yield hosts
        finally:
            subprocess.run(["ip", "netns", "del", beside.name], check=True)


def join_beside(hosts: Chain, beside: Host) -> None:
    """Give the second way from the first router to the third: beside the second."""
    name = beside.name
    beside.run(
        "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
        "net.ipv6.conf.default.accept_dad=0",
    )  # fmt: skip
    for router, device, net in ((hosts[1], "west", 0), (hosts[3], "east", 1)):
        subprocess.run(
            ["ip", "link", "add", device, "netns", router.name, "type", "veth",
             "peer", "name", device, "netns", name], check=True,
        )  # fmt: skip
        for host, last in ((router, 1), (beside, 2)):
            host.run("ip", "link", "set", device, "up")
            host.run("ip", "address", "add", f"10.98.{net}.{last}/24", "dev", device)
            host.run("ip", "address", "add", f"fd98:0:0:{net}::{last}/64", "dev", device, "nodad")
    for family, far, near, east, west in (
        ("-4", "10.99.3.0/24", "10.99.0.0/24", "10.98.1.1", "10.98.0.1"),
        ("-6", "fd99:0:0:3::/64", "fd99::/64", "fd98:0:0:1::1", "fd98::1"),
    ):
        beside.run("ip", family, "route", "add", far, "via", east)
        beside.run("ip", family, "route", "add", near, "via", west)


@pytest.fixture
def hosts(built: Chain) -> Chain:
    """Give the hosts without the filters and routes of the test before."""
    for host in built:
        for table in ("iptables", "ip6tables"):
            host.run(table, "-F")
    way(built, "middle")
    return built


def way(hosts: Chain, which: str) -> None:
    """Lead the first router's traffic to the server through the middle, beside it, or both."""
    for family, network, middle, beside in (
        ("-4", "10.99.3.0/24", "10.99.1.2", "10.98.0.2"),
        ("-6", "fd99:0:0:3::/64", "fd99:0:0:1::2", "fd98::2"),
    ):
        hosts[1].run("ip", family, "route", "del", network, check=False)
        hops = {"middle": (middle,), "beside": (beside,), "both": (middle, beside)}[which]
        words = ["via", hops[0]]
        if len(hops) > 1:
            words = [word for hop in hops for word in ("nexthop", "via", hop)]
        hosts[1].run("ip", family, "route", "add", network, *words)


def traced(client: Host, target: str, *options: str, prefix: tuple[str, ...] = ()) -> Any:
    """What the client finds."""
    return probing.measured(client, "traceroute", target, *FAST, *options, prefix=prefix)


def addresses(result: Any) -> list[str | None]:
    """Addresses of the hops, None where one is silent."""
    return [hop.get("address") for hop in result["values"]["hops"]]


@pytest.mark.parametrize("version", [4, 6])
def test_three_protocols_and_two_methods_see_the_same_hops(hosts: Chain, version: int) -> None:
    """Every router by its address in order, the destination last, one fingerprint for all."""
    expected = [str(address).replace(":0:0:0::", "::") for address in ROUTERS[version]]
    server = hosts[4].address if version == 4 else hosts[4].address6
    prints = set()
    for method, protocol, reply in (
        ("packets", "icmp", "echo_reply"),
        ("packets", "udp", "unreachable"),
        ("packets", "tcp", "tcp_reset"),
        ("sockets", "icmp", "echo_reply"),
        ("sockets", "udp", "unreachable"),
    ):
        result = traced(
            hosts[0], server, "--protocol", protocol, "--method", method, "--flows", "1"
        )
        assert result["outcome"] == "ok", (method, protocol, result["failure"])
        values = result["values"]
        assert addresses(result) == expected, (method, protocol)
        assert (values["hop_count"], values["stop_reason"]) == (4, "reached")
        assert values["destination_reached"] is True
        assert values["hops"][3]["reply"] == reply
        assert [hop["received_count"] for hop in values["hops"]] == [3] * 4
        assert all(0 < hop["rtt_min_seconds"] < 0.5 for hop in values["hops"])
        assert "load_balanced" not in values
        prints.add(values["path_fingerprint"])
    assert len(prints) == 1


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_equal_cost_branches_are_recognised(hosts: Chain, version: int, protocol: str) -> None:
    """Two routers at the second hop, told apart by flow; the main flow stays on one of them."""
    way(hosts, "both")
    server = hosts[4].address if version == 4 else hosts[4].address6
    result = traced(hosts[0], server, "--protocol", protocol, "--flows", "16")
    values = result["values"]
    # the third hop is one router with a link from each branch, and answers from either
    assert (values["load_balanced"], values["branching_hop_count"]) == (True, 2)
    seen = [
        {hop["address"], *(other["address"] for other in hop.get("others", []))}
        for hop in values["hops"]
    ]
    assert seen == [
        {"10.99.0.2" if version == 4 else "fd99::2"},
        {"10.99.1.2", "10.98.0.2"} if version == 4 else {"fd99:0:0:1::2", "fd98::2"},
        {"10.99.2.2", "10.98.1.1"} if version == 4 else {"fd99:0:0:2::2", "fd98:0:0:1::1"},
        {server},
    ]
    assert [hop["received_count"] for hop in values["hops"]] == [3] * 4


def test_a_constant_flow_is_not_torn_by_load_balancing(hosts: Chain) -> None:
    """Every probe of one flow takes the same branch: 10 of 10 from the same router."""
    way(hosts, "both")
    for protocol in ("udp", "tcp", "icmp"):
        options = ("--protocol", protocol, "--flows", "1", "--queries", "10")
        result = traced(hosts[0], hosts[4].address, *options)
        second = result["values"]["hops"][1]
        assert (second["received_count"], "others" in second) == (10, False), protocol


def test_one_path_is_not_called_balanced(hosts: Chain) -> None:
    """Without branches every flow sees the same hops."""
    result = traced(hosts[0], hosts[4].address, "--protocol", "udp")
    assert result["values"]["load_balanced"] is False


def test_a_change_of_the_path_changes_the_fingerprint(hosts: Chain) -> None:
    """The same before and before, another after another router took over."""
    first, again = (traced(hosts[0], hosts[4].address, "--flows", "1") for _ in range(2))
    way(hosts, "beside")
    changed = traced(hosts[0], hosts[4].address, "--flows", "1")
    prints = [result["values"]["path_fingerprint"] for result in (first, again, changed)]
    assert prints[0] == prints[1] != prints[2]
    assert addresses(changed)[1] == "10.98.0.2"


def test_a_silent_router_is_a_gap_and_no_loss(hosts: Chain) -> None:
    """A router that sends no ICMP leaves a hop without address, loss or round trip."""
    hosts[2].run("iptables", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP")
    values = traced(hosts[0], hosts[4].address, "--flows", "1")["values"]
    assert values["hops"][1] == {"hop_count": 2, "sent_count": 3, "received_count": 0}
    assert (values["silent_hop_count"], values["hop_count"], values["loss_ratio"]) == (1, 4, 0.0)


@pytest.mark.parametrize("method", ["packets", "sockets"])
@pytest.mark.parametrize(
    ("reject", "mark", "code"),
    [
        ("icmp-host-unreachable", "!H", "host_unreachable"),
        ("icmp-net-unreachable", "!N", "network_unreachable"),
        ("icmp-admin-prohibited", "!X", "host_unreachable"),
    ],
)
def test_a_refusal_names_who_and_keeps_the_hops(
    hosts: Chain, method: str, reject: str, mark: str, code: str
) -> None:
    """What a router refuses is a failure with its code, mark and address, the hops partial."""
    hosts[3].run("iptables", "-A", "FORWARD", "-p", "udp", "-j", "REJECT", "--reject-with", reject)
    options = ("--protocol", "udp", "--method", method, "--flows", "1")
    result = traced(hosts[0], hosts[4].address, *options)
    assert result["failure"]["code"] == code
    assert f"({mark}), reported by 10.99.2.2 at hop 3" in result["failure"]["text"] or (
        f"({mark}), reported by 10.99.2.2 at hop 4" in result["failure"]["text"]
    )
    assert addresses(result)[:2] == ["10.99.0.2", "10.99.1.2"]
    assert result["values"]["hops"][-1]["mark"] == mark


def test_a_black_hole_ends_in_silence_soon(hosts: Chain) -> None:
    """Everything dropped behind the third router: its hops, and that it was not reached."""
    hosts[4].run("iptables", "-A", "INPUT", "-j", "DROP")
    result = traced(hosts[0], hosts[4].address, "--flows", "1", "--silent-hops", "3")
    values = result["values"]
    assert (values["destination_reached"], values["stop_reason"]) == (False, "silent")
    assert addresses(result) == ["10.99.0.2", "10.99.1.2", "10.99.2.2"]
    assert "loss_ratio" not in values
    assert result["duration_seconds"] < 20


def test_nothing_at_all_is_no_reply(hosts: Chain) -> None:
    """A filter beside this machine that drops all answers gives NO_REPLY and no figure of it."""
    hosts[1].run("iptables", "-A", "FORWARD", "-j", "DROP")
    hosts[1].run("iptables", "-A", "OUTPUT", "-j", "DROP")
    result = traced(hosts[0], hosts[4].address, "--flows", "1", "--silent-hops", "3")
    assert result["failure"]["code"] == "no_reply"
    assert result["values"]["received_count"] == 0
    assert result["values"]["hops"] == []


def test_a_loop_is_named(hosts: Chain) -> None:
    """Two routers that send a packet back and forth are the failure, by their addresses."""
    client, first, second = hosts[0], hosts[1], hosts[2]
    for host, via in ((client, "10.99.0.2"), (first, "10.99.1.2"), (second, "10.99.1.1")):
        host.run("ip", "route", "replace", "10.97.0.0/24", "via", via)
    result = traced(client, "10.97.0.1", "--flows", "1")
    assert result["failure"]["code"] == "host_unreachable"
    assert "routing loop" in result["failure"]["text"]
    assert "10.99.1.2" in result["failure"]["text"]
    assert result["values"]["stop_reason"] == "loop"
    assert len(result["values"]["hops"]) < 30


def test_without_privilege_udp_works_and_says_how(hosts: Chain) -> None:
    """No capability at all: the sockets of the kernel find the same hops."""
    options = ("--protocol", "udp", "--flows", "1")
    result = traced(hosts[0], hosts[4].address, *options, prefix=NO_PRIVILEGE)
    assert result["outcome"] == "ok", result["failure"]
    assert addresses(result) == ROUTERS[4]
    assert "IP_RECVERR" in result["context"]["method"]
    assert "raw sockets" in result["context"]["fallback"]


def test_without_privilege_tcp_says_what_to_do(hosts: Chain) -> None:
    """PERMISSION_DENIED with the capability by name, and what would do instead."""
    result = traced(hosts[0], hosts[4].address, "--protocol", "tcp", prefix=NO_PRIVILEGE)
    assert result["failure"]["code"] == "permission_denied"
    assert "CAP_NET_RAW" in result["failure"]["text"]
    assert "udp" in result["failure"]["text"]


def test_an_open_tcp_port_answers_with_syn_ack(hosts: Chain) -> None:
    """A listening server is told from a closed port, and is left without half-open connections."""
    listening = subprocess.Popen(
        hosts[4].command(
            sys.executable, "-c",
            "import socket; s = socket.create_server(('', 443)); print('up', flush=True); input()",
        ), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert listening.stdout is not None
        listening.stdout.readline()
        result = traced(hosts[0], hosts[4].address, "--protocol", "tcp", "--flows", "1")
        left = hosts[4].run("ss", "-Htn", "state", "syn-recv").stdout
    finally:
        listening.communicate(b"\n", timeout=20)
    assert result["values"]["hops"][3]["reply"] == "tcp_open"
    assert left == ""
