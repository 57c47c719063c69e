"""F5: a policy that points anywhere it must not: the appliance's list wins, no packet leaves.

Each probe measures for real, in a child, in a network namespace whose interfaces count what is
sent. Without the guard the same measurements do send, or the test would prove nothing.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wire.probes import PROBES

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace"),
]

NAMESPACE = """
mount --bind "$1" /etc/hosts
mount --bind "$2" /etc/nsswitch.conf
ip link set lo up
ip link add d0 type veth peer name d1
echo 1 > /proc/sys/net/ipv6/conf/d0/disable_ipv6
ip link set d1 up
ip address add 192.0.2.2/24 dev d0
ip link set d0 up
ip neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev d0 nud permanent
ip route add default via 192.0.2.1
exec "$0" -m tests.faults.guarded_children
"""
FORBIDDEN = ("127.0.0.1", "localhost", "::1", "169.254.169.254")
OUT_OF_RANGE = "198.51.100.7"
SNMP = """
[[access]]
networks = ["0.0.0.0/0", "::/0"]
version = "2c"
community = "told-to-nobody"
"""
"""The access file would let SNMP ask anywhere: what stops it is the list."""
OPTIONS: dict[str, dict[str, Any]] = {
    "verify": {"required_mbps": 10},
    "ookla": {"accept_terms": "ookla"},
    "ndt7_public": {"accept_terms": "mlab"},
}


def target(probe: str, host: str) -> str:
    """The far end as the probe takes it."""
    place = f"[{host}]" if ":" in host else host
    return {
        "host": host,
        "url": f"https://{place}:9/",
        "service": f"https://{place}:9",
        "ndt7": f"wss://{place}:9",
    }.get(PROBES[probe].target, f"{place}:9")


def measured(
    folder: Path, hosts: tuple[str, ...], *, targets: list[str] | None, guarded: bool
) -> Any:
    """Measure with every probe towards every host. Names are looked up in a file, unsent."""
    names, switch = folder / "hosts", folder / "nsswitch.conf"
    names.write_text("127.0.0.1 localhost\n::1 localhost\n")
    switch.write_text("hosts: files\n")
    access = folder / "snmp.toml"
    access.write_text(SNMP)
    access.chmod(0o600)
    cases = [
        (probe, target(probe, host), OPTIONS.get(probe, {})) for probe in PROBES for host in hosts
    ]
    ran = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", NAMESPACE, sys.executable, names, switch],
        input=json.dumps({"cases": cases, "targets": targets, "guarded": guarded}),
        capture_output=True,
        text=True,
        env={**os.environ, "HAKARU_SNMP": str(access)},
        timeout=300,
        check=True,
    )
    return json.loads(ran.stdout)


@pytest.mark.timeout(400)
def test_no_packet_leaves_to_where_the_appliance_does_not_go(
    tmp_path: Path, case: Callable[..., None]
) -> None:
    """Loopback by address and by name, link-local metadata: every probe is stopped, unsent."""
    found = measured(tmp_path, FORBIDDEN, targets=None, guarded=True)
    allowed = [one for one in found["results"] if one["outcome"] == "ok"]
    case(
        "F5",
        "policy points at loopback, a name of it, link-local, metadata",
        runs=len(found["results"]),
        other=f"packets sent {found['sent']}, measured {len(allowed)}",
    )
    assert allowed == []
    assert found["sent"] == {"lo": 0, "d0": 0}
    told = [one for one in found["results"] if "not allowed on this appliance" in one["text"]]
    lan = {probe for probe, of in PROBES.items() if of.target == "lan"}  # these take no host at all
    refused = [one["code"] for one in found["results"] if one["probe"] in lan]
    assert set(refused) == {"target_invalid"}
    silent = {one["probe"] for one in found["results"]} - {one["probe"] for one in told} - lan
    assert silent <= {"ookla", "iperf3"}, silent  # theirs say it in other words, or lack a program


@pytest.mark.timeout(400)
def test_what_is_not_on_the_list_gets_no_packet(tmp_path: Path, case: Callable[..., None]) -> None:
    """With a list, an address outside its ranges is as far away as loopback."""
    found = measured(
        tmp_path, (OUT_OF_RANGE,), targets=["203.0.113.0/24", "centre.example"], guarded=True
    )
    case(
        "F5",
        "policy points out of the appliance's ranges",
        runs=len(found["results"]),
        other=f"packets sent {found['sent']}",
    )
    assert found["sent"] == {"lo": 0, "d0": 0}
    assert [one for one in found["results"] if one["outcome"] == "ok"] == []


@pytest.mark.timeout(400)
def test_the_same_measurements_do_send_without_the_guard(tmp_path: Path) -> None:
    """The control: counters that never move would prove nothing."""
    found = measured(tmp_path, ("127.0.0.1", OUT_OF_RANGE), targets=None, guarded=False)
    assert found["sent"]["lo"] > 50
    assert found["sent"]["d0"] > 20
