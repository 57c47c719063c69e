"""Listening: rates, copies, routers. Storms and quiet hours as tables of frames."""

from ipaddress import IPv4Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lan import advertisement as ra
from agent.lan.listening import LOOP_REPEATS, Heard
from tests.agent.lan.frames import APPLIANCE, TABLET, advertisement, arp_reply, broadcast

GROUP = bytes.fromhex("01005e0000fb")
FIRST, SECOND = "fe80::1", "fe80::2"


def heard(*frames: tuple[float, bytes]) -> Heard:
    """Books of these frames."""
    books = Heard(link_address=APPLIANCE, address=IPv4Address("192.0.2.5"))
    for at_seconds, frame in frames:
        books.note(frame, at_seconds)
    return books


def test_a_busy_lan_is_no_loop() -> None:
    """Three hundred different frames a second, and one that is repeated every second."""
    frames = [(number / 300, broadcast(number)) for number in range(1_500)]
    again = [(float(second), broadcast(60_000)) for second in range(5)]
    books = heard(*sorted((*frames, *again)))
    assert not books.loop_suspected(wireless=False)
    assert (books.most_repeats, books.repeats) == (1, 4)


def test_a_frame_that_goes_round_is_a_loop() -> None:
    """The same one five hundred times a second beside what else is said."""
    loop = [(number / 500, broadcast(1)) for number in range(1_000)]
    rest = [(number / 100, broadcast(100 + number)) for number in range(200)]
    books = heard(*sorted((*loop, *rest)))
    assert books.loop_suspected(wireless=False)
    assert books.most_repeats == 500
    assert books.repeat_ratio == pytest.approx(999 / 1200)


@pytest.mark.parametrize(("times", "suspected"), [(LOOP_REPEATS - 1, False), (LOOP_REPEATS, True)])
def test_the_bound_of_repeats_is_the_documented_one(times: int, *, suspected: bool) -> None:
    """One copy fewer in a second is not yet a loop."""
    books = heard(*[(5.0 + number / 1000, broadcast(1)) for number in range(times)])
    assert books.loop_suspected(wireless=False) is suspected


def test_copies_among_many_others_are_no_loop() -> None:
    """Somebody sends one thing thirty times in a second; most frames are not copies."""
    frames = [(5 + number / 1000, broadcast(number)) for number in range(100)]
    books = heard(*frames, *[(5.5, broadcast(60_000))] * 30)
    assert books.most_repeats == 30
    assert not books.loop_suspected(wireless=False)


def test_own_frames_that_come_back_are_a_loop_by_cable_only() -> None:
    """An access point sends a station's broadcasts to all."""
    books = heard(*[(float(number), broadcast(number, APPLIANCE)) for number in range(3)])
    assert books.own_returned == 3
    assert books.loop_suspected(wireless=False)
    assert not books.loop_suspected(wireless=True)


def test_broadcasts_and_groups_are_told_apart() -> None:
    """By the destination."""
    books = heard((1.0, broadcast(1)), (1.1, GROUP + broadcast(2)[6:]), (1.2, broadcast(3)))
    assert (books.broadcasts, books.multicasts, books.frames) == (2, 1, 3)


def test_nothing_heard_has_no_ratio() -> None:
    """Not measured is not 0."""
    assert heard().repeat_ratio is None
    assert not heard().loop_suspected(wireless=False)


def test_another_device_under_our_address_is_seen() -> None:
    """Our own ARP is none."""
    assert heard((1.0, arp_reply(TABLET, "192.0.2.5"))).own_address_conflict
    assert not heard((1.0, arp_reply(APPLIANCE, "192.0.2.5"))).own_address_conflict
    assert not heard((1.0, arp_reply(TABLET, "192.0.2.6"))).own_address_conflict


def test_routers_that_disagree_are_found() -> None:
    """A prefix of one and not of the other; one router alone cannot disagree."""
    one = (1.0, advertisement(FIRST, "2001:db8:1::/64"))
    same = (2.0, advertisement(SECOND, "2001:db8:1::/64"))
    other = (2.0, advertisement(SECOND, "2001:db8:bad::/64", "2001:db8:1::/64"))
    assert heard(one).conflicting_prefixes() == frozenset()
    assert heard(one, same).conflicting_prefixes() == frozenset()
    assert heard(one, other).conflicting_prefixes() == {IPv6Network("2001:db8:bad::/64")}
    assert len(heard(one, other).routers) == 2


def test_a_router_that_retires_is_none() -> None:
    """Lifetime 0 (RFC 4861 section 4.2); its prefixes were announced all the same."""
    books = heard((1.0, advertisement(FIRST, "2001:db8:1::/64", lifetime_seconds=0)))
    assert (len(books.routers), len(books.prefixes)) == (0, 1)


def test_what_hosts_would_not_take_is_no_advertisement() -> None:
    """From beyond a router (hop limit), from no link-local address, cut, endless options."""
    assert ra.read(advertisement(FIRST, hops=254)) is None
    assert ra.read(advertisement("2001:db8::1")) is None
    assert ra.read(advertisement(FIRST)[:60]) is None
    good = advertisement(FIRST, "2001:db8:1::/64")
    endless = good[:70] + b"\x03\x00" + good[72:]
    found = ra.read(endless)
    assert found is not None
    assert found.prefixes == frozenset()


@given(st.binary(max_size=300), st.integers(0, 110))
def test_any_frame_is_taken_without_an_error(data: bytes, place: int) -> None:
    """Noise, and good frames with noise inside."""
    books = heard()
    for good in (advertisement(FIRST, "2001:db8:1::/64"), arp_reply(TABLET, "192.0.2.5"), b""):
        books.note(good[:place] + data + good[place + len(data) :], 1.0)


def test_no_frame_and_no_address_of_a_device_stays_in_the_books() -> None:
    """What is kept of a frame is a hash; routers are kept, devices are not."""
    books = heard((1.0, arp_reply(TABLET, "192.0.2.77")), (1.0, broadcast(1)))
    kept = repr(books)
    assert TABLET.hex() not in kept
    assert repr(TABLET)[2:-1] not in kept
    assert "192.0.2.77" not in kept
    assert "192.0.2.7" not in kept
