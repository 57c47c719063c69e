"""Path MTU through real routers: exact to the byte, black holes, lying and silent far ends."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.lab import probing
from tests.lab.netns import Chain, Host, Link, chain
from tests.lab.probing import NO_PRIVILEGE, narrow, need, running, without_filters

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(180)]

PORT = 4443


@pytest.fixture(scope="module")
def built() -> Iterator[Chain]:
    """Client, two routers and a server that runs a responder, IPv4 and IPv6."""
    need("iptables", "iptables")
    with chain([Link(), Link(), Link()]) as hosts, contextlib.ExitStack() as responders:
        for address in ("0.0.0.0", "[::]"):
            listens = ("--listen", f"{address}:{PORT}", "--open")
            responders.enter_context(
                running(hosts[3], "ndt7", "-m", "agent.cli", "responder", *listens)
            )
        yield hosts


@pytest.fixture
def hosts(built: Chain) -> Chain:
    """Give the hosts with full-sized links, without filters and without what they learnt."""
    without_filters(*built)
    for host in built:
        host.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        host.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 65534")
    narrow(built, 1500)
    return built


def silence(router: Host) -> None:
    """Let a router drop its own word about packets that are too big."""
    router.run("iptables", "-A", "OUTPUT", "-p", "icmp",
               "--icmp-type", "fragmentation-needed", "-j", "DROP")  # fmt: skip
    router.run("ip6tables", "-A", "OUTPUT", "-p", "icmpv6",
               "--icmpv6-type", "packet-too-big", "-j", "DROP")  # fmt: skip


def measured(client: Host, target: str, *options: str, prefix: tuple[str, ...] = ()) -> Any:
    """What the client finds."""
    return probing.measured(client, "path_mtu", target, *options, prefix=prefix)


def server(hosts: Chain, version: int) -> str:
    """Address of the server."""
    return hosts[3].address if version == 4 else hosts[3].address6


@pytest.mark.parametrize("quiet", [False, True], ids=["icmp", "no-icmp"])
@pytest.mark.parametrize("protocol", ["icmp", "udp"])
@pytest.mark.parametrize(("version", "mtu"), [(4, 1454), (6, 1371), (4, 1500)])
def test_exact_to_the_byte(
    hosts: Chain, version: int, mtu: int, protocol: str, quiet: bool
) -> None:
    """Whether the router speaks or not; a silent one is a black hole, who spoke is named."""
    narrow(hosts, mtu)
    if quiet:
        silence(hosts[1])
    result = measured(hosts[0], server(hosts, version), "--protocol", protocol)
    assert result["outcome"] == "ok", result["failure"]
    values = result["values"]
    assert values["path_mtu_bytes"] == mtu
    if mtu == 1500:
        assert values["black_hole"] is False
        assert "smallest_failed_bytes" not in values
        return
    assert values["smallest_failed_bytes"] == mtu + 1
    assert values["black_hole"] is quiet
    if quiet:
        assert "too_big_from" not in values
    else:
        router = hosts[1].address if version == 4 else hosts[1].address6
        assert ip_address(values["too_big_from"]) == ip_address(router)
        assert values["too_big_said_bytes"] == mtu


def test_the_own_interface_is_told_from_the_path(hosts: Chain) -> None:
    """A narrow link of this machine is its own MTU; no router is blamed, no black hole seen."""
    try:
        hosts[0].run("ip", "link", "set", "far0", "mtu", "1400")
        values = measured(hosts[0], hosts[3].address)["values"]
    finally:
        hosts[0].run("ip", "link", "set", "far0", "mtu", "1500")
    assert (values["path_mtu_bytes"], values["interface_mtu_bytes"]) == (1400, 1400)
    assert values["black_hole"] is False
    assert "too_big_from" not in values


def test_what_the_kernel_learnt_before_does_not_count(hosts: Chain) -> None:
    """A second run on a widened path finds the wider MTU, although the kernel remembers less."""
    narrow(hosts, 1400)
    assert measured(hosts[0], hosts[3].address)["values"]["path_mtu_bytes"] == 1400
    hosts[1].run("ip", "link", "set", "far1", "mtu", "1500")
    hosts[2].run("ip", "link", "set", "near1", "mtu", "1500")
    assert measured(hosts[0], hosts[3].address)["values"]["path_mtu_bytes"] == 1500


def test_loss_is_not_taken_for_size(hosts: Chain) -> None:
    """With every fifth packet lost the figure is still exact."""
    narrow(hosts, 1454)
    silence(hosts[1])
    hosts[2].run("iptables", "-A", "FORWARD", "-p", "icmp", "-m", "statistic", "--mode", "nth",
                 "--every", "5", "--packet", "0", "-j", "DROP")  # fmt: skip
    values = measured(hosts[0], hosts[3].address, "--timeout-seconds", "0.25")["values"]
    assert values["path_mtu_bytes"] == 1454


def test_a_host_that_answers_once_a_second_is_not_a_small_mtu(hosts: Chain) -> None:
    """Linux's own limit on port unreachable: slower, and as exact."""
    narrow(hosts, 1454)
    hosts[3].run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=1000")
    result = measured(hosts[0], hosts[3].address, "--protocol", "udp", "--timeout-seconds", "0.3")
    assert result["values"]["path_mtu_bytes"] == 1454


