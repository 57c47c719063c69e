"""One round of DHCP: ask for offers without taking one, and where none comes, find out why."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final

from agent.clock import Clock
from agent.lan.dhcp_messages import Kind, discover, inform, read
from agent.lan.sweep import Frames

AGAIN_SECONDS: Final = 4.0
"""A client asks once more after this (RFC 2131 section 4.1). A server that pings an address before
it offers it takes up to 3 s."""
INFORM_SECONDS: Final = 2.0


@dataclass(slots=True)
class Round:
    """What servers said."""

    offers: list[tuple[float, IPv4Address]] = field(default_factory=list)
    """Seconds from the first question to each offer, and whose it was."""
    naks_count: int = 0
    informed: set[IPv4Address] = field(default_factory=set)
    """Servers that answered an INFORM."""

    @property
    def servers(self) -> frozenset[IPv4Address]:
        """Servers that offered."""
        return frozenset(server for _, server in self.offers)

    def why_no_offer(self, *, known: bool) -> str:
        """Name the reason. ``known``: a server is known to have been there."""
        if self.informed:
            return "pool_exhausted"
        return "server_gone" if known else "no_server"


def ask(
    frames: Frames, link_address: bytes, transaction: int, seconds: float, clock: Clock
) -> Round:
    """Ask for offers and listen for ``seconds``: other servers may be slower than the first."""
    found = Round()
    started = clock.monotonic_seconds()
    again = started + AGAIN_SECONDS
    frames.send(discover(link_address, transaction))
    while (left := started + seconds - (now := clock.monotonic_seconds())) > 0:
        if now >= again and not found.offers:
            frames.send(discover(link_address, transaction))
            again = started + seconds
        wait = left if found.offers else min(left, max(0.0, again - now))
        for frame in frames.poll(wait):
            answer = read(frame)
            if answer is None or (answer.transaction, answer.client) != (transaction, link_address):
                continue
            if answer.kind == Kind.OFFER:
                found.offers.append((clock.monotonic_seconds() - started, answer.server))
            elif answer.kind == Kind.NAK:
                found.naks_count += 1
    return found


def ask_for_settings(
    frames: Frames,
    link_address: bytes,
    own: IPv4Address,
    transaction: int,
    found: Round,
    clock: Clock,
) -> None:
    """Ask who serves settings beside addresses: a server with no address left answers this."""
    frames.send(inform(link_address, own, transaction))
    until = clock.monotonic_seconds() + INFORM_SECONDS
    while (left := until - clock.monotonic_seconds()) > 0:
        for frame in frames.poll(left):
            answer = read(frame)
            if answer is not None and (answer.kind, answer.transaction) == (Kind.ACK, transaction):
                found.informed.add(answer.server)
