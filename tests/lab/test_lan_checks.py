"""Checks of the LAN against a real one: figures, what is not approved, what is not permitted."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.lan.leave import Rule
from tests.agent.lan.frames import advertisement
from tests.lab.netns import Host
from tests.lab.probing import NO_PRIVILEGE, code_of, measured
from tests.lab.school_lan import (
    CANARIES,
    Lan,
    approval,
    approved,
    dhcp_server,
    school_lan,
    talking,
)
from wire.approval import CHECKS

pytestmark = [pytest.mark.lab, pytest.mark.beside, pytest.mark.timeout(120)]
RIGHT, ROGUE = "10.97.0.3", "10.97.0.101"


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    """One LAN for all."""
    with school_lan() as made:
        yield made


@pytest.fixture
def leave(tmp_path: Path) -> dict[str, str]:
    """Everything approved."""
    return approved(tmp_path / "state", approval())


def figures(lan: Lan, leave: dict[str, str], probe: str, *options: str) -> Any:
    """Values of a check that worked."""
    result = measured(lan.box, probe, "lan", *options, environment=leave)
    assert result["outcome"] == "ok", result["failure"]
    return result["values"]


def test_devices_are_counted_and_duplicates_found(lan: Lan, leave: dict[str, str]) -> None:
    """Three pupils, a server, the gateway; then one takes another's address, one the box's."""
    before = lan.sent_by_box()
    found = figures(lan, leave, "lan_devices", "--packets-per-second", "100")
    assert found["devices_count"] == found["answering_addresses_count"] == 5
    assert found["addresses_count"] == found["swept_addresses_count"] == 254
    assert (found["duplicate_addresses_count"], found["own_address_conflict"]) == (0, False)
    assert found["private_addresses_count"] >= 2
    assert (found["new_devices_count"], found["devices_today_count"]) == (5, 5)
    assert lan.sent_by_box() - before >= 254  # the count that the refusals below go by sees them
    part = ("--network", "10.97.0.0/25", "--packets-per-second", "100")
    with also(lan.pupils[0], lan.pupils[1].address):
        found = figures(lan, leave, "lan_devices", *part)
    assert (found["duplicate_addresses_count"], found["own_address_conflict"]) == (1, False)
    assert (found["devices_count"], found["addresses_count"]) == (5, 126)
    assert (found["new_devices_count"], found["devices_today_count"]) == (5, 5)
    with also(lan.pupils[2], lan.box.address):  # it takes our questions for its own, and is silent
        found = figures(lan, leave, "lan_devices", *part)
    assert (found["duplicate_addresses_count"], found["own_address_conflict"]) == (0, True)
    assert found["devices_count"] == 4


@contextlib.contextmanager
def also(host: Host, address: str) -> Iterator[None]:
    """A host has one more address for a while."""
    host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
    try:
        yield
    finally:
        host.run("ip", "address", "del", f"{address}/24", "dev", "eth0")


def test_offers_are_timed_and_a_rogue_is_counted(
    lan: Lan, leave: dict[str, str], tmp_path: Path
) -> None:
    """The right server pings first; a pupil's device is faster. Nobody gives a lease to the box."""
    expected = ("--expected-servers", RIGHT)
    pool = ("10.97.0.150", "10.97.0.180")
    with dhcp_server(lan.server, tmp_path, *pool) as leases:
        found = figures(lan, leave, "dhcp", "--seconds", "5", *expected)
        assert found["offers_count"] == found["servers_count"] == 1
        assert found["rogue_servers_count"] == 0
        assert 2.5 < found["offer_seconds"] < 5.5
        with dhcp_server(lan.pupils[0], tmp_path, "10.97.0.190", "10.97.0.199", "--no-ping"):
            found = figures(lan, leave, "dhcp", "--seconds", "5", *expected)
        assert (found["servers_count"], found["rogue_servers_count"]) == (2, 1)
        assert found["offer_seconds"] < 1.5
        assert leases.read_text() == ""
    gone = measured(lan.box, "dhcp", "lan", "--seconds", "4", environment=leave)
    assert (code_of(gone), gone["values"]["no_offer_reason"]) == ("no_reply", "server_gone")


def test_an_empty_pool_is_told_from_a_server_that_is_gone(
    lan: Lan, leave: dict[str, str], tmp_path: Path
) -> None:
    """The only address is leased to a pupil: the server answers INFORM and offers nothing."""
    only = "10.97.0.150"
    leases = tmp_path / f"leases-{lan.server.name}"
    leases.write_text(f"4000000000 {CANARIES[0][0]} {only} {CANARIES[0][2]} *\n")
    with dhcp_server(lan.server, tmp_path, only, only):
        result = measured(lan.box, "dhcp", "lan", "--seconds", "5", environment=leave)
    assert code_of(result) == "no_reply"
    assert result["values"]["no_offer_reason"] == "pool_exhausted"
    assert result["values"]["informed_servers_count"] == 1
    assert "pool is used up" in result["failure"]["text"]


