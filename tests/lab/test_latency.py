"""Latency between real hosts: exact loss, every way not to answer, with and without privilege."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import probing
from tests.lab.netns import Host, Link, chain
from tests.lab.probing import NO_PRIVILEGE, need

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(180)]

OPEN, CLOSED = "0 65534", "1 0"
SERVER_6 = "fd77:1::2"


@pytest.fixture(scope="module")
def built() -> Iterator[list[Host]]:
    """Client, router and server in a row, IPv4 and IPv6."""
    need("iptables", "iptables")
    with chain([Link(), Link()]) as hosts:
        client, router, server = hosts
        router.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        # Linux sends at most one ICMP error of most kinds a second to one host otherwise.
        for host in hosts:
            host.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        for host, device, address in (
            (client, "far0", "fd77:0::1/64"),
            (router, "near0", "fd77:0::2/64"),
            (router, "far1", "fd77:1::1/64"),
            (server, "near1", f"{SERVER_6}/64"),
        ):
            host.run("ip", "address", "add", address, "dev", device, "nodad")
        client.run("ip", "route", "add", "fd77:1::/64", "via", "fd77:0::2")
        server.run("ip", "route", "add", "fd77:0::/64", "via", "fd77:1::1")
        yield hosts


@pytest.fixture
def hosts(built: list[Host]) -> list[Host]:
    """Give the hosts without the filters of the test before, the unprivileged socket open."""
    for host in built:
        host.run("iptables", "-F")
        host.run("ip6tables", "-F")
    permit(built[0], OPEN)
    return built


def permit(client: Host, groups: str) -> None:
    """Set which groups may open the datagram ICMP socket."""
    client.run("sysctl", "-qw", f"net.ipv4.ping_group_range={groups}")


def measured(client: Host, target: str, *options: str, prefix: tuple[str, ...] = ()) -> Any:
    """What the client finds."""
    often = ("--interval-seconds", "0.1")
    return probing.measured(client, "latency", target, *often, *options, prefix=prefix)


def drop_every(host: Host, every: int, version: int) -> None:
    """Drop the first, and then every ``every``-th echo request that ``host`` gets."""
    table, protocol, flag = {
        4: ("iptables", "icmp", "--icmp-type"),
        6: ("ip6tables", "icmpv6", "--icmpv6-type"),
    }[version]
    host.run(
        table, "-A", "INPUT", "-p", protocol, flag, "echo-request",
        "-m", "statistic", "--mode", "nth", "--every", str(every), "--packet", "0", "-j", "DROP",
    )  # fmt: skip


@pytest.mark.parametrize(("groups", "kind"), [(OPEN, "datagram"), (CLOSED, "raw")])
@pytest.mark.parametrize("version", [4, 6])
def test_loss_is_exact(hosts: list[Host], version: int, groups: str, kind: str) -> None:
    """Where every fourth request is dropped, 12 requests lose 3: over both sockets and families."""
    client, _, server = hosts
    permit(client, groups)
    drop_every(server, 4, version)
    target = server.address if version == 4 else SERVER_6
    result = measured(client, target, "--count", "12", "--timeout-seconds", "2")
    assert result["outcome"] == "ok", result["failure"]
    values, context = result["values"], result["context"]
    assert (values["sent_count"], values["received_count"]) == (12, 9)
    assert values["loss_ratio"] == 0.25
    assert values["duplicate_count"] == values["late_count"] == values["reordered_count"] == 0
    assert 0 < values["rtt_min_seconds"] <= values["rtt_median_seconds"] < 1
    assert (context["socket_kind"], context["address_family"]) == (kind, f"ipv{version}")


@pytest.mark.parametrize("groups", [OPEN, CLOSED])
def test_a_black_hole_is_no_reply(hosts: list[Host], groups: str) -> None:
    """A filter that drops in silence gives NO_REPLY with what was sent, no loss ratio."""
    client, _, server = hosts
    permit(client, groups)
    server.run("iptables", "-A", "INPUT", "-p", "icmp", "-j", "DROP")
    result = measured(client, server.address, "--count", "3", "--timeout-seconds", "1")
    assert (result["outcome"], result["failure"]["code"]) == ("failed", "no_reply")
    assert result["values"] == {"sent_count": 3}


@pytest.mark.parametrize("groups", [OPEN, CLOSED])
@pytest.mark.parametrize(
    ("version", "how", "code", "words"),
    [
        (4, "icmp-net-unreachable", "network_unreachable", "network unreachable"),
        (4, "icmp-host-unreachable", "host_unreachable", "host unreachable"),
        (4, "icmp-admin-prohibited", "host_unreachable", "prohibited by a filter"),
        (6, "icmp6-no-route", "network_unreachable", "no route"),
        (6, "icmp6-adm-prohibited", "host_unreachable", "prohibited by a filter"),
    ],
)
def test_what_a_router_says_is_the_failure(
    hosts: list[Host], version: int, how: str, code: str, words: str, groups: str
) -> None:
    """An error from the way is named with its reporter, over both kinds of socket."""
    client, router, server = hosts
    permit(client, groups)
    table = "iptables" if version == 4 else "ip6tables"
    router.run(table, "-A", "FORWARD", "-j", "REJECT", "--reject-with", how)
    target, reporter = {4: (server.address, router.address), 6: (SERVER_6, "fd77::2")}[version]
    result = measured(client, target, "--count", "3", "--timeout-seconds", "5")
    assert result["failure"]["code"] == code
    assert result["failure"]["text"].startswith(words)
    assert f"reported by {reporter} (3 of 3 requests)" in result["failure"]["text"]
    assert result["duration_seconds"] < 5  # an answer is not waited for once there is an error


def test_errors_on_the_way_do_not_stop_the_train(hosts: list[Host]) -> None:
    """After an ICMP error the next request is still sent: half refused is half received."""
    client, router, server = hosts
    router.run(
        "iptables", "-A", "FORWARD", "-p", "icmp", "--icmp-type", "echo-request",
        "-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0",
        "-j", "REJECT", "--reject-with", "icmp-host-unreachable",
    )  # fmt: skip
    result = measured(client, server.address, "--count", "8", "--timeout-seconds", "2")
    assert (result["values"]["sent_count"], result["values"]["loss_ratio"]) == (8, 0.5)
    assert result["context"]["host_unreachable_count"] == 4


def test_a_host_that_is_not_there_is_unreachable(hosts: list[Host]) -> None:
    """Nobody answers ARP: this machine's own kernel says so, after its three tries."""
    result = measured(hosts[0], "10.99.0.77", "--count", "3", "--timeout-seconds", "8")
    assert result["failure"]["code"] == "host_unreachable"


