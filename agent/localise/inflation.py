"""How much the delay of a hop grew under load, and how sure that is. Pure.

A median has the standard error of its order statistics: for n values the ranks that are half a
square root of n away from the middle lie one standard error away (the binomial interval for a
median, H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1). No distribution is
assumed; round trips have none that is known.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent.latency.statistics import median
from agent.localise.evidence import HopSeen, RoundTrip, Window

ERRORS: Final = 2.0
"""Standard errors that a difference must exceed."""
FEWEST_TRIPS: Final = 3
"""In each of the three windows; with fewer a hop is silent."""
PAIR_SECONDS: Final = 0.1
"""Two round trips that left so close together met the same queue."""
BIN_SECONDS: Final = 0.25
"""Round trips of two hops are compared by the medians of so long."""
FEWEST_BINS: Final = 6
LEAST_SWING_SECONDS: Final = 0.002
LEAST_SWING_RATIO: Final = 0.03
"""Of the queue; one that swings less than this tells nothing by its swings."""
MOST_REST_RATIO: Final = 0.6
"""What may be left of the queue's swings after the far end's delay was taken off a hop's."""
MOST_APART_RATIO: Final = 0.08
"""Share of the queue by which a hop's delay may differ from the far end's, beside two errors."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its standard error, in seconds."""

    seconds: float
    error_seconds: float

    def less(self, other: "Estimate") -> "Estimate":
        """The difference of two that do not depend on each other."""
        error = math.hypot(self.error_seconds, other.error_seconds)
        return Estimate(self.seconds - other.seconds, error)

    def times(self, factor: float) -> "Estimate":
        """A multiple."""
        return Estimate(self.seconds * factor, self.error_seconds * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """Of one hop: the median under load less that before, and less that after."""

    since: Estimate
    until: Estimate
    counts: tuple[int, int, int]
    """Round trips before, under load, after."""


def middle(values: Sequence[float]) -> Estimate:
    """Median of at least one value, and its standard error."""
    ordered = sorted(values)
    centre, reach = (len(ordered) - 1) / 2, math.sqrt(len(ordered)) / 2
    low = ordered[max(0, math.floor(centre - reach))]
    high = ordered[min(len(ordered) - 1, math.ceil(centre + reach))]
    return Estimate(median(ordered), (high - low) / 2)


def inflation(hop: HopSeen, before: Window, loaded: Window, after: Window) -> Inflation | None:
    """Of ``hop``; None where a window has too few round trips."""
    parts = [[trip.seconds for trip in part.within(hop.trips)] for part in (before, loaded, after)]
    if min(map(len, parts)) < FEWEST_TRIPS:
        return None
    idle, busy, again = map(middle, parts)
    counts = (len(parts[0]), len(parts[1]), len(parts[2]))
    return Inflation(since=busy.less(idle), until=busy.less(again), counts=counts)


def beside_half(hop: HopSeen, far: HopSeen, idle: Window, loaded: Window) -> Estimate | None:
    """A hop's inflation less half of the far end's, and the error of that difference.

    Each round trip under load is taken with the far end's of the same moment: the queue's own rise
    and fall is in both, so it does not count as uncertainty. None where too few can be paired.
    """
    rest = [[trip.seconds for trip in idle.within(each.trips)] for each in (hop, far)]
    pairs = list(_pairs(loaded.within(hop.trips), loaded.within(far.trips)))
    if min(*map(len, rest), len(pairs)) < FEWEST_TRIPS:
        return None
    base, far_base = map(middle, rest)
    busy = middle([here - there / 2 for here, there in pairs])
    return busy.less(base.less(far_base.times(0.5)))


def goes_its_own_way(hop: HopSeen, far: HopSeen, before: Window, loaded: Window) -> bool:
    """Tell whether a hop is slow under load by something else than the far end's queue.

    The queue that CUBIC makes rises and falls, and every hop behind it with it, by as much. A hop
    whose own processor is slow under load may be about as slow as the queue is long, but hardly as
    slow all the time. False too where nothing can be said: too little was seen.
    """
    idle = [[trip.seconds for trip in before.within(each.trips)] for each in (hop, far)]
    here, there = _bins(loaded.within(hop.trips)), _bins(loaded.within(far.trips))
    shared = sorted(set(here) & set(there))
    if len(shared) < FEWEST_BINS or not all(idle):
        return False
    base, far_base = (middle(values).seconds for values in idle)
    queue = [there[number] - far_base for number in shared]
    apart = [here[number] - base - there[number] + far_base for number in shared]
    length, distance = middle(queue).seconds, middle(apart)
    if abs(distance.seconds) > MOST_APART_RATIO * length + ERRORS * distance.error_seconds:
        return True
    swing = _spread(queue)
    if swing < max(LEAST_SWING_SECONDS, LEAST_SWING_RATIO * length):
        return False
    return _spread(apart) > MOST_REST_RATIO * swing


def _pairs(here: Sequence[RoundTrip], there: Sequence[RoundTrip]) -> Iterator[tuple[float, float]]:
    """Each round trip with the one of the other hop that left next to it, both in order of time."""
    place = 0
    for trip in here:
        while place + 1 < len(there) and abs(there[place + 1].at_seconds - trip.at_seconds) <= abs(
            there[place].at_seconds - trip.at_seconds
        ):
            place += 1
        if there and abs(there[place].at_seconds - trip.at_seconds) <= PAIR_SECONDS:
            yield trip.seconds, there[place].seconds


def _bins(trips: Sequence[RoundTrip]) -> dict[int, float]:
    grouped: dict[int, list[float]] = {}
    for trip in trips:
        grouped.setdefault(math.floor(trip.at_seconds / BIN_SECONDS), []).append(trip.seconds)
    return {number: median(sorted(values)) for number, values in grouped.items()}


def _spread(values: Sequence[float]) -> float:
    """Half of the range that the middle two thirds take: of a normal one its standard deviation."""
    ordered = sorted(values)
    cut = len(ordered) // 6
    return (ordered[-1 - cut] - ordered[cut]) / 2