def test_without_privilege_udp_is_taken(hosts: Chain) -> None:
    """No ICMP socket at all: auto goes on with UDP, which needs none."""
    narrow(hosts, 1454)
    hosts[0].run("sysctl", "-qw", "net.ipv4.ping_group_range=1 0")
    result = measured(hosts[0], hosts[3].address, prefix=NO_PRIVILEGE)
    assert result["values"]["path_mtu_bytes"] == 1454
    assert result["context"]["method"].startswith("UDP")
    result = measured(hosts[0], hosts[3].address, "--protocol", "icmp", prefix=NO_PRIVILEGE)
    assert result["failure"]["code"] == "permission_denied"
    assert "ping_group_range" in result["failure"]["text"]


def test_a_host_that_answers_nothing_is_no_reply(hosts: Chain) -> None:
    """In bounded time, without a figure."""
    hosts[3].run("iptables", "-A", "INPUT", "-j", "DROP")
    result = measured(hosts[0], hosts[3].address, "--timeout-seconds", "0.3")
    assert result["failure"]["code"] == "no_reply"
    assert result["values"] == {}
    assert result["duration_seconds"] < 30


def test_no_way_there_is_named(hosts: Chain) -> None:
    """A half-broken IPv6, an address without a route, and a router that refuses."""
    result = measured(hosts[0], "2001:db8::1")
    assert result["failure"]["code"] == "network_unreachable"
    hosts[2].run("iptables", "-A", "FORWARD", "-j", "REJECT",
                 "--reject-with", "icmp-host-prohibited")  # fmt: skip
    result = measured(hosts[0], hosts[3].address)
    assert result["failure"]["code"] == "host_unreachable"
    assert "reported by 10.99.1.2" in result["failure"]["text"]


@pytest.mark.parametrize("version", [4, 6])
def test_segments_pass_where_the_routers_speak(hosts: Chain, version: int) -> None:
    """A narrow path alone is no black hole: TCP learns of it and both directions work."""
    narrow(hosts, 1400)
    result = measured(hosts[0], server(hosts, version), "--tcp-port", str(PORT))
    values = result["values"]
    assert values["mss_upload_black_hole"] is False
    assert values["mss_download_black_hole"] is False
    assert "mss_working_bytes" not in values


@pytest.mark.parametrize("version", [4, 6])
def test_a_black_hole_for_segments_upload(hosts: Chain, version: int) -> None:
    """The connection opens and stands still; the largest segment size that works is found."""
    narrow(hosts, 1400)
    silence(hosts[1])
    result = measured(hosts[0], server(hosts, version), "--tcp-port", str(PORT))
    values = result["values"]
    assert values["mss_upload_black_hole"] is True
    assert "mss_download_black_hole" not in values
    # headers of TCP and IP: 1400 - 40 and 1400 - 60; the steps below are 1360 and 1320
    assert values["mss_working_bytes"] == (1360 if version == 4 else 1320)
    assert (values["path_mtu_bytes"], values["black_hole"]) == (1400, True)


