"""Which targets an appliance lets the centre choose, as a table."""

import ipaddress

import pytest

from agent.allowed import EntryRefused, read_entries, why_not_test
from agent.failure import MeasurementFailed
from agent.guard import Guard
from wire.planning.planned import Planned

NO_LIST = None
LIST = ["centre.example", "*.city.example", "192.0.2.0/24", "2001:db8::/32"]


def admitted(host: str, entries: list[str] | None) -> bool:
    """Say whether a latency test may go there, before names are resolved."""
    return why_not_test(Planned(probe="latency", target=host), read_entries(entries)) is None


@pytest.mark.parametrize(
    ("host", "without", "with_list"),
    [
        ("198.51.100.7", True, False),
        ("192.0.2.7", True, True),
        ("10.1.2.3", True, False),
        ("2001:db8::7", True, True),
        ("2001:4860::1", True, False),
        ("127.0.0.1", False, False),
        ("127.8.9.10", False, False),
        ("0.0.0.1", False, False),
        ("169.254.169.254", False, False),
        ("169.254.1.1", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("240.0.0.1", False, False),
        ("::1", False, False),
        ("fe80::1%eth0", False, False),
        ("fd00:ec2::254", False, False),
        ("64:ff9b::7f00:1", False, False),  # NAT64 of 127.0.0.1
        ("64:ff9b::c000:207", True, True),  # NAT64 of 192.0.2.7
        ("2002:7f00:1::1", False, False),  # 6to4 of 127.0.0.1
        ("centre.example", True, True),
        ("CENTRE.example.", True, True),
        ("a.b.city.example", True, True),
        ("city.example", True, True),  # not on the list, but may resolve into a range on it
    ],
)
def test_addresses_and_names(host: str, without: bool, with_list: bool) -> None:
    """Ordinary ones without a list, listed ones with it, special ones with neither."""
    assert admitted(host, NO_LIST) is without
    assert admitted(host, LIST) is with_list


def test_a_list_of_names_alone_takes_no_other_name() -> None:
    """Without a range there is nothing another name could lead into."""
    assert admitted("centre.example", ["centre.example"])
    assert not admitted("elsewhere.example", ["centre.example"])
    assert not admitted("notcity.example", ["*.city.example"])
    assert not admitted("192.0.2.1", [])


def test_a_listed_range_opens_loopback_for_a_laboratory() -> None:
    """Denied unless listed."""
    assert admitted("127.0.0.1", ["127.0.0.0/8"])
    assert admitted("::1", ["::1"])


def test_targets_inside_options_are_held_to_the_list() -> None:
    """A second server or the host of a redirect is a target too."""
    planned = Planned(
        probe="public_address", target="192.0.2.1", options={"second": "127.0.0.1:3478"}
    )
    assert "127.0.0.1 is not allowed" in (why_not_test(planned, read_entries(None)) or "")


@pytest.mark.parametrize("entry", ["", "192.0.2.0/33", "*", "a b", "-x", "0x7f000001", "*.-"])
def test_entries_that_are_none_are_refused(entry: str) -> None:
    """A list that is misread would allow what nobody meant."""
    with pytest.raises(EntryRefused):
        read_entries(["centre.example", entry])


def test_a_name_is_looked_at_again_after_it_was_resolved() -> None:
    """A listed name vouches for ordinary addresses only; another name leads only into ranges."""
    guard = Guard(read_entries(LIST))
    guard.resolved("centre.example", ["203.0.113.9"])
    guard.check("203.0.113.9")
    with pytest.raises(MeasurementFailed, match="not allowed"):
        guard.check("203.0.113.10")
    with pytest.raises(MeasurementFailed, match=r"centre\.example: 127\.0\.0\.1 is not allowed"):
        guard.resolved("centre.example", ["127.0.0.1"])
    guard.resolved("elsewhere.example", ["192.0.2.9"])
    with pytest.raises(MeasurementFailed):
        guard.resolved("elsewhere.example", ["203.0.113.11"])


@pytest.mark.parametrize("given", ["", "localhost", "127.1", "<broadcast>", "0x7f000001"])
def test_sockets_take_addresses_only(given: str) -> None:
    """The C library would resolve these itself, where nobody looks again."""
    with pytest.raises(MeasurementFailed, match="addresses only"):
        Guard(read_entries(None)).check(given)


def test_own_resolvers_are_spoken_to_where_they_are_measured() -> None:
    """127.0.0.53 is the appliance's own word, not the centre's."""
    Guard(read_entries(None), ["127.0.0.53"]).check("127.0.0.53")
    assert ipaddress.ip_address("127.0.0.53").is_loopback
