"""The lab is what it says: delay, loss, order, rate, ceiling, and nothing left behind."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.lab import owner
from tests.lab.delaybox import Wire
from tests.lab.netns import Chain, Host, Link, Rate, Tcp, chain, queue_statistics
from tests.lab.presets import MBPS, line, line_without_rate

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

SEND = """
import socket, struct, sys, time
at = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
at.connect((sys.argv[1], 9))
for number in range(int(sys.argv[2])):
    at.send(struct.pack("!I", number).ljust(int(sys.argv[3]), b"x"))
    time.sleep(float(sys.argv[4]))
"""
RECEIVE = """
import json, socket, struct, sys
at = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
at.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE, which Python does not name
at.bind(("::", 9))
print("ready", flush=True)
seen = []
at.settimeout(20)
try:
    while True:
        seen.append(struct.unpack("!I", at.recv(2000)[:4])[0])
        at.settimeout(1)
except TimeoutError:
    print(json.dumps(seen))
"""


def datagrams(
    near: Host, far: Host, count: int, size: int = 100, *, gap_seconds: float = 0.0005
) -> list[int]:
    """Send numbered datagrams and give the numbers in the order they came."""
    receiver = subprocess.Popen(
        far.command(sys.executable, "-c", RECEIVE), stdout=subprocess.PIPE, text=True
    )
    assert receiver.stdout is not None
    try:
        assert receiver.stdout.readline() == "ready\n"
        near.run(sys.executable, "-c", SEND, far.address, str(count), str(size), str(gap_seconds))
        seen: list[int] = json.loads(receiver.stdout.readline())
    finally:
        receiver.kill()
        receiver.communicate()
    return seen


def round_trips(near: Host, address: str, count: int = 30) -> list[float]:
    """Round-trip times in seconds from the project's own probe, without the first (ARP)."""
    done = near.run(
        *(sys.executable, "-m", "agent.cli", "measure", "latency", "--target", address),
        *("--count", str(count), "--interval-seconds", "0.1", "--json"),
    )
    values = json.loads(done.stdout)["values"]
    assert values["received_count"] == count
    return [float(values["rtt_min_seconds"]), float(values["rtt_median_seconds"])]


@contextmanager
def iperf3_server(host: Host) -> Iterator[None]:
    """Serve iperf3 in ``host``."""
    server = subprocess.Popen(host.command("iperf3", "-s"), stdout=subprocess.DEVNULL)
    try:
        _await_port(host, 5201)
        yield
    finally:
        server.kill()
        server.wait()


def _await_port(host: Host, port: int) -> None:
    for _ in range(100):
        if f":{port}" in host.run("ss", "-Hltn").stdout:
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port} of {host.name}")


def iperf3(hosts: Chain, *words: str) -> dict[str, Any]:
    """Result of iperf3 from the first to the last host."""
    done = hosts[0].run("iperf3", "-c", hosts[-1].address, "-J", *words)
    result: dict[str, Any] = json.loads(done.stdout)["end"]
    return result


def test_delay_is_what_was_asked() -> None:
    """A round trip over 2 x 10 ms takes 20 ms within 0.2 ms more than without the delay."""
    with chain([Link()]) as hosts:
        plain = round_trips(hosts[0], hosts[1].address)
    with chain([Link(delay_seconds=0.010)]) as hosts:
        for address in (hosts[1].address, hosts[1].address6):
            delayed = round_trips(hosts[0], address)
            added = [with_ - without for with_, without in zip(delayed, plain, strict=True)]
            print(
                f"asked 20 ms, added {added[0] * 1e3:.3f} ms (least), {added[1] * 1e3:.3f} (median)"
            )
            # the least is the box's own; the median may suffer on a busy machine
            assert abs(added[0] - 0.020) < 0.0002
            assert abs(added[1] - 0.020) < 0.002
        assert hosts.box_drops == 0


