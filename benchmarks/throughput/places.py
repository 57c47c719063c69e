"""Where client and server run: loopback, a veth pair, a shaped chain with a round trip."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.netns import Host, Link, Rate, Tcp, chain

_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")


@dataclass(frozen=True)
class Place:
    """Words before a command of client and server, and the server's address."""

    name: str
    client: tuple[str, ...]
    server: tuple[str, ...]
    address: str
    client_address: str = "127.0.0.1"


LOOPBACK = Place("loopback", (), (), "127.0.0.1")


def may_build() -> bool:
    """Whether this user may make network namespaces."""
    return os.geteuid() == 0


def between(name: str, near: Host, far: Host) -> Place:
    """From ``near`` to ``far``."""
    return Place(name, tuple(near.command()), tuple(far.command()), far.address, near.address)


def congestion_controls() -> list[str]:
    """CUBIC, and what this machine uses by itself: namespaces take over the latter."""
    return list(dict.fromkeys(["cubic", _CONGESTION.read_text().strip()]))


@contextlib.contextmanager
def veth(congestion: str) -> Iterator[Place]:
    """Two namespaces and a pair of virtual interfaces, nothing shaped."""
    with chain([Link()], Tcp(congestion=congestion)) as (near, far):
        yield between(f"veth {congestion}", near, far)


@contextlib.contextmanager
def shaped(rate_bps: int, rtt_seconds: float, queue_seconds: float = 0.05) -> Iterator[Place]:
    """A token bucket both ways between two routers, and before it a link that delays.

    At an end host a bucket would push back on that host's own TCP (small queues), and a paced
    sender loses its turns for ever: beside bursts of others it stayed 10 % below a line that had
    room for it.
    """
    rate = Rate(rate_bps, queue_seconds=queue_seconds)
    links = [Link(delay_seconds=rtt_seconds / 2), Link(down=rate, up=rate), Link()]
    name = f"{rate_bps / 1e6:g} Mbit/s, {rtt_seconds * 1000:g} ms"
    with chain(links) as (near, _, _, far):
        yield between(name, near, far)
