"""A small laboratory of network namespaces: hosts in a row and the links between them, as data.

A chain ``client - router - server`` is three namespaces joined by veth pairs. A link first has
the rate of its sending side (a token bucket, tbf, with a queue), then its delay (a delay box in
a namespace of its own, only where a link has one), as a real line has: first a packet waits and
is serialised, then it travels. Where the delay comes first, make it a link of its own.

What tbf counts of a packet is its Ethernet frame without preamble and FCS: 1514 bytes for a full
segment of 1448 bytes of TCP payload over IPv4 (MTU 1500, IP 20, TCP 20 + time stamps 12,
Ethernet 14), so the TCP goodput of a rate is ``rate x 1448 / 1514``. docs/lab.md has the rest.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.lab.delaybox import DelayBox, LabError, Wire
from tests.lab.owner import PREFIX, identity

GOODPUT_RATIO = 1448 / 1514
GOODPUT_RATIO_IPV6 = 1428 / 1514
LONGEST_SECONDS = 60
BUCKET_SECONDS = 0.001
"""The kernel's timer must wake the shaper before the bucket overflows, or the rate is not reached:
on a busy machine 16,000 bytes lose 2 % at 834 Mbit/s and most of 2.5 Gbit/s."""


@dataclass(frozen=True)
class Rate:
    """A token bucket: bits per second of Ethernet frames, bucket and queue."""

    bps: int
    burst_bytes: int | None = None
    """Depth of the bucket; by default :data:`BUCKET_SECONDS` at the rate, at least 16,000."""
    queue_seconds: float = 0.05
    """Room of the queue as the time its bytes take at the rate ..."""
    queue_bytes: int | None = None
    """... or in bytes, if given."""

    @property
    def bucket_bytes(self) -> int:
        """Depth of the bucket."""
        return self.burst_bytes or max(16_000, round(self.bps / 8 * BUCKET_SECONDS))


@dataclass(frozen=True)
class Link:
    """A link of the chain; ``down`` shapes towards the client, ``up`` away from it."""

    down: Rate | None = None
    up: Rate | None = None
    delay_seconds: float = 0.0
    """One way, in each direction."""
    down_wire: Wire | None = None
    """Instead of ``delay_seconds``, all of what a delay box can do to one direction."""
    up_wire: Wire | None = None
    mtu_bytes: int = 1500

    def wires(self) -> tuple[Wire, Wire] | None:
        """What the delay box does up and down; None where the link needs no box."""
        plain = Wire(delay_seconds=self.delay_seconds)
        up, down = self.up_wire or plain, self.down_wire or plain
        return None if up == down == Wire() and not (self.up_wire or self.down_wire) else (up, down)


@dataclass(frozen=True, kw_only=True)
class Tcp:
    """How TCP of every host is set: a new namespace would take some of it from the machine."""

    congestion: str = "cubic"
    receive_most_bytes: int = 6_291_456
    """Largest receive buffer of a connection by itself (Linux default)."""
    send_most_bytes: int = 4_194_304


@dataclass(frozen=True)
class Host:
    """A namespace with its address on the link towards the client (or its own, for the client)."""

    name: str
    address: str
    address6: str = ""

    def command(self, *words: str) -> list[str]:
        """Words to run in this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run to the end in this host."""
        return subprocess.run(
            self.command(*words), check=check, capture_output=True, text=True,
            timeout=LONGEST_SECONDS,
        )  # fmt: skip


class Chain(list[Host]):
    """The hosts of a chain in order, and the delay boxes of its links by the link's index."""

    def __init__(self, hosts: Iterable[Host], boxes: dict[int, DelayBox]) -> None:
        super().__init__(hosts)
        self.boxes = boxes

    @property
    def box_drops(self) -> int:
        """Packets the delay boxes dropped that nobody asked them to drop."""
        return sum(way.own_drops for box in self.boxes.values() for way in box.carried())


@contextlib.contextmanager
def chain(links: Sequence[Link], tcp: Tcp | None = None) -> Iterator[Chain]:
    """Build ``len(links) + 1`` hosts in a row, routed end to end; remove them at the end."""
    boxes: dict[int, DelayBox] = {}
    with identity() as owner:
        names = [f"{PREFIX}{owner}-{index}" for index in range(len(links) + 1)]
        try:
            for name in names:
                _make_host(name, tcp or Tcp())
            for index, link in enumerate(links):
                box = f"{PREFIX}{owner}-box{index}"
                if (made := _join(names[index], names[index + 1], index, link, box)) is not None:
                    boxes[index] = made
            _route(names, (tcp or Tcp()).congestion)
            yield Chain((_host(name, index) for index, name in enumerate(names)), boxes)
        finally:
            for running in boxes.values():
                running.stop()


def _host(name: str, index: int) -> Host:
    if index == 0:
        return Host(name, "10.99.0.1", "fd99::1")
    return Host(name, f"10.99.{index - 1}.2", f"fd99:0:0:{index - 1}::2")