def test_a_loop_is_told_from_a_busy_lan(lan: Lan, leave: dict[str, str]) -> None:
    """A cable between two ports of the switch, and frames go round; then 400 different a second."""
    quiet = figures(lan, leave, "lan_listen", "--seconds", "2")
    assert quiet["broadcast_per_second"] < 5
    assert not quiet["loop_suspected"]
    lan.router.run("ip", "link", "add", "loop1", "type", "veth", "peer", "name", "loop2")
    try:
        for port in ("loop1", "loop2"):
            lan.router.run("tc", "qdisc", "add", "dev", port, "root", "tbf", "rate", "1mbit",
                           "burst", "3000", "latency", "20ms")  # fmt: skip
            lan.router.run("ip", "link", "set", port, "master", "lan", "up")
        with talking(lan.pupils[0], "eth0", "different", "5"):
            looping = figures(lan, leave, "lan_listen", "--seconds", "3")
    finally:
        lan.router.run("ip", "link", "del", "loop1")
    assert looping["loop_suspected"], looping
    assert looping["repeat_ratio"] > 0.9
    assert looping["broadcast_per_second"] > 500
    with talking(lan.pupils[0], "eth0", "different", "400"):
        busy = figures(lan, leave, "lan_listen", "--seconds", "3")
    assert not busy["loop_suspected"], busy
    assert busy["broadcast_per_second"] == pytest.approx(400, rel=0.15)
    assert busy["repeat_ratio"] < 0.05


def test_ipv6_routers_that_disagree_are_counted(lan: Lan, leave: dict[str, str]) -> None:
    """The school's router and another with a prefix of its own."""
    right = advertisement("fe80::1", "2001:db8:1::/64").hex()
    wrong = advertisement("fe80::bad", "2001:db8:1::/64", "2001:db8:bad::/64").hex()
    with talking(lan.pupils[0], "eth0", "4", right, wrong):
        found = figures(lan, leave, "lan_listen", "--seconds", "2", "--expected-routers", "fe80::1")
    assert (found["ipv6_routers_count"], found["ipv6_prefixes_count"]) == (2, 2)
    assert found["ipv6_conflicting_prefixes_count"] == 1
    assert found["ipv6_rogue_routers_count"] == 1
    assert found["multicast_per_second"] == pytest.approx(4, abs=1.5)


def test_the_gateway_and_the_own_port(lan: Lan) -> None:
    """Without any approval; a gateway that is silent leaves what the port says."""
    found = measured(lan.box, "gateway", "lan", "--count", "5")["values"]
    assert (found["loss_ratio"], found["port_duplex"], found["port_up"]) == (0, "full", True)
    assert 0 < found["rtt_median_seconds"] < 0.1
    assert (found["port_speed_bps"], found["port_errors_count"]) == (10e9, 0)
    lan.router.run("iptables", "-A", "INPUT", "-p", "icmp", "-j", "DROP")
    result = measured(lan.box, "gateway", "lan", "--count", "2", "--timeout-seconds", "0.3")
    lan.router.run("iptables", "-F")
    assert code_of(result) == "no_reply"
    assert result["values"]["port_duplex"] == "full"
    assert "loss_ratio" not in result["values"]


REFUSED = {
    "none": ((), None, "no approval"),
    "expired": ((approval(days=(-2, -1)),), None, "ended at"),
    "planned": ((approval(days=(1, 2)),), None, "holds only from"),
    "school": ((approval(school="B1"),), None, "another school"),
    "network": ((approval(network="10.98.0.0/16"),), None, "does not cover"),
    "part": ((approval(network="10.97.0.0/25"),), None, "does not cover"),
    "appliance": ((approval(),), Rule(checks=()), "agent.toml"),
}


def test_without_leave_no_packet_leaves(lan: Lan, tmp_path: Path) -> None:
    """Each reason, each check: a failure that says why, and the kernel counts nothing sent."""
    states = {}
    for name, (approvals, rule, _) in REFUSED.items():
        states[name] = approved(tmp_path / name, *approvals, rule=rule)["HAKARU_STATE"]
    other = replace(approval(), checks=("lan_listen",))
    states["check"] = approved(tmp_path / "check", other)["HAKARU_STATE"]
    before = lan.sent_by_box()
    ran = subprocess.run(
        lan.box.command(sys.executable, "-c", MEASURE_ALL, json.dumps(states)),
        check=True, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert lan.sent_by_box() == before
    said = json.loads(ran.stdout)
    for name, (_, _, words) in REFUSED.items():
        for check in CHECKS:
            assert said[name][check][0] == "not_approved", (name, check)
            assert words in said[name][check][1]
    assert "not for dhcp" in said["check"]["dhcp"][1]


MEASURE_ALL = """
import json, os, random, sys
from agent.clock import SystemClock
from agent.measure import measure
from agent.probes import Request, load
said = {}
for name, state in json.loads(sys.argv[1]).items():
    os.environ["HAKARU_STATE"] = state
    for check in ("lan_devices", "dhcp", "lan_listen"):
        if (name, check) == ("check", "lan_listen"):
            continue
        request = Request(target="lan", clock=SystemClock(), random=random.Random(1))
        failure = measure(check, load(check), request, lambda progress: None).failure
        said.setdefault(name, {})[check] = [failure.code.value, failure.text]
print(json.dumps(said))
"""


@pytest.mark.parametrize("check", CHECKS)
def test_without_the_privilege_it_is_said_what_to_do(
    lan: Lan, leave: dict[str, str], check: str
) -> None:
    """Approved, but this program may open no packet socket."""
    words = ("-m", "agent.cli", "measure", check, "--target", "lan", "--json")
    ran = subprocess.run(
        lan.box.command(*NO_PRIVILEGE, sys.executable, *words),
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, **leave},
    )  # fmt: skip
    result = json.loads(ran.stdout)
    assert code_of(result) == "permission_denied"
    assert "CAP_NET_RAW" in result["failure"]["text"]