def test_a_black_hole_for_segments_download_only(hosts: Chain) -> None:
    """Packets of ours are told their size, those towards us vanish: the usual fault of a line."""
    narrow(hosts, 1400)
    silence(hosts[2])
    values = measured(hosts[0], hosts[3].address, "--tcp-port", str(PORT))["values"]
    assert values["mss_upload_black_hole"] is False
    assert values["mss_download_black_hole"] is True
    assert values["mss_working_bytes"] == 1360
    assert values["mss_offered_bytes"] == 1460
    assert values["black_hole"] is False


def test_a_hidden_download_black_hole_is_not_called_absent(hosts: Chain) -> None:
    """Run again at once: the kernel knows the path and offers less, so nothing can be said."""
    narrow(hosts, 1400)
    silence(hosts[2])
    for _ in range(2):
        values = measured(hosts[0], hosts[3].address, "--tcp-port", str(PORT))["values"]
    assert values["mss_offered_bytes"] == 1360
    assert "mss_download_black_hole" not in values


def test_a_clamping_router_makes_it_work(hosts: Chain) -> None:
    """MSS clamping on the way, the usual remedy: path MTU 1400 and a black hole, segments pass."""
    narrow(hosts, 1400)
    silence(hosts[1])
    silence(hosts[2])
    for device in ("-i", "-o"):
        hosts[1].run(
            "iptables", "-t", "mangle", "-A", "FORWARD", device, "far1", "-p", "tcp",
            "--tcp-flags", "SYN,RST", "SYN", "-j", "TCPMSS", "--set-mss", "1360",
        )  # fmt: skip
    values = measured(hosts[0], hosts[3].address, "--tcp-port", str(PORT))["values"]
    assert (values["black_hole"], values["path_mtu_bytes"]) == (True, 1400)
    assert values["mss_upload_black_hole"] is False
    assert values["mss_download_black_hole"] is False
    assert values["mss_bytes"] <= 1360


def test_segments_are_found_out_where_no_echo_is_answered(hosts: Chain) -> None:
    """A host that answers TCP only: no path MTU, and yet the black hole."""
    narrow(hosts, 1400)
    silence(hosts[1])
    hosts[3].run("iptables", "-A", "INPUT", "-p", "icmp", "-j", "DROP")
    hosts[3].run("iptables", "-A", "INPUT", "-p", "udp", "-j", "DROP")
    options = ("--tcp-port", str(PORT), "--timeout-seconds", "0.3")
    result = measured(hosts[0], hosts[3].address, *options)
    assert result["outcome"] == "ok"
    assert result["values"]["mss_upload_black_hole"] is True
    assert "path_mtu_bytes" not in result["values"]
    assert "no_reply" in result["context"]["mtu_failure"]


def test_a_closed_port_leaves_the_path_mtu(hosts: Chain) -> None:
    """Nobody listens: said in the context, the rest is a result."""
    result = measured(hosts[0], hosts[3].address, "--tcp-port", "9")
    assert result["outcome"] == "ok"
    assert result["values"]["path_mtu_bytes"] == 1500
    assert "connection_refused" in result["context"]["mss_failure"]
    assert "mss_upload_black_hole" not in result["values"]


def test_the_deadline_ends_it_with_what_is_known(hosts: Chain) -> None:
    """Bounds as partial, never called the path MTU (the deadline is the request's)."""
    narrow(hosts, 1454)
    silence(hosts[1])
    order = {"probe": "path_mtu", "target": hosts[3].address, "segment": None,
             "options": {"timeout_seconds": 1.0}, "deadline_seconds": 2.0}  # fmt: skip
    started = time.monotonic()
    child = subprocess.Popen(
        hosts[0].command("setsid", "--wait", sys.executable, "-m", "agent.child"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(order).encode() + b"\n")
    child.stdin.flush()
    result = json.loads(child.stdout.read())
    child.stdin.close()
    child.stdout.close()
    child.wait(20)
    assert result["failure"]["code"] == "timeout"
    assert result["values"]["largest_passed_bytes"] <= 1454
    assert "path_mtu_bytes" not in result["values"]
    assert time.monotonic() - started < 15
