"""The bottleneck probe on real paths: without privilege, over IPv6, and when things happen to it.

The scenes run four side by side, each in a chain of its own, since they mostly wait.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab.netns import Chain, Host, Link, chain
from tests.lab.presets import MBPS, hops
from tests.lab.probing import ROOT
from tests.lab.test_path_trace import NO_PRIVILEGE, join_beside, way

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(ROOT))
from benchmarks.localise import cases, score
from benchmarks.localise.__main__ import run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

PORT = 4443
LOAD_SECONDS = 3.0
LOAD_BYTES = 500_000
"""So many at the appliance's interface are the load and no echoes."""
AT_ONCE = 4
During = Callable[[Chain, "subprocess.Popen[str]"], None]


def scene(
    links: list[Link],
    *,
    prefix: tuple[str, ...] = (),
    before: Callable[[Chain], None] | None = None,
    during: During | None = None,
    words: tuple[str, ...] = (),
    version: int = 4,
) -> Any:
    """Build a chain, measure from its first host to its last, let something happen meanwhile."""
    with chain(links) as built:
        far = built[-1]
        place = f"{far.address}:{PORT}" if version == 4 else f"[{far.address6}]:{PORT}"
        with far_end(far, place) as responder:
            if before is not None:
                before(built)
            command = (
                *prefix, sys.executable, "-m", "agent.cli", "measure", "bottleneck",
                "--target", place, "--json", "--seconds", str(LOAD_SECONDS), *words,
            )  # fmt: skip
            timer = None
            if during is not None:
                timer = threading.Thread(target=_once_loaded, args=(during, built, responder))
                timer.start()
            ended = subprocess.run(
                built[0].command(*command),
                check=False, capture_output=True, text=True, timeout=120, cwd=ROOT,
            )  # fmt: skip
            if timer is not None:
                timer.join()
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


def _once_loaded(during: During, built: Chain, responder: "subprocess.Popen[str]") -> None:
    """Let it happen when the first load has run for a moment, however slow this machine is."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        files = [f"/sys/class/net/far0/statistics/{way}_bytes" for way in ("rx", "tx")]
        moved = built[0].run("cat", *files).stdout.split()
        if max(map(int, moved)) > LOAD_BYTES:
            during(built, responder)
            return
        time.sleep(0.1)


@contextlib.contextmanager
def far_end(host: Host, place: str) -> Iterator["subprocess.Popen[str]"]:
    """An open responder."""
    words = (sys.executable, "-m", "agent.cli", "responder", "--listen", place, "--open")
    with subprocess.Popen(
        host.command(*words), stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            assert process.stderr is not None
            assert "ndt7 on" in process.stderr.readline()
            yield process
        finally:
            process.kill()


def _ping_sockets(built: Chain) -> None:
    built[0].run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")


def _kill(_built: Chain, responder: "subprocess.Popen[str]") -> None:
    responder.kill()


def _mute(hop: int) -> During:
    def make(built: Chain, _responder: "subprocess.Popen[str]") -> None:
        built[hop].run("iptables", "-I", "OUTPUT", "-p", "icmp", "-j", "DROP")

    return make


def _mute_before(hop: int) -> Callable[[Chain], None]:
    return lambda built: _mute(hop)(built, None)  # type: ignore[arg-type] # it is not looked at


def _no_echo(built: Chain) -> None:
    built[-1].run("iptables", "-I", "INPUT", "-p", "icmp", "-j", "DROP")


def _speak(hop: int) -> During:
    def make(built: Chain, _responder: "subprocess.Popen[str]") -> None:
        built[hop].run("iptables", "-F", "OUTPUT")

    return make


def _changed() -> Any:
    """Four links, and a second router beside the middle one, which the path goes over to."""

    def beside(built: Chain) -> None:
        other = Host(f"{built[0].name}x", "10.98.0.2", "fd98::2")
        subprocess.run(["ip", "netns", "add", other.name], check=True)
        join_beside(built, other)

    return scene(
        hops(3, 20 * MBPS, links=4),
        before=beside,
        during=lambda built, _: way(built, "beside"),
        words=("--direction", "download"),
    )


SCENES: dict[str, Callable[[], Any]] = {
    "ping sockets": lambda: scene(
        hops(2, 20 * MBPS, rtt_seconds=0.01), prefix=NO_PRIVILEGE, before=_ping_sockets
    ),
    "no privilege": lambda: scene(
        hops(2, 20 * MBPS), prefix=NO_PRIVILEGE, words=("--direction", "download")
    ),
    "ipv6": lambda: scene(hops(4, 20 * MBPS), version=6, words=("--direction", "upload")),
    "far end dies": lambda: scene(hops(2, 20 * MBPS), during=_kill),
    "hop disappears": lambda: scene(
        hops(2, 20 * MBPS), during=_mute(3), words=("--direction", "download")
    ),
    "hop appears": lambda: scene(
        hops(2, 20 * MBPS), before=_mute_before(2), during=_speak(2),
        words=("--direction", "upload"),
    ),
    "far end without echo": lambda: scene(
        hops(2, 20 * MBPS), before=_no_echo, words=("--direction", "download")
    ),
    "path changes": _changed,
}  # fmt: skip


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What each scene came to."""
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run `sudo make test-lab`", pytrace=False)
    if shutil.which("iptables") is None:
        pytest.fail("iptables is missing: scripts/system-packages iptables", pytrace=False)
    begin = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(play) for name, play in SCENES.items()}
    print(f"{len(SCENES)} scenes in {time.monotonic() - begin:.0f} s")
    return {name: future.result() for name, future in running.items()}