def _make_host(name: str, tcp: Tcp) -> None:
    _ip("netns", "add", name)
    _ip("-n", name, "link", "set", "lo", "up")
    _sysctl(
        name,
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.all.forwarding=1",
        "net.ipv6.conf.default.accept_dad=0",  # addresses are of use at once
        "net.ipv6.conf.all.accept_dad=0",
        "net.ipv4.tcp_no_metrics_save=1",  # a run must not learn from the one before
        f"net.ipv4.tcp_rmem=4096 131072 {tcp.receive_most_bytes}",
        f"net.ipv4.tcp_wmem=4096 16384 {tcp.send_most_bytes}",
    )


def _join(near: str, far: str, index: int, link: Link, box: str) -> DelayBox | None:
    ends = ((near, f"far{index}", 1, link.up), (far, f"near{index}", 2, link.down))
    wires = link.wires()
    if wires is None:
        _ip("link", "add", f"far{index}", "netns", near, "type", "veth",
            "peer", "name", f"near{index}", "netns", far)  # fmt: skip
    else:
        _ip("netns", "add", box)
        _sysctl(box, "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1")
        for (name, device, _, _), side in zip(ends, ("left", "right"), strict=True):
            _ip("link", "add", device, "netns", name, "type", "veth",
                "peer", "name", side, "netns", box)  # fmt: skip
            _ip("-n", box, "link", "set", side, "mtu", str(link.mtu_bytes), "arp", "off", "up")
    for name, device, last, rate in ends:
        _ip("-n", name, "link", "set", device, "mtu", str(link.mtu_bytes))
        if wires and not all(wire.carries_aggregates for wire in wires):
            _ip("-n", name, "link", "set", device, "gso_max_segs", "1")
        _ip("-n", name, "address", "add", f"10.99.{index}.{last}/24", "dev", device,
            "noprefixroute")  # fmt: skip
        _ip("-n", name, "link", "set", device, "up")
        _ip("-n", name, "address", "add", f"fd99:0:0:{index}::{last}/64", "dev", device,
            "nodad", "noprefixroute")  # fmt: skip
        if rate is not None:
            shape(name, device, rate)
    return DelayBox(box, *wires) if wires else None


def _route(names: Sequence[str], congestion: str) -> None:
    """Routes to every link; those of a host's own links first, since others go by them."""
    for here, name in enumerate(names):
        for network in sorted(range(len(names) - 1), key=lambda n: n not in (here - 1, here)):
            for family, base, to, join in (
                ("-4", "10.99.{}", ".0/24", "."),
                ("-6", "fd99:0:0:{}", "::/64", "::"),
            ):
                if network == here:
                    way = ["dev", f"far{network}"]
                elif network == here - 1:
                    way = ["dev", f"near{network}"]
                elif network > here:
                    way = ["via", f"{base.format(here)}{join}2"]
                else:
                    way = ["via", f"{base.format(here - 1)}{join}1"]
                _ip(family, "-n", name, "route", "replace", base.format(network) + to, *way,
                    "congctl", congestion)  # fmt: skip


def shape(name: str, device: str, rate: Rate) -> None:
    """Put a token bucket on what ``device`` of namespace ``name`` sends."""
    queue = (
        ["latency", f"{rate.queue_seconds * 1000:g}ms"]
        if rate.queue_bytes is None
        else ["limit", str(rate.queue_bytes)]
    )
    _ip_exec(name, "tc", "qdisc", "replace", "dev", device, "root", "tbf",
             "rate", f"{rate.bps}bit", "burst", str(rate.bucket_bytes), *queue)  # fmt: skip


def branch(router: Host, far: Host, index: int, down: Rate | None) -> Host:
    """Join one more host to ``router``, with a rate towards it or none; ``far`` finds the way back.

    For hosts beside the first of a chain. It goes with the chain.
    """
    name = f"{router.name.rpartition('-')[0]}-branch{index}"
    _make_host(name, Tcp())
    near, back = f"branch{index}", f"10.98.{index}"
    _ip("link", "add", "far0", "netns", name, "type", "veth",
        "peer", "name", near, "netns", router.name)  # fmt: skip
    for place, device, last in ((name, "far0", 1), (router.name, near, 2)):
        _ip("-n", place, "address", "add", f"{back}.{last}/24", "dev", device)
        _ip("-n", place, "link", "set", device, "up")
    cubic = ("congctl", Tcp().congestion)
    _ip("-n", name, "route", "add", "default", "via", f"{back}.2", *cubic)
    _ip("-n", far.name, "route", "add", f"{back}.0/24",
        "via", f"{far.address.rpartition('.')[0]}.1", *cubic)  # fmt: skip
    if down is not None:
        shape(router.name, near, down)
    return Host(name, f"{back}.1")


def queue_statistics(host: Host, device: str) -> dict[str, int]:
    """Bytes and packets the shaper of ``device`` passed, and packets its full queue dropped."""
    shown = host.run("tc", "-s", "-j", "qdisc", "show", "dev", device, "root").stdout
    (found,) = json.loads(shown)
    return {name: found[name] for name in ("bytes", "packets", "drops", "overlimits")}


def _sysctl(name: str, *settings: str) -> None:
    _ip_exec(name, "sysctl", "-qw", *settings)


def _ip_exec(name: str, *words: str) -> None:
    _ip("netns", "exec", name, *words)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"ip {' '.join(words)} failed: {done.stderr.strip()}")