def test_directions_have_their_own_delay() -> None:
    """3 ms up and 40 ms down make 43 ms, and a change while it runs takes effect."""
    link = Link(up_wire=Wire(delay_seconds=0.003), down_wire=Wire(delay_seconds=0.040))
    with chain([link]) as hosts:
        assert 0.043 <= round_trips(hosts[0], hosts[1].address)[0] < 0.0436
        hosts.boxes[0].change(down=Wire(delay_seconds=0.001))
        assert 0.004 <= round_trips(hosts[0], hosts[1].address)[0] < 0.0046


@pytest.mark.parametrize(
    ("wire", "lost"),
    [
        (Wire(loss_every=10), {n for n in range(1000) if n % 10 == 9}),
        (Wire(loss_every=50, loss_burst=3), {n for n in range(1000) if n % 50 >= 47}),
        (Wire(), set()),
    ],
    ids=["every 10th", "three in 50", "none"],
)
def test_planned_loss_is_exact(wire: Wire, lost: set[int]) -> None:
    """Exactly the planned datagrams are lost, no other, and none by the box itself."""
    link = Link(up_wire=wire, down_wire=Wire(delay_seconds=0.001))
    with chain([link]) as hosts:
        seen = datagrams(hosts[0], hosts[1], 1000)
        up, _ = hosts.boxes[0].carried()
        assert set(range(1000)) - set(seen) == lost
        assert (up.lost_packets, up.own_drops) == (len(lost), 0)


def test_random_loss_repeats_with_its_seed() -> None:
    """Loss by chance has about its ratio, the same packets for a seed, others for another."""
    runs = []
    for seed in (1, 1, 2):
        wire = Wire(loss_ratio=0.05, seed=seed)
        with chain([Link(up_wire=wire)]) as hosts:
            runs.append(datagrams(hosts[0], hosts[1], 2000, gap_seconds=0.0001))
    assert runs[0] == runs[1] != runs[2]
    assert 0.03 < 1 - len(runs[0]) / 2000 < 0.07


def test_loss_meets_single_segments() -> None:
    """On a link with loss TCP crosses in single segments, so a loss is one segment."""
    lossy = Wire(delay_seconds=0.002, loss_every=500)
    with chain([Link(), Link(down=Rate(100 * MBPS), up_wire=lossy, down_wire=lossy)]) as hosts:
        with iperf3_server(hosts[-1]):
            iperf3(hosts, "-t", "2", "-R")
        _, down = hosts.boxes[1].carried()
        print(down)
        assert (down.aggregates, down.largest_bytes) == (0, 1514)
        assert down.lost_packets > 10
        assert down.own_drops == 0


def test_jitter_never_reorders_and_reordering_does() -> None:
    """Jitter keeps the order; every 20th held 5 ms longer comes late, and all come."""
    with chain([Link(up_wire=Wire(delay_seconds=0.002, jitter_seconds=0.005))]) as hosts:
        # first, so that the neighbour is known: the kernel keeps packets while it asks for an
        # address, and one that is sent at the moment of the answer passes those it kept
        least, median = round_trips(hosts[0], hosts[1].address)
        assert datagrams(hosts[0], hosts[1], 1000) == list(range(1000))
        assert 0.002 <= least < median - 0.0005
    held = Wire(delay_seconds=0.002, reorder_every=20, reorder_seconds=0.005)
    with chain([Link(up_wire=held)]) as hosts:
        seen = datagrams(hosts[0], hosts[1], 1000, gap_seconds=0.001)
        assert sorted(seen) == list(range(1000))
        overtaken = {n for before, n in pairwise(seen) if n < before}
        assert overtaken <= set(range(19, 1000, 20))
        assert len(overtaken) > 40


