"""The sweep: who is asked how fast, and what becomes of answers."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from random import Random

from agent.lan import arp
from agent.lan.devices import hasher
from agent.lan.interface import Interface
from agent.lan.sweep import ANSWER_SECONDS, Books, addresses, sweep
from tests.agent.lan.frames import APPLIANCE, PRIVATE, SERVER, TABLET, arp_reply
from tests.agent.spooling import FakeClock

OWN = IPv4Address("192.0.2.5")
NETWORK = IPv4Network("192.0.2.0/28")
HERE = Interface(name="eth0", link_address=APPLIANCE, address=OWN, network=NETWORK)


@dataclass
class Lan:
    """Stands in for a packet socket: devices answer at once, time passes while it is waited."""

    clock: FakeClock
    devices: dict[str, list[bytes]]
    sent: list[tuple[float, IPv4Address, IPv4Address]] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes) -> None:
        """Take a request."""
        asked = arp.read(frame)
        assert asked is not None
        assert asked.operation == arp.REQUEST
        self.sent.append((self.clock.seconds, asked.target, asked.address))
        for link_address in self.devices.get(str(asked.target), []):
            self.waiting.append(arp_reply(link_address, str(asked.target)))

    def poll(self, timeout_seconds: float) -> list[bytes]:
        """Give the answers."""
        self.clock.forward(timeout_seconds)
        found, self.waiting = self.waiting, []
        return found


def run(
    devices: dict[str, list[bytes]], per_second: float = 50, seconds: float = 60
) -> tuple[Books, Lan]:
    """Sweep a LAN with these devices."""
    clock = FakeClock()
    lan = Lan(clock, devices)
    books = Books(hashed=hasher(b"k" * 32), own_address=OWN)
    sweep(
        lan,
        HERE,
        books,
        addresses(NETWORK, Random(1)),
        per_second=per_second,
        ends_at=clock.seconds + seconds,
        clock=clock,
        tick=lambda _: None,
    )
    return books, lan


def test_devices_are_counted_once_and_duplicates_named() -> None:
    """One with two addresses is one device; an address of two devices is a duplicate."""
    books, _ = run({"192.0.2.1": [TABLET], "192.0.2.2": [TABLET], "192.0.2.3": [PRIVATE, SERVER]})
    assert len(books.devices) == 3
    assert (len(books.holders), books.duplicates_count, len(books.private)) == (3, 1, 1)
    assert not books.own_address_conflict


def test_nothing_in_the_books_shows_a_link_address() -> None:
    """Hashes from the moment a frame was read."""
    books, _ = run({"192.0.2.1": [TABLET], "192.0.2.3": [PRIVATE]})
    assert TABLET.hex() not in repr(books)
    assert all(len(device) == 32 for device in books.devices)


def test_somebody_else_under_our_address_is_a_conflict_and_no_device() -> None:
    """Our own address is asked for as nobody, so that no table of others is changed."""
    books, lan = run({"192.0.2.5": [TABLET]})
    assert books.own_address_conflict
    assert books.devices == frozenset()
    senders = {target: sender for _, target, sender in lan.sent}
    assert senders.pop(OWN) == arp.NOBODY
    assert set(senders.values()) == {OWN}


def test_the_rate_is_kept_and_the_silent_are_asked_twice() -> None:
    """At any moment no more than the rate, over both passes."""
    books, lan = run({"192.0.2.1": [TABLET]}, per_second=5)
    assert len(books.asked) == 14
    assert len(lan.sent) == 14 + 13
    moments = [at for at, _, _ in lan.sent]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) > 0.199


def test_a_sweep_that_has_no_time_says_how_far_it_came() -> None:
    """What was not asked is not counted as asked."""
    books, lan = run({}, per_second=5, seconds=ANSWER_SECONDS + 1)
    assert len(books.asked) == len(lan.sent) == 5


def test_answers_from_elsewhere_are_not_taken() -> None:
    """Only addresses that were asked for; no group address as a device; nothing cut short."""
    books = Books(hashed=hasher(b"k" * 32), own_address=OWN)
    books.asked.add(IPv4Address("192.0.2.1"))
    for frame in (
        arp_reply(TABLET, "192.0.2.9"),
        arp_reply(bytes.fromhex("01005e000001"), "192.0.2.1"),
        arp_reply(TABLET, "192.0.2.1")[:41],
        b"",
    ):
        books.note(frame)
    assert books.devices == frozenset()
    books.note(arp_reply(TABLET, "192.0.2.1"))
    assert len(books.devices) == 1
