"""The package in a clean Debian that boots: one appliance's life, under real systemd.

Everything happens in a container whose only network is loopback; the collector runs there too.
The tests are steps of one story and run in the order of this file.
"""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.centre import Centre, enrol, serving
from tests.packaging.clean_debian import Machine, base, booted

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
WAITING = 50_000
STATE = "/var/lib/hakaru"
PYTHON = "/usr/lib/hakaru/bin/python3"
ONCE = "/etc/systemd/system/hakaru-agent.service.d/once.conf"
Probes = dict[str, tuple[str, str]]
GENERAL = """
[policy]
source = "local"

[spool]
cap_bytes = 1_073_741_824

[push]
interval_seconds = 5
batch_records = 500
"""
ALL_DAY = 'windows = [{ days = "mon-sun", from = "00:00", to = "24:00", runs = 1 }]'
PROBES: Probes = {
    "latency": ("127.0.0.1", "count = 5"),
    "tcp_connect": ("127.0.0.1:4443", "count = 2"),
    "throughput": ("127.0.0.1:4443", "seconds = 2"),
    "responsiveness": ("127.0.0.1:4443", "seconds = 2"),
    "stamp": ("127.0.0.1:8620", "count = 20"),
    "path_mtu": ("127.0.0.1", ""),
    "traceroute": ("127.0.0.1", 'protocol = "udp"'),
}


@pytest.fixture(scope="module")
def box(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A booted Debian with nothing of ours but the package files in /root."""
    if os.geteuid() != 0:
        pytest.fail("make test-deb needs root")
    memory = Path("/dev/shm") if shutil.disk_usage("/dev/shm").free > 2 << 30 else None
    root = (memory or tmp_path_factory.mktemp("roots")) / f"hakaru-test-{os.getpid()}"
    with booted(base(), root) as machine:
        for name, path in packages.items():
            shutil.copy(path, root / f"root/{name}.deb")
        shutil.copy(Path(__file__).with_name("fill_spool.py"), root / "usr/local/fill_spool.py")
        yield machine


@pytest.fixture(scope="module")
def centre(box: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A collector with one school in the container's network."""
    with serving(box, tmp_path_factory.mktemp("collector")) as made:
        yield made


def install(box: Machine, name: str) -> float:
    """Install with dpkg; gives the seconds it took."""
    before = time.monotonic()
    box.run("dpkg", "-i", f"/root/{name}.deb")
    return time.monotonic() - before


def waiting(box: Machine, folder: Path) -> set[str]:
    """Ids of the results in the spool of a stopped agent, read from a copy."""
    assert box.ask("systemctl", "is-active", "hakaru-agent.service") != "active"
    for path in (box.root / STATE[1:]).glob("spool.db*"):
        shutil.copy(path, folder)
    spool = sqlite3.connect(folder / "spool.db")
    assert spool.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = {row[0] for row in spool.execute("SELECT result_id FROM results")}
    spool.close()
    return found


def configure(box: Machine, probes: Probes) -> None:
    """Write agent.toml with these tests."""
    tests = [
        f'[[tests]]\nprobe = "{probe}"\ntarget = "{target}"\noptions = {{ {options} }}\n'
        f"deadline_seconds = 40\n{ALL_DAY}\n"
        for probe, (target, options) in probes.items()
    ]
    (box.root / "etc/hakaru/agent.toml").write_text(GENERAL + "\n".join(tests))


def run_once(box: Machine, centre: Centre, probes: Probes) -> dict[str, Any]:
    """Let the unit, hardened as it is, run each test once; gives the records by probe."""
    configure(box, probes)
    (box.root / ONCE[1:]).parent.mkdir(exist_ok=True)
    (box.root / ONCE[1:]).write_text(
        "[Service]\nType=oneshot\nRestart=no\nExecStart=\n"
        f"ExecStart={PYTHON} -m agent.cli run --once --config /etc/hakaru/agent.toml\n"
    )
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "stop", "hakaru-agent.service")
    known = centre.delivered()
    box.run("systemctl", "start", "hakaru-agent.service", check=False)
    store = sqlite3.connect(f"file:{centre.database}?mode=ro", uri=True)
    rows = store.execute("SELECT result_id, probe, record FROM result").fetchall()
    store.close()
    return {probe: json.loads(record) for name, probe, record in rows if name not in known}


def test_it_installs_and_waits_for_enrolment(box: Machine) -> None:
    """Own user, private state, nothing runs, nothing fails, and the console says what to do."""
    print(f"\ninstalled in {install(box, 'old'):.1f} s")
    assert box.ask("systemctl", "is-enabled", "hakaru-agent.service") == "enabled"
    assert box.ask("systemctl", "is-enabled", "hakaru-responder.service") == "disabled"
    assert box.ask("systemctl", "is-active", "hakaru-agent.path") == "active"
    assert box.ask("systemctl", "is-active", "hakaru-agent.service") == "inactive"
    assert box.ask("systemctl", "--failed", "--plain", "--no-legend") == ""
    assert box.ask("stat", "-c", "%U %a", STATE) == "hakaru 700"
    assert "sudo hakaru-agent enrol" in box.ask("/etc/update-motd.d/60-hakaru")
    assert box.ask("dpkg", "--verify", "hakaru-agent") == ""


