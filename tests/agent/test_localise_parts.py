"""The parts around the rule: errors of medians, swings, segments, ways back, routes."""

import statistics
from random import Random

import pytest

from agent.localise.evidence import HopSeen, RoundTrip, Window
from agent.localise.inflation import Estimate, goes_its_own_way, inflation, middle
from agent.localise.route import Route
from agent.localise.segments import Segment, compare
from agent.localise.watch import return_hops
from tests.agent.localising import BEFORE, LOADED, path, under_load


def test_the_error_of_a_median_is_its_spread_over_many_samples() -> None:
    """Of 2,000 samples of 60 the medians scatter by what one says of itself, or up to 25 % less."""
    random = Random(7)
    medians, errors = [], []
    for _ in range(2_000):
        found = middle([random.expovariate(100) for _ in range(60)])
        medians.append(found.seconds)
        errors.append(found.error_seconds)
    assert 1.0 <= statistics.mean(errors) / statistics.stdev(medians) <= 1.25


@pytest.mark.parametrize(
    ("values", "median", "error"),
    [([0.3], 0.3, 0.0), ([0.1, 0.3], 0.2, 0.1), ([0.1, 0.2, 0.6], 0.2, 0.25)],
)
def test_few_values(values: list[float], median: float, error: float) -> None:
    """Of two or three the whole range counts."""
    found = middle(values)
    assert found.seconds == pytest.approx(median)
    assert found.error_seconds == pytest.approx(error)


def test_errors_add_in_squares() -> None:
    """3 and 4 make 5."""
    found = Estimate(0.5, 0.003).less(Estimate(0.2, 0.004))
    assert found.seconds == pytest.approx(0.3)
    assert found.error_seconds == pytest.approx(0.005)


def test_too_few_round_trips_are_no_inflation() -> None:
    """Two in a window are silence."""
    trips = [RoundTrip(at / 2, 0.01) for at in range(20)]
    hop = HopSeen(hop=1, trips=trips)
    whole = Window(0, 3), Window(3, 6), Window(6, 9)
    assert inflation(hop, *whole) is not None
    assert inflation(hop, Window(0, 1), Window(3, 6), Window(6, 9)) is None


@pytest.mark.parametrize("seconds", [0.083, 0.065, 0.11])
def test_a_constant_is_told_from_the_queue(seconds: float) -> None:
    """A hop behind the queue goes with it; one that is slow by a constant does not."""
    evidence = path(narrow=4, odd={3: under_load(seconds)})
    far = evidence.hops[-1]
    assert not goes_its_own_way(evidence.hops[4], far, BEFORE, LOADED)
    assert goes_its_own_way(evidence.hops[3], far, BEFORE, LOADED)
    assert not goes_its_own_way(evidence.hops[3], HopSeen(hop=6), BEFORE, LOADED), "no far end"


def test_a_queue_that_hardly_swings_tells_by_its_length_alone() -> None:
    """A constant of three quarters of it is told, an equal one is not."""
    still = {hop: under_load(0.1) for hop in (4, 5, 6)}
    for seconds, told in ((0.075, True), (0.1, False)):
        evidence = path(narrow=None, odd={**still, 3: under_load(seconds)})
        assert goes_its_own_way(evidence.hops[3], evidence.hops[6], BEFORE, LOADED) is told


@pytest.mark.parametrize(
    ("lan", "centre", "widths", "segment"),
    [
        (900e6, 300e6, (0.02, 0.02), Segment.BEYOND_LAN),
        (94e6, 93e6, (0.01, 0.01), Segment.WITHIN_LAN),
        (94e6, 60e6, (0.01, 0.30), Segment.CANNOT_TELL),
        (120e6, 100e6, (0.0, 0.0), Segment.CANNOT_TELL),
        (80e6, 95e6, (0.05, 0.05), Segment.WITHIN_LAN),
        (100e6, 50e6, (0.0, 1.0), Segment.CANNOT_TELL),
    ],
)
def test_segments(lan: float, centre: float, widths: tuple[float, float], segment: Segment) -> None:
    """Clearly more inside: the narrow piece is beyond. Alike: it is on the way both share."""
    assert compare(lan, centre, *widths) is segment


def test_a_rate_of_zero_was_not_measured() -> None:
    """It cannot be compared."""
    with pytest.raises(ValueError, match="must have been measured"):
        compare(0.0, 1e6)


@pytest.mark.parametrize(
    ("limit", "hops"), [(64, 1), (63, 2), (255, 1), (250, 6), (128, 1), (120, 9), (65, 64)]
)
def test_the_way_back_by_the_time_to_live(limit: int, hops: int) -> None:
    """64, 128 or 255 to begin with, one less for every router."""
    assert return_hops(limit) == hops


@pytest.mark.parametrize(
    ("first", "then", "differs"),
    [
        (("a", "b", "z"), ("a", "b", "z"), False),
        (("a", None, "z"), ("a", "b", "z"), False),
        (("a", "b", "z"), ("a", "c", "z"), True),
        (("a", "b", "z"), ("a", "z"), True),
    ],
)
def test_routes_that_differ(
    first: tuple[str | None, ...],
    then: tuple[str | None, ...],
    differs: bool,
) -> None:
    """A silent hop is no other router; another router, or another length, is another path."""
    assert Route(first, True, "icmp").differs(Route(then, True, "icmp")) is differs
