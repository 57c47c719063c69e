"""A small laboratory of network namespaces: hosts in a row, links with rates, all as data.

A chain ``client - router - server`` is three namespaces joined by veth pairs; a rate on a link
is a token bucket (tbf) at the sending side of it. What tbf counts of a packet is its Ethernet
frame without preamble and FCS: 1514 bytes for a full segment of 1448 bytes of TCP payload (MTU
1500, IPv4 20, TCP 20 + timestamps 12, Ethernet 14). So the TCP goodput of a rate is
``rate x 1448 / 1514``.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

GOODPUT_RATIO = 1448 / 1514
_PREFIX = "hklab"


@dataclass(frozen=True)
class Rate:
    """A token bucket: bits per second of Ethernet frames, bucket and queue."""

    bps: int
    burst_bytes: int = 16_000
    queue_seconds: float = 0.05


@dataclass(frozen=True)
class Link:
    """A link of the chain; ``down`` shapes towards the client, ``up`` away from it."""

    down: Rate | None = None
    up: Rate | None = None


@dataclass(frozen=True)
class Host:
    """A namespace with its address on the link towards the client (or its own, for the client)."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """Words to run in this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run to the end in this host."""
        return subprocess.run(
            self.command(*words), check=check, capture_output=True, text=True, timeout=60
        )


@contextlib.contextmanager
def chain(links: Sequence[Link]) -> Iterator[list[Host]]:
    """Build ``len(links) + 1`` hosts in a row, routed end to end; remove them at the end."""
    _remove_stale()
    names = [f"{_PREFIX}{os.getpid()}-{index}" for index in range(len(links) + 1)]
    try:
        for name in names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
            _in(name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for index, link in enumerate(links):
            _join(names, index, link)
        _route(names)
        addresses = ["10.99.0.1", *(f"10.99.{index}.2" for index in range(len(links)))]
        yield [Host(name, address) for name, address in zip(names, addresses, strict=True)]
    finally:
        for name in names:
            _remove(name)


def _join(names: Sequence[str], index: int, link: Link) -> None:
    near, far = names[index], names[index + 1]
    _ip("link", "add", f"far{index}", "netns", near, "type", "veth",
        "peer", "name", f"near{index}", "netns", far)  # fmt: skip
    for name, device, address in (
        (near, f"far{index}", f"10.99.{index}.1/24"),
        (far, f"near{index}", f"10.99.{index}.2/24"),
    ):
        _ip("-n", name, "address", "add", address, "dev", device)
        _ip("-n", name, "link", "set", device, "up")
    if link.down is not None:
        shape(far, f"near{index}", link.down)
    if link.up is not None:
        shape(near, f"far{index}", link.up)


def _route(names: Sequence[str]) -> None:
    last = len(names) - 1
    for here, name in enumerate(names):
        for network in range(last):
            if network >= here + 1:
                _ip("-n", name, "route", "add", f"10.99.{network}.0/24", "via", f"10.99.{here}.2")
            elif network < here - 1:
                _ip("-n", name, "route", "add", f"10.99.{network}.0/24",
                    "via", f"10.99.{here - 1}.1")  # fmt: skip


def shape(name: str, device: str, rate: Rate) -> None:
    """Put a token bucket on what ``device`` of namespace ``name`` sends."""
    _in(name, "tc", "qdisc", "replace", "dev", device, "root", "tbf",
        "rate", f"{rate.bps}bit", "burst", str(rate.burst_bytes),
        "latency", f"{rate.queue_seconds * 1000:g}ms")  # fmt: skip


def _remove_stale() -> None:
    """Remove namespaces of test runs that are gone (killed before their clean-up)."""
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        name = line.split()[0] if line.split() else ""
        owner = name.removeprefix(_PREFIX).partition("-")[0]
        if name.startswith(_PREFIX) and not Path(f"/proc/{owner}").exists():
            _remove(name)


def _remove(name: str) -> None:
    listed = subprocess.run(
        ["ip", "netns", "pids", name], check=False, capture_output=True, text=True
    )
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), 9)
    subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _in(name: str, *words: str) -> None:
    subprocess.run(["ip", "netns", "exec", name, *words], check=True, capture_output=True)
