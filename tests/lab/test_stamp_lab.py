"""STAMP between real hosts: planted loss exact in its direction, and every way to fail."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.lab.netns import Host, Link, chain
from tests.lab.probing import code_of, measured, need, running, without_filters

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

PORT = "8620"
FAST = ("--count", "100", "--interval-seconds", "0.01", "--timeout-seconds", "1")
RESPONDER = ("-m", "agent.cli", "responder", "--open")


@pytest.fixture(scope="module")
def built() -> Iterator[list[Host]]:
    """Client, router and server in a row."""
    need("iptables", "iptables")
    with chain([Link(), Link()]) as hosts:
        yield hosts


@pytest.fixture
def hosts(built: list[Host]) -> list[Host]:
    """Give the hosts without the filters of the test before."""
    without_filters(*built)
    return built


@pytest.fixture(scope="module")
def reflecting(built: list[Host]) -> Iterator[None]:
    """Run the responder's reflector on the server, IPv4 and IPv6."""
    server = built[2]
    listens = [("--listen", f"{host}:4443", "--stamp-listen", f"{host}:{PORT}")
               for host in (server.address, f"[{server.address6}]")]  # fmt: skip
    with (
        running(server, "ndt7", *RESPONDER, *listens[0]),
        running(server, "ndt7", *RESPONDER, *listens[1]),
    ):
        yield


def lose(router: Host, tool: str, port: str, every: int) -> None:
    """Drop the first of ``every`` UDP packets, again and again, by the kernel's own count."""
    router.run(
        tool, "-A", "FORWARD", "-p", "udp", port, PORT, "-m", "statistic", "--mode", "nth",
        "--every", str(every), "--packet", "0", "-j", "DROP",
    )  # fmt: skip


@pytest.mark.beside
@pytest.mark.usefixtures("reflecting")
@pytest.mark.parametrize("tool", ["iptables", "ip6tables"])
@pytest.mark.parametrize(("up", "down"), [(5, None), (None, 4), (5, 4), (10, 2)])
def test_planted_loss_is_found_to_the_packet(
    hosts: list[Host], tool: str, up: int | None, down: int | None
) -> None:
    """Every nth packet dropped by the router, up or down: counted there and only there."""
    client, router, server = hosts
    if up is not None:
        lose(router, tool, "--dport", up)
    if down is not None:
        lose(router, tool, "--sport", down)
    address = server.address if tool == "iptables" else f"[{server.address6}]"
    result = measured(client, "stamp", f"{address}:{PORT}", *FAST)
    assert result["outcome"] == "ok", result
    values = result["values"]
    lost_up = 100 // up if up else 0
    lost_down = (100 - lost_up) // down if down else 0
    assert (values["upload_lost_count"], values["upload_offered_count"]) == (lost_up, 100)
    assert (values["download_lost_count"], values["download_offered_count"]) == (
        lost_down,
        100 - lost_up,
    )
    assert values["received_count"] == 100 - lost_up - lost_down


@pytest.mark.beside
@pytest.mark.usefixtures("reflecting")
def test_a_swallowed_direction_is_no_reply(hosts: list[Host]) -> None:
    """UDP is dropped while TCP passes: NO_REPLY, and the partial counts name the direction."""
    client, router, server = hosts
    router.run("iptables", "-A", "FORWARD", "-p", "udp", "--sport", PORT, "-j", "DROP")
    result = measured(client, "stamp", f"{server.address}:{PORT}", *FAST)
    assert code_of(result) == "no_reply"
    assert result["values"]["upload_lost_count"] == 0
    assert result["values"]["download_lost_count"] == 100


@pytest.mark.beside
@pytest.mark.usefixtures("reflecting")
def test_a_black_hole_and_a_refusing_router_are_told_apart(hosts: list[Host]) -> None:
    """All dropped: CONNECT_TIMEOUT. All refused by ICMP: HOST_UNREACHABLE."""
    client, router, server = hosts
    router.run("iptables", "-A", "FORWARD", "-d", server.address, "-j", "DROP")
    hole = measured(client, "stamp", f"{server.address}:{PORT}", *FAST)
    router.run("iptables", "-F")
    router.run("iptables", "-A", "FORWARD", "-d", server.address, "-j", "REJECT",
               "--reject-with", "icmp-host-unreachable")  # fmt: skip
    refusal = measured(client, "stamp", f"{server.address}:{PORT}", *FAST)
    assert (code_of(hole), code_of(refusal)) == ("connect_timeout", "host_unreachable")


@pytest.mark.beside
@pytest.mark.usefixtures("reflecting")
def test_a_bleached_traffic_class_is_seen_in_its_direction(hosts: list[Host]) -> None:
    """A router that resets DSCP on the way up, or only on the way down."""
    client, router, server = hosts
    options = (*FAST, "--dscp", "46")
    kept = measured(client, "stamp", f"{server.address}:{PORT}", *options)["values"]
    bleach = ("-j", "DSCP", "--set-dscp", "0")
    router.run("iptables", "-t", "mangle", "-A", "FORWARD", "-p", "udp", "--sport", PORT, *bleach)
    down = measured(client, "stamp", f"{server.address}:{PORT}", *options)["values"]
    router.run("iptables", "-t", "mangle", "-F")
    router.run("iptables", "-t", "mangle", "-A", "FORWARD", "-p", "udp", "--dport", PORT, *bleach)
    up = measured(client, "stamp", f"{server.address}:{PORT}", *options)["values"]
    assert (kept["upload_dscp_kept"], kept["download_dscp_kept"]) == (True, True)
    assert (down["upload_dscp_kept"], down["download_dscp_kept"]) == (True, False)
    assert up["upload_dscp_kept"] is False
    assert "download_dscp_kept" not in up


@pytest.mark.beside
def test_a_reflector_that_is_killed_leaves_partial_figures(hosts: list[Host]) -> None:
    """A kill -9 in the middle: a named failure soon, with the figures until then."""
    client, _, server = hosts
    port = "8621"
    listen = ("--listen", f"{server.address}:4444", "--stamp-listen", f"{server.address}:{port}")
    with running(server, "ndt7", *RESPONDER, *listen) as process:
        pid = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        target = int(pid[0]) if pid else process.pid  # ip netns exec becomes the command
        killer = threading.Timer(4.0, os.kill, (target, signal.SIGKILL))
        killer.start()
        options = ("--count", "2000", "--interval-seconds", "0.01")
        result = measured(client, "stamp", f"{server.address}:{port}", *options)
        killer.join()
    assert code_of(result) in ("early_close", "connection_reset", "connection_refused")
    assert result["duration_seconds"] < 15
    assert result["values"]["received_count"] > 10
    assert result["values"]["rtt_median_seconds"] > 0


def test_delay_is_in_the_round_trip_and_the_processing_is_not() -> None:
    """40 ms each way: at least 80 ms round trip, whatever the reflector takes for itself."""
    with chain([Link(delay_seconds=0.04)]) as (client, server):
        listen = ("--listen", f"{server.address}:1", "--stamp-listen", f"{server.address}:{PORT}")
        with running(server, "ndt7", *RESPONDER, *listen):
            values = measured(client, "stamp", f"{server.address}:{PORT}", *FAST)["values"]
    assert 0.08 <= values["rtt_min_seconds"] < 0.1
    assert values["upload_loss_ratio"] == values["download_loss_ratio"] == 0
    assert values["upload_pdv_median_seconds"] < 0.02
