"""A real snmpd on a router of the laboratory: its counters are the kernel's, to the byte."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.netns import Host, Link, Rate, chain
from tests.lab.test_bottleneck_lab import far_end

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
LINE_BPS = 20_000_000
FIELDS = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")


def environment(access: Path) -> dict[str, str]:
    """The agent's, with an access file."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "HAKARU_SNMP": str(access)}


@pytest.fixture
def snmpd(tmp_path: Path) -> Iterator[tuple[Host, Host, Path]]:
    """A client, a router with snmpd and a server behind it; gives client, router, access file."""
    if shutil.which("snmpd") is None:
        pytest.fail("snmpd is missing: apt-get install snmpd", pytrace=False)
    config = tmp_path / "snmpd.conf"
    with chain([Link(), Link(down=Rate(LINE_BPS), up=Rate(LINE_BPS))]) as hosts:
        client, router = hosts[0], hosts[1]
        number = router.run("cat", f"/sys/class/net/{wan(router)}/ifindex").stdout.strip()
        config.write_text(
            "rocommunity public default\nagentAddress udp:161\n"
            'createUser reader SHA-256 "correct horse" AES "battery staple"\nrouser reader priv\n'
            # a veth says 10 Gbit/s; snmpd's own directive for speeds leaves ifHighSpeed as it is
            f"override 1.3.6.1.2.1.2.2.1.5.{number} uinteger {LINE_BPS}\n"
            f"override 1.3.6.1.2.1.31.1.1.1.15.{number} uinteger {LINE_BPS // 1_000_000}\n"
        )
        client.run("ping", "-q", "-c", "1", hosts[2].address)
        for host in hosts[1:]:
            settle_neighbours(host)
        process = subprocess.Popen(
            router.command(
                "snmpd", "-f", "-C", "-c", str(config), "-Lf", str(tmp_path / "snmpd.log"),
                "-p", str(tmp_path / "pid"),
            ),
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(tmp_path)},
        )  # fmt: skip
        time.sleep(1.5)
        access = tmp_path / "snmp.toml"
        access.write_text(
            f'[[access]]\nnetworks = ["{router.address}"]\nversion = "3"\nuser = "reader"\n'
            'auth = "sha256"\nauth_password = "correct horse"\nprivacy = "aes128"\n'
            'privacy_password = "battery staple"\n'
        )
        access.chmod(0o600)
        try:
            yield client, router, access
        finally:
            process.kill()
            process.wait()


def settle_neighbours(host: Host) -> None:
    """Have no neighbour asked again whether it is there: that would be counted, too."""
    for line in host.run("ip", "-o", "neighbour", "show").stdout.splitlines():
        address, rest = line.split()[0], line.split()
        if "lladdr" in rest:
            device, mac = rest[rest.index("dev") + 1], rest[rest.index("lladdr") + 1]
            host.run("ip", "neighbour", "replace", address, "lladdr", mac, "dev", device,
                     "nud", "permanent")  # fmt: skip


def wan(router: Host) -> str:
    """The router's interface towards the server."""
    told = router.run("ip", "-o", "route", "show", "10.99.1.0/24").stdout.split()
    return told[told.index("dev") + 1]


def kernel(router: Host, device: str) -> dict[str, int]:
    """The kernel's counters of an interface."""
    names = [f"/sys/class/net/{device}/statistics/{name}" for name in FIELDS]
    return dict(zip(FIELDS, map(int, router.run("cat", *names).stdout.split()), strict=True))


def wait_until_quiet(router: Host, device: str, seconds: float) -> None:
    """Let pass what a new link says by itself: nothing may have crossed it for so long."""
    give_up, since, last = time.monotonic() + 90, time.monotonic(), kernel(router, device)
    while time.monotonic() - since < seconds:
        assert time.monotonic() < give_up, "the link never fell silent"
        time.sleep(0.5)
        if (now := kernel(router, device)) != last:
            since, last = time.monotonic(), now