def between(result: Any, test: str) -> tuple[int, int]:
    """Hops at the ends of what was named."""
    values = result["values"]
    return values[f"{test}_from_hop_count"], values[f"{test}_to_hop_count"]


def test_ping_sockets_need_no_privilege(results: dict[str, Any]) -> None:
    """No capability, only the group: the link by name and number, both directions."""
    found = results["ping sockets"]
    assert found["outcome"] == "ok", found
    values = found["values"]
    for test in ("download", "upload"):
        assert values[f"{test}_verdict"] == "link"
        assert between(found, test) == (2, 3)
        assert values[f"{test}_from_address"] == "10.99.1.2"
        assert values[f"{test}_to_address"] == "10.99.2.2"
        assert 0.1 < values[f"{test}_inflation_seconds"] < 0.3
        assert 0.05 < values[f"{test}_tcp_inflation_seconds"] < 0.3
        assert values[f"{test}_load_bps"] == pytest.approx(20e6 * 1448 / 1514, rel=0.1)
        assert values[f"{test}_limited_by"] == "network"
        assert f"{test}_bps" not in values, "the rate of a load is no verdict's throughput"
        assert found["context"][f"{test}_congestion_control"] == "cubic"
    assert [hop["hop_count"] for hop in values["hops"]] == list(range(7))
    assert [hop["watched_by"] for hop in values["hops"]] == ["echo"] * 7
    assert [hop["return_hop_count"] for hop in values["hops"][1:]] == [1, 2, 3, 4, 5, 6]
    assert values["far_end_reached"] is True


def test_without_any_privilege_packets_that_die_on_the_way_tell(results: dict[str, Any]) -> None:
    """No echo at all: UDP towards the far end and TCP's own round trip; never a wrong link."""
    found = results["no privilege"]
    assert found["outcome"] == "ok", found
    values = found["values"]
    assert found["context"]["trace_protocol"] == "udp"
    watched = [hop["watched_by"] for hop in values["hops"][1:6]]
    assert watched == ["time_exceeded"] * 5
    assert values["download_verdict"] in ("link", "range")
    near, far = between(found, "download")
    assert near <= 2
    assert far >= 3


def test_ipv6(results: dict[str, Any]) -> None:
    """The same by ICMPv6, hop limits of replies included."""
    found = results["ipv6"]
    assert found["outcome"] == "ok", found
    assert found["context"]["address_family"] == "ipv6"
    assert found["values"]["upload_verdict"] == "link"
    assert between(found, "upload") == (4, 5)
    assert found["values"]["hops"][3]["return_hop_count"] == 3


def test_a_far_end_without_echo_is_found_by_tcp(results: dict[str, Any]) -> None:
    """How far it is by its port, how much the delay grew by TCP's own round trip."""
    found = results["far end without echo"]
    assert found["outcome"] == "ok", found
    values = found["values"]
    assert (found["context"]["trace_protocol"], values["far_end_reached"]) == ("tcp", True)
    assert [hop["watched_by"] for hop in values["hops"]] == ["echo"] * 6 + ["none"]
    assert values["download_verdict"] == "link"
    assert between(found, "download") == (2, 3)
    assert values["download_inflation_seconds"] == values["download_tcp_inflation_seconds"]


def test_a_far_end_that_dies_under_load_is_a_failure(results: dict[str, Any]) -> None:
    """No verdict, the reason by name, and the bytes that had moved."""
    found = results["far end dies"]
    assert found["outcome"] == "failed"
    assert found["failure"]["code"] in ("connection_reset", "early_close", "stalled")
    assert found["failure"]["operation"] == "download"
    assert found["values"]["download_bytes"] > 0
    assert not any(name.endswith("_verdict") for name in found["values"])


@pytest.mark.parametrize(
    ("name", "test"), [("hop disappears", "download"), ("hop appears", "upload")]
)
def test_a_hop_that_comes_or_goes_widens_the_answer(
    results: dict[str, Any], name: str, test: str
) -> None:
    """It is silent in a part of the time, so it has no side; what is named still holds the link."""
    found = results[name]
    assert found["outcome"] == "ok", found
    assert found["values"][f"{test}_verdict"] == "range"
    assert between(found, test) == ((2, 4) if name == "hop disappears" else (1, 3))


def test_a_path_that_changes_in_the_middle_names_nothing(results: dict[str, Any]) -> None:
    """Another router after the load than before."""
    found = results["path changes"]
    assert found["outcome"] == "ok", found
    assert found["values"]["download_verdict"] == "cannot_tell"
    assert found["values"]["download_reason"] == "path_changed"
    assert "download_from_hop_count" not in found["values"]


def test_a_sample_of_the_benchmark() -> None:
    """Each link narrow once, cross traffic, a silent and a slow hop, healthy paths: none wrong."""
    done = run(cases.quick(seed=11), 4, None)
    scored = [
        (case, test, score.score(case, test, said["values"]))
        for case, said in done
        for test in score.WAYS
    ]
    head, rows = score.table(scored)
    print("\n".join("  ".join(row) for row in [head, *rows]))
    outcomes = [outcome for _, _, outcome in scored]
    assert len(outcomes) == 22
    assert score.WRONG not in outcomes
    assert score.FAILED not in outcomes
    full = [outcome for case, _, outcome in scored if case.group in ("plain", "cross")]
    assert full.count(score.EXACT) >= 0.9 * len(full)
    healthy = [outcome for case, _, outcome in scored if case.group == "healthy"]
    assert healthy == [score.ROOM] * 4