@pytest.mark.beside
def test_both_families_cross_the_whole_chain() -> None:
    """IPv4 and IPv6 reach every host over two routers, and TCP works over both."""
    with chain(line(100 * MBPS, None, 0.004)) as hosts:
        for host in hosts[1:]:
            for address in (host.address, host.address6):
                assert round_trips(hosts[0], address, 5)[0] > 0
        with iperf3_server(hosts[-1]):
            done = hosts[0].run("iperf3", "-c", hosts[-1].address6, "-J", "-t", "1")
            assert json.loads(done.stdout)["end"]["sum_received"]["bytes"] > 1_000_000


@pytest.mark.beside
def test_mtu_of_a_link_is_enforced() -> None:
    """A link of MTU 1454 lets TCP through with no packet above it."""
    with chain([Link(), Link(mtu_bytes=1454, up_wire=Wire(loss_every=10**9))]) as hosts:
        with iperf3_server(hosts[-1]):
            iperf3(hosts, "-t", "1")
        up, _ = hosts.boxes[1].carried()
        assert up.largest_bytes == 1454 + 14


@pytest.mark.parametrize(("payload_bytes", "mbps"), [(1472, 20), (958, 20), (100, 8)])
def test_shaper_counts_ethernet_frames(payload_bytes: int, mbps: int) -> None:
    """A datagram counts as payload + 8 UDP + 20 IP + 14 Ethernet: rate divides by that.

    Small datagrams at a low rate: a busy machine sends only so many a second.
    """
    rate = Rate(mbps * MBPS)
    with chain([Link(), Link(up=rate)]) as hosts, iperf3_server(hosts[-1]):
        end = iperf3(
            hosts, "-u", "-b", f"{1.5 * mbps}M", "-l", str(payload_bytes), "-t", "3", "-O", "1"
        )
        truth = rate.bps * payload_bytes / (payload_bytes + 42)
        found = end["sum_received"]["bits_per_second"]
        shaped = queue_statistics(hosts[1], "far1")
        print(f"{payload_bytes} B: {found / 1e6:.3f} Mbit/s, {100 * (found / truth - 1):+.2f} %")
        assert shaped["drops"] > 0
        assert found == pytest.approx(truth, rel=0.02)


def test_tcp_segment_counts_1514() -> None:
    """Segments of aggregates are counted one by one: bytes over packets of a TCP flow is 1514."""
    with chain(line(100 * MBPS)) as hosts, iperf3_server(hosts[-1]):
        before = queue_statistics(hosts[1], "far1")
        iperf3(hosts, "-t", "2")
        after = queue_statistics(hosts[1], "far1")
    bytes_, packets = (after[name] - before[name] for name in ("bytes", "packets"))
    assert bytes_ / packets == pytest.approx(1514, rel=0.003)  # handshakes are smaller


CEILINGS = {
    "no box": (None, 2.5e9),
    "0 ms": (Wire(), 2.5e9),
    "20 ms": (Wire(delay_seconds=0.010), 2.5e9),
    # loss that never comes: no aggregates, every segment by itself
    "20 ms, single segments": (Wire(delay_seconds=0.010, loss_every=10**9), 0.4e9),
}


@pytest.mark.parametrize("case", CEILINGS)
def test_ceiling_of_the_box(case: str) -> None:
    """The box carries over 2.5 Gbit/s whole, drops nothing of its own; its ceiling is printed."""
    wire, least_bps = CEILINGS[case]
    links = [Link(), Link(up_wire=wire, down_wire=wire)]
    wide = Tcp(receive_most_bytes=1 << 25, send_most_bytes=1 << 25)  # the windows are no limit
    with chain(links, wide) as hosts, iperf3_server(hosts[-1]):
        best = 0.0
        for words in (["-R"], []):
            end = iperf3(hosts, "-P", "4", "-t", "3", "-O", "1", *words)
            rate = end["sum_received"]["bits_per_second"]
            best = max(best, rate)
            print(f"{case}, {'down' if words else 'up'}: {rate / 1e9:.2f} Gbit/s", end="")
            for box in hosts.boxes.values():
                print(f"; box {box.cpu_seconds():.1f} CPU s in all, own drops {hosts.box_drops},")
                print([f"99 % late by < {way.late_us(0.99)} us" for way in box.carried()])
            print()
        if "single" not in case:
            assert hosts.box_drops == 0
        assert best > least_bps


