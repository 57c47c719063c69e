"""Where client and server run: loopback, a veth pair, a shaped chain with a round trip."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab.netns import Host, Link, Rate, chain


@dataclass(frozen=True)
class Place:
    """Words before a command of client and server, and the server's address."""

    name: str
    client: tuple[str, ...]
    server: tuple[str, ...]
    address: str


LOOPBACK = Place("loopback", (), (), "127.0.0.1")


def may_build() -> bool:
    """Whether this user may make network namespaces."""
    return os.geteuid() == 0


def between(name: str, near: Host, far: Host) -> Place:
    """From ``near`` to ``far``."""
    return Place(name, tuple(near.command()), tuple(far.command()), far.address)


@contextlib.contextmanager
def veth() -> Iterator[Place]:
    """Two namespaces and a pair of virtual interfaces, nothing shaped."""
    with chain([Link()]) as (near, far):
        yield between("veth", near, far)


@contextlib.contextmanager
def shaped(rate_bps: int, rtt_seconds: float, queue_seconds: float = 0.05) -> Iterator[Place]:
    """A token bucket both ways, and before it a link that delays."""
    rate = Rate(rate_bps, queue_seconds=queue_seconds)
    links = [Link(delay_seconds=rtt_seconds / 2), Link(down=rate, up=rate)]
    name = f"{rate_bps / 1e6:g} Mbit/s, {rtt_seconds * 1000:g} ms"
    with chain(links) as (near, _, far):
        yield between(name, near, far)