@pytest.mark.parametrize("target", ["192.0.2.1", "2001:db8::1"])
def test_without_a_route_the_network_is_unreachable(hosts: list[Host], target: str) -> None:
    """No packet leaves, and the failure names the address that has no route."""
    result = measured(hosts[0], target, "--count", "3")
    assert (result["failure"]["code"], result["failure"]["operation"]) == (
        "network_unreachable",
        "connect",
    )
    assert target in result["failure"]["text"]


def test_a_routing_loop_is_told_from_silence(hosts: list[Host]) -> None:
    """Time exceeded is HOST_UNREACHABLE with the words that point at the loop."""
    client, router, server = hosts
    client.run("ip", "route", "add", "10.99.9.0/24", "via", router.address)
    router.run("ip", "route", "add", "10.99.9.0/24", "via", server.address)
    server.run("ip", "route", "add", "10.99.9.0/24", "via", "10.99.1.1")
    result = measured(client, "10.99.9.9", "--count", "3", "--timeout-seconds", "2")
    assert result["failure"]["code"] == "host_unreachable"
    assert "routing loop" in result["failure"]["text"]


@pytest.mark.parametrize("target", ["127.0.0.1", "::1"])
def test_no_privilege_is_needed_where_the_group_is_permitted(
    hosts: list[Host], target: str
) -> None:
    """Without a single capability the datagram socket measures, IPv4 and IPv6."""
    result = measured(hosts[0], target, "--count", "3", prefix=NO_PRIVILEGE)
    assert result["outcome"] == "ok", result["failure"]
    assert result["context"]["socket_kind"] == "datagram"


@pytest.mark.parametrize("target", ["127.0.0.1", "::1"])
def test_without_group_and_privilege_the_failure_says_what_to_do(
    hosts: list[Host], target: str
) -> None:
    """Both sockets refused: PERMISSION_DENIED, with the sysctl and the capability by name."""
    client = hosts[0]
    permit(client, CLOSED)
    result = measured(client, target, "--count", "3", prefix=NO_PRIVILEGE)
    assert result["failure"]["code"] == "permission_denied"
    assert "net.ipv4.ping_group_range" in result["failure"]["text"]
    assert "CAP_NET_RAW" in result["failure"]["text"]


def test_a_local_filter_is_not_blamed_on_the_network(hosts: list[Host]) -> None:
    """A firewall of this machine that forbids sending is its own failure, in words."""
    client, _, server = hosts
    client.run("iptables", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP")
    result = measured(client, server.address, "--count", "3", "--timeout-seconds", "1")
    assert (result["failure"]["code"], result["failure"]["operation"]) == (
        "permission_denied",
        "send",
    )
    assert "not sent by this machine" in result["failure"]["text"]