@pytest.mark.parametrize("mbps", [108, 834])
def test_own_client_finds_the_rate(mbps: int) -> None:
    """Our client finds the goodput of a school's line at 20 ms, in 2 s, within 3 %, both ways."""
    truth = mbps * MBPS * 1448 / 1514
    with chain(line(mbps * MBPS, None, 0.020)) as hosts:
        responder = subprocess.Popen(
            hosts[-1].command(sys.executable, "-m", "agent.cli", "responder",
                              "--listen", "0.0.0.0:4443", "--open"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _await_port(hosts[-1], 4443)
            errors = _errors(hosts, truth, runs=3)
        finally:
            responder.kill()
            responder.wait()
        assert hosts.box_drops == 0
    for way, found in errors.items():
        print(f"{mbps} Mbit/s, 20 ms, 2 s, {way}:", [f"{100 * error:+.2f} %" for error in found])
        # the median of three: one run may meet a busy machine
        assert abs(statistics.median(found)) < 0.03


def _errors(hosts: Chain, truth: float, runs: int) -> dict[str, list[float]]:
    errors: dict[str, list[float]] = {"download_bps": [], "upload_bps": []}
    for _ in range(runs):
        done = hosts[0].run(
            *(sys.executable, "-m", "agent.cli", "measure", "throughput", "--target"),
            *(f"{hosts[-1].address}:4443", "--seconds", "2", "--json"),
        )
        for way, found in errors.items():
            found.append(json.loads(done.stdout)["values"][way] / truth - 1)
    return errors


OWNER = """
import subprocess, sys, time
from tests.lab.netns import Link, chain
with chain([Link(delay_seconds=0.010), Link()]) as hosts:
    left = subprocess.Popen(hosts[2].command("sleep", "600"))
    print(*[host.name for host in hosts], hosts.boxes[0].pid, left.pid, flush=True)
    time.sleep(600)
"""


def test_nothing_stays_after_kill_9() -> None:
    """After kill -9 of its owner a chain's box ends, and the next chain removes all the rest."""
    root = Path(__file__).parents[2]
    killed = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert killed.stdout is not None
    *names, box, left = killed.stdout.readline().split()
    assert set(names) <= set(owner.namespaces())
    owner.remove_stale()
    assert set(names) <= set(owner.namespaces()), "the living were taken for dead"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert _ends(int(box))
    assert Path(f"/proc/{left}").exists()
    with chain([Link()]):
        assert not set(names) & set(owner.namespaces())
        assert _ends(int(left))
    assert not [
        name for name in owner.namespaces() if name.startswith(f"{owner.PREFIX}{killed.pid}x")
    ]


def _ends(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_nothing_stays_after_a_failure() -> None:
    """A chain that cannot be built, or whose user fails, leaves no namespace behind."""
    before = owner.namespaces()
    with pytest.raises(ZeroDivisionError), chain(line_without_rate(0.01)):
        raise ZeroDivisionError
    with pytest.raises(Exception, match="tbf"), chain([Link(up=Rate(0))]):
        pytest.fail("a rate of 0 was built")
    assert owner.namespaces() == before


def test_owners_that_begin_at_once_leave_each_other_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes one that is just beginning for gone: its lock is what protects its processes."""
    monkeypatch.setattr(owner, "namespaces", list)  # the race is about locks, and takes many tries

    def keeps_its_lock(_number: int) -> bool:
        with owner.identity() as mine:
            time.sleep(0.001)
            return owner._owned(mine)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(keeps_its_lock, range(2_000)))