def test_doctor_is_first_aid_before_enrolment(box: Machine) -> None:
    """As the service's user: every look works, and what is missing says what to do."""
    said = json.loads(box.ask("hakaru-agent", "doctor", "--json"))
    lines = {line["name"]: line for line in said["lines"]}
    assert lines["privileges"]["grade"] == "ok", "ping_group_range is set by the package"
    assert "no raw packets" in lines["privileges"]["text"]
    assert lines["disk"]["grade"] == "ok"
    assert STATE in lines["disk"]["text"]
    assert lines["ceiling"]["grade"] == "ok"
    assert "hakaru-agent enrol" in lines["collector"]["advice"]
    assert box.ask("find", STATE, "!", "-user", "hakaru") == ""


def test_enrolment_starts_the_service(box: Machine, centre: Centre) -> None:
    """The code goes through standard input, stands in no log, and the agent runs by itself."""
    configure(box, {"latency": PROBES["latency"]})
    code = enrol(box, centre)
    box.wait("active", "hakaru-agent.service")
    assert box.ask("find", STATE, "!", "-user", "hakaru") == ""
    journal = box.ask("journalctl", "--no-pager", "-o", "verbose")
    assert code not in journal
    assert "E001" in box.ask("/etc/update-motd.d/60-hakaru")


def test_hardening_does_not_break_measuring(box: Machine, centre: Centre) -> None:
    """Every probe that needs no raw packets, run by the unit as it is, gives a good result."""
    options = box.root / "etc/hakaru/responder.env"
    options.write_text(
        "RESPONDER_OPTIONS=--listen 127.0.0.1:4443 --open --stamp-listen 127.0.0.1:8620\n"
    )
    box.run("systemctl", "start", "hakaru-responder.service")
    box.wait("active", "hakaru-responder.service")
    found = run_once(box, centre, PROBES)
    said = box.log("hakaru-agent.service")
    outcomes = {probe: found.get(probe, {}).get("outcome") for probe in PROBES}
    print(f"\nunder the hardened unit: {outcomes}")
    assert outcomes == dict.fromkeys(PROBES, "ok"), said
    assert found["latency"]["context"]["clock_source"] in ("kernel", "collector")


def test_raw_packets_need_the_drop_in(box: Machine, centre: Centre) -> None:
    """A trace with TCP packets fails with a reason without it, and runs with it."""
    traced = {"traceroute": ("127.0.0.1", 'protocol = "tcp", port = 4443, method = "packets"')}
    assert run_once(box, centre, traced)["traceroute"]["outcome"] == "failed"
    folder = "/etc/systemd/system/hakaru-agent.service.d"
    box.run("cp", "/usr/share/hakaru/raw-sockets.conf", folder)
    found = run_once(box, centre, traced)["traceroute"]
    assert found["outcome"] == "ok", f"{found}\n{box.log('hakaru-agent.service')}"
    assert "raw sockets (CAP_NET_RAW)" in box.ask("hakaru-agent", "doctor")
    box.run("rm", f"{folder}/raw-sockets.conf")


def test_nothing_waiting_is_lost_by_upgrade_rollback_and_remove(
    box: Machine, centre: Centre, tmp_path: Path
) -> None:
    """50,000 results wait through new, old, remove and install again; then all are delivered."""
    box.run("rm", "-f", ONCE)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "stop", "hakaru-agent.path", "hakaru-agent.service")
    known = centre.delivered()
    said = box.run(
        "setpriv", "--reuid=hakaru", "--regid=hakaru", "--init-groups",
        PYTHON, "/usr/local/fill_spool.py", str(WAITING),
    ).stdout  # fmt: skip
    accepted = set(said.split())
    assert len(accepted) == WAITING
    assert accepted <= waiting(box, tmp_path)
    for name in ("new", "old"):
        # a service that is masked stays away, so that nothing is delivered in between
        box.run("systemctl", "mask", "--runtime", "hakaru-agent.service")
        seconds = install(box, name)
        assert accepted <= waiting(box, tmp_path), name
        print(f"\n{name}: {seconds:.1f} s, {len(accepted)} wait")
    assert (box.root / "usr/share/hakaru/only-in-0.0.9").exists()
    box.run("dpkg", "--remove", "hakaru-agent")
    assert not (box.root / "usr/lib/hakaru").exists()
    assert accepted <= waiting(box, tmp_path)
    box.run("systemctl", "unmask", "--runtime", "hakaru-agent.service")
    install(box, "new")
    assert not (box.root / "usr/share/hakaru/only-in-0.0.9").exists()
    assert 'source = "local"' in (box.root / "etc/hakaru/agent.toml").read_text()
    box.wait("active", "hakaru-agent.service")
    before, ends = time.monotonic(), time.monotonic() + 240
    while not accepted <= (found := centre.delivered()) and time.monotonic() < ends:
        time.sleep(1)
    print(f"delivered in {time.monotonic() - before:.0f} s")
    assert len(accepted - found) == 0
    assert known <= found


def test_purge_leaves_nothing_but_the_user(box: Machine) -> None:
    """State, configuration, units and links are gone; no unit failed on the way."""
    (box.root / "etc/hakaru/snmp.toml").write_text("")
    box.run("dpkg", "--purge", "hakaru-agent")
    left = box.ask(
        "find", "/etc", "/usr", "/var/lib", "/lib/systemd", "-name", "*hakaru*",
        "-not", "-name", "hakaru-base", "-not", "-path", "/var/lib/systemd/*",
    )  # fmt: skip
    assert left == ""
    assert box.ask("dpkg", "-s", "hakaru-agent") == ""
    assert box.ask("systemctl", "--failed", "--plain", "--no-legend") == ""
    assert "hakaru" in (box.root / "etc/passwd").read_text()
