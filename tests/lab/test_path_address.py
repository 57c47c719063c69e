"""Public address through real NATs: translation, mapping, shared ranges, half-broken IPv6."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import probing
from tests.lab.netns import Chain, Link, chain
from tests.lab.probing import narrow, need, running

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(180)]

PORTS = (3478, 3479)


@pytest.fixture(scope="module")
def built() -> Iterator[Chain]:
    """Client, home router, carrier's router and a server with two STUN servers."""
    need("iptables", "iptables")
    with chain([Link(), Link(), Link()]) as hosts, contextlib.ExitStack() as responders:
        for number, (host, port) in enumerate(
            [("0.0.0.0", PORTS[0]), ("0.0.0.0", PORTS[1]), ("[::]", PORTS[0])]
        ):
            listens = ("--listen", f"127.0.0.1:{9000 + number}", "--stun-listen", f"{host}:{port}")
            responders.enter_context(
                running(hosts[3], "STUN on", "-m", "agent.cli", "responder", *listens)
            )
        yield hosts


@pytest.fixture
def hosts(built: Chain) -> Chain:
    """Give the hosts without translation, filters and what they learnt."""
    for host in built:
        for table in ("iptables", "ip6tables"):
            host.run(table, "-F")
            host.run(table, "-t", "nat", "-F")
        host.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
        host.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 65534")
    narrow(built, 1500)
    return built


def measured(hosts: Chain, *options: str, target: str = "") -> Any:
    """What the client is told."""
    where = target or f"{hosts[3].address}:{PORTS[0]}"
    return probing.measured(hosts[0], "public_address", where, "--timeout-seconds", "1", *options)


def translate(hosts: Chain, router: int, *how: str) -> None:
    """Let a router translate what leaves it towards the server."""
    hosts[router].run("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", f"far{router}", *how)


def test_without_translation(hosts: Chain) -> None:
    """The own address comes back, ports kept; IPv6 is not looked for at an IPv4 address."""
    result = measured(hosts)
    values = result["values"]
    assert values["public_ipv4"] == hosts[0].address
    assert (values["ipv4_nat"], values["ipv4_ports_kept"]) == (False, True)
    assert values["path_mtu_bytes"] == 1500
    assert "address_unavailable" in result["context"]["ipv6_failure"]


def test_a_home_router_translates(hosts: Chain) -> None:
    """Its address is seen; one mapping for both servers; the narrow line behind it is hinted at."""
    translate(hosts, 1, "-j", "MASQUERADE")
    narrow(hosts, 1454)
    values = measured(hosts, "--second", f"{hosts[3].address}:{PORTS[1]}")["values"]
    assert (values["public_ipv4"], values["ipv4_nat"]) == ("10.99.1.1", True)
    assert values["ipv4_mapping"] == "endpoint_independent"
    assert values["path_mtu_bytes"] == 1454
    assert "PPPoE" in str(values["hints"])


def test_a_translation_with_random_ports_depends_on_the_endpoint(hosts: Chain) -> None:
    """Another port for another server: the mapping that breaks direct connections."""
    translate(hosts, 1, "-p", "udp", "-j", "MASQUERADE", "--random-fully")
    values = measured(hosts, "--second", f"{hosts[3].address}:{PORTS[1]}")["values"]
    assert values["ipv4_mapping"] == "endpoint_dependent"
    assert values["ipv4_ports_kept"] is False


def test_a_pool_of_addresses_is_counted(hosts: Chain) -> None:
    """A carrier that spreads the sockets of one customer over two addresses."""
    every_other = ("-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0")
    translate(hosts, 2, *every_other, "-j", "SNAT", "--to-source", "198.51.100.1")
    translate(hosts, 2, "-j", "SNAT", "--to-source", "198.51.100.2")
    hosts[3].run("ip", "route", "replace", "198.51.100.0/24", "via", "10.99.2.1")
    values = measured(hosts, "--no-path-mtu")["values"]
    assert values["public_ipv4_count"] == 2
    assert "path_mtu_bytes" not in values


def test_a_small_block_of_ports_is_hinted_at(hosts: Chain) -> None:
    """What a carrier gives one of many customers behind an address."""
    translate(
        hosts, 2, "-p", "udp", "-j", "MASQUERADE", "--to-ports", "5000-5511", "--random-fully"
    )
    values = measured(hosts, "--sockets", "16")["values"]
    assert "one block" in str(values["hints"])


def test_shared_address_space_is_recognised(hosts: Chain) -> None:
    """100.64.0.0/10 as the seen address says that the carrier translates once more."""
    translate(hosts, 2, "-j", "SNAT", "--to-source", "100.64.7.7")
    hosts[3].run("ip", "route", "replace", "100.64.0.0/10", "via", "10.99.2.1")
    values = measured(hosts)["values"]
    assert (values["public_ipv4"], values["shared_address"]) == ("100.64.7.7", True)
    assert "RFC 6598" in str(values["hints"])


@pytest.mark.parametrize("how", ["works", "swallowed", "refused"])
def test_half_broken_ipv6_is_told_beside_ipv4(hosts: Chain, how: str, tmp_path: Path) -> None:
    """A name with both addresses: IPv4 is the result, what IPv6 did stands in the context."""
    names = tmp_path / "hosts"
    names.write_text(f"{hosts[3].address} both.test\n{hosts[3].address6} both.test\n")
    if how == "swallowed":
        hosts[2].run("ip6tables", "-A", "FORWARD", "-j", "DROP")
    if how == "refused":
        reject = ("-j", "REJECT", "--reject-with", "icmp6-adm-prohibited")
        hosts[2].run("ip6tables", "-A", "FORWARD", *reject)
    ended = subprocess.run(
        hosts[0].command(
            "unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(names),
            sys.executable, "-m", "agent.cli", "measure", "public_address",
            "--target", f"both.test:{PORTS[0]}", "--json", "--timeout-seconds", "1",
        ), capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    result = json.loads(ended.stdout)
    assert result["values"]["public_ipv4"] == hosts[0].address
    if how == "works":
        assert result["values"]["public_ipv6"]
        assert result["values"]["ipv6_nat"] is False
        return
    assert "public_ipv6" not in result["values"]
    code = {"swallowed": "no_reply", "refused": "host_unreachable"}[how]
    assert result["context"]["ipv6_failure"].startswith(code)


def test_udp_swallowed_on_the_way_is_no_reply(hosts: Chain) -> None:
    """In bounded time and without an address."""
    hosts[2].run("iptables", "-A", "FORWARD", "-p", "udp", "-j", "DROP")
    result = measured(hosts)
    assert result["failure"]["code"] == "no_reply"
    assert "UDP is filtered" in result["failure"]["text"]
    assert result["values"] == {}