READ = """
import json, sys, time
from agent.clock import SystemClock
from agent.snmp.wan import SnmpCounters
counters = SnmpCounters(sys.argv[1], sys.argv[2], SystemClock())
first = counters.read()
print(json.dumps([first.received_bytes, first.sent_bytes]), flush=True)
sys.stdin.readline()
time.sleep(float(sys.argv[3]))
last = counters.read()
print(json.dumps([last.received_bytes, last.received_packets, last.sent_bytes, last.sent_packets]))
print(counters.header_bytes)
counters.close()
"""


def test_counters_agree_with_the_kernels_to_the_byte(
    snmpd: tuple[Host, Host, Path],
) -> None:
    """What crossed the router's port in a test, counted over SNMP v3 and by the kernel itself."""
    client, router, access = snmpd
    device, far = wan(router), "10.99.1.2"
    settle_seconds = 6.0  # snmpd keeps its interface table for some seconds
    wait_until_quiet(router, device, settle_seconds)
    before = kernel(router, device)
    reader = subprocess.Popen(
        client.command(sys.executable, "-c", READ, router.address, device, str(settle_seconds)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(access),
    )  # fmt: skip
    assert reader.stdin is not None
    assert reader.stdout is not None
    try:
        first = json.loads(reader.stdout.readline() or "null")
        assert first == [0, 0]
        assert kernel(router, device) == before  # nothing crosses this port by itself
        crossed = client.run(
            "ping", "-q", "-i", "0.002", "-s", "1400", "-c", "2000", far, check=False
        )
        assert " 0% packet loss" in crossed.stdout, crossed.stdout
        after = kernel(router, device)
        reader.stdin.write("\n")
        reader.stdin.flush()
        counted = json.loads(reader.stdout.readline())
        header_bytes = int(reader.stdout.readline())
    finally:
        reader.kill()
        reader.wait()
        reader.stdin.close()
        reader.stdout.close()
    assert kernel(router, device) == after
    rose = [
        after[name] - before[name] for name in ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")
    ]
    print(f"\nthe kernel counted {rose}, SNMP {counted}")
    assert rose[0] > 2_000_000
    assert counted == rose
    assert header_bytes == 66


@pytest.mark.beside
@pytest.mark.parametrize("engine", ["pysnmp", "direct"])
def test_the_probe_reads_a_real_snmpd(snmpd: tuple[Host, Host, Path], engine: str) -> None:
    """Version 3 against net-snmp: another implementation of keys and ciphers than ours."""
    client, router, access = snmpd
    ran = subprocess.run(
        client.command(
            sys.executable, "-m", "agent.cli", "measure", "snmp", "--target", router.address,
            "--seconds", "2", "--engine", engine, "--json",
        ),
        capture_output=True, text=True, check=False, timeout=120, env=environment(access),
    )  # fmt: skip
    result = json.loads(ran.stdout)
    assert result["outcome"] == "ok", ran.stderr
    assert result["values"]["profile"] == "net-snmp"
    assert result["values"]["ports_up_count"] >= 2
    assert result["values"]["uptime_seconds"] > 0


def test_the_routers_port_confirms_the_link_behind_it(snmpd: tuple[Host, Host, Path]) -> None:
    """The delay names the line; the port of the router, over SNMP, says that it was full.

    snmpd counts anew every 3 s or later: where too few updates fall into a load of 9 s, nothing is
    said of the port, about once in four. Then the load is made again; what is said must be right.
    """
    client, router, access = snmpd
    far = "10.99.1.2:4443"
    with far_end(Host(router.name[:-1] + "2", "10.99.1.2", ""), far):
        for _ in range(4):
            ran = subprocess.run(
                client.command(
                    sys.executable, "-m", "agent.cli", "measure", "bottleneck", "--target", far,
                    "--seconds", "10", "--direction", "upload", "--json",
                    "--wan-device", router.address, "--wan-port", wan(router),
                ),
                capture_output=True, text=True, check=False, timeout=120, env=environment(access),
            )  # fmt: skip
            result = json.loads(ran.stdout)
            assert result["outcome"] == "ok", ran.stderr
            values = result["values"]
            print(values, result["context"])
            assert result["context"]["wan_source"] == f"snmp {router.address} {wan(router)}"
            assert (values["upload_from_hop_count"], values["upload_to_hop_count"]) == (1, 2)
            if "upload_counters" in values:
                break
    assert values["upload_counters"] == "confirm"
