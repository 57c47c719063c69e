"""Ask every address of a range who has it, at a bounded rate; keep what answers as hashes.

The books know a device by its hash from the moment its frame was read: no link address is kept,
not even in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from random import Random
from typing import Final, Protocol

from agent.clock import Clock
from agent.lan.arp import NOBODY, read, request
from agent.lan.interface import Interface

SHORTEST_PREFIX: Final = 20
"""A /20 has 4,094 addresses: 82 s at 50 a second."""
ANSWER_SECONDS: Final = 1.0
"""An answer that comes later than this after the last request is not waited for."""
PASSES: Final = 2
"""Devices that sleep miss the first broadcast; who did not answer is asked once more."""
_LOCALLY_ADMINISTERED: Final = 0x02


class Frames(Protocol):
    """What a sweep needs of a packet socket."""

    def send(self, frame: bytes) -> None:
        """Send a whole frame."""
        ...

    def poll(self, timeout_seconds: float) -> list[bytes]:
        """Give what came in."""
        ...


@dataclass(slots=True)
class Books:
    """What answered, by hashes."""

    hashed: Callable[[bytes], str]
    own_address: IPv4Address
    holders: dict[IPv4Address, set[str]] = field(default_factory=dict)
    """Address to the hashes of who answered for it."""
    private: set[str] = field(default_factory=set)
    """Hashes of devices with a locally administered link address (IEEE 802, bit 2 of the first
    byte): phones and tablets that make one up for each network."""
    asked: set[IPv4Address] = field(default_factory=set)
    own_address_conflict: bool = False

    def note(self, frame: bytes) -> None:
        """Take one frame."""
        said = read(frame)
        if said is None or said.address not in self.asked:
            return
        if said.address == self.own_address:
            self.own_address_conflict = True
            return
        device = self.hashed(said.link_address)
        self.holders.setdefault(said.address, set()).add(device)
        if said.link_address[0] & _LOCALLY_ADMINISTERED:
            self.private.add(device)

    @property
    def devices(self) -> frozenset[str]:
        """Hashes of all that answered."""
        return frozenset(device for found in self.holders.values() for device in found)

    @property
    def duplicates_count(self) -> int:
        """Addresses that two or more devices answered for."""
        return sum(len(found) > 1 for found in self.holders.values())


def addresses(network: IPv4Network, random: Random) -> list[IPv4Address]:
    """All addresses of hosts in a range, shuffled: neighbours are not asked in a row."""
    found = list(network.hosts())
    random.shuffle(found)
    return found


def sweep(
    frames: Frames,
    interface: Interface,
    books: Books,
    wanted: Sequence[IPv4Address],
    *,
    per_second: float,
    ends_at: float,
    clock: Clock,
    tick: Callable[[int], None],
) -> None:
    """Ask for all of ``wanted`` and once more for the silent ones, until ``ends_at`` at most.

    The rate is kept over both passes; after a stall it goes on from there, without a burst. The
    appliance's own address is asked for as a probe, so that nobody's table is touched.
    """
    gap = 1.0 / per_second
    due = clock.monotonic_seconds()
    for number in range(PASSES):
        for address in wanted:
            if number and (address in books.holders or address not in books.asked):
                continue
            now = clock.monotonic_seconds()
            while now < due:
                _take(frames, books, due - now)
                now = clock.monotonic_seconds()
            if now + ANSWER_SECONDS >= ends_at:
                break
            own = NOBODY if address == interface.address else interface.address
            frames.send(request(interface.link_address, own, address))
            books.asked.add(address)
            due = (now if now - due > gap else due) + gap
            tick(len(books.asked))
        _wait(frames, books, min(ends_at, clock.monotonic_seconds() + ANSWER_SECONDS), clock)


def _wait(frames: Frames, books: Books, until: float, clock: Clock) -> None:
    while (left := until - clock.monotonic_seconds()) > 0:
        _take(frames, books, left)


def _take(frames: Frames, books: Books, seconds: float) -> None:
    for frame in frames.poll(seconds):
        books.note(frame)
