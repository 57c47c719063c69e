"""Whether an agent stands where it is at home."""

from hypothesis import given
from hypothesis import strategies as st

from collector.fleet.place import NOWHERE, STRANGE_BEATS, Place, differences, seen
from wire.heartbeat import Network

HOME = Network(gateway="a", subnet="b", public_address="c")


def after(*networks: Network) -> Place | None:
    """The place after heartbeats from these networks."""
    found: Place | None = None
    for network in networks:
        found = seen(found, network)
    return found


def test_first_place_is_home_and_three_elsewhere_are_a_move() -> None:
    """Two heartbeats from elsewhere are an accident, three are a place."""
    away = Network(gateway="x", subnet="b")
    place = after(HOME, *[away] * (STRANGE_BEATS - 1))
    assert place is not None
    assert not place.strange
    place = seen(place, away)
    assert place is not None
    assert place.strange
    assert differences(place.home, place.other) == ("gateway",)
    confirmed = place.confirmed()
    assert not confirmed.strange
    assert confirmed.home.gateway == "x"


def test_a_new_public_address_alone_is_no_move() -> None:
    """Lines get a new address with each reconnection; gateway and subnet say it is home."""
    place = after(HOME, *[Network(gateway="a", subnet="b", public_address="z")] * 9)
    assert place is not None
    assert not place.other_count
    assert place.home.public_address == "z"


def test_public_address_counts_where_nothing_else_is_known() -> None:
    """Without gateway and subnet it is all there is to go by."""
    place = after(Network(public_address="c"), *[Network(public_address="z")] * 3)
    assert place is not None
    assert place.strange


def test_changing_places_need_three_in_a_row_of_one() -> None:
    """A box that hops between two strange networks has not settled in either."""
    one, two = Network(gateway="x"), Network(gateway="y")
    place = after(HOME, *[one, two] * 5)
    assert place is not None
    assert not place.strange


NETWORKS = st.builds(
    Network,
    gateway=st.none() | st.just("a"),
    subnet=st.none() | st.just("b"),
    public_address=st.none() | st.just("c"),
)


@given(st.lists(NETWORKS))
def test_what_is_not_known_now_and_then_is_no_move(networks: list[Network]) -> None:
    """Whatever part of the same place a heartbeat knows, it is the same place."""
    place = after(*networks)
    assert place is None or (place.other, place.other_count) == (NOWHERE, 0)
