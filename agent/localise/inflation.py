"""How much the delay of a hop grew under load, and how sure that is. Pure.

A median has the standard error of its order statistics: for n values the ranks that are half a
square root of n away from the middle lie one standard error away (the binomial interval for a
median, H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1). No distribution is
assumed; round trips have none that is known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.latency.statistics import median
from agent.localise.evidence import HopSeen, RoundTrip, Window

FEWEST_TRIPS: Final = 3
"""In each of the three windows; with fewer a hop is silent."""
BIN_SECONDS: Final = 0.25
"""Round trips of two hops are compared by the medians of so long."""
FEWEST_BINS: Final = 6
LEAST_SWING_SECONDS: Final = 0.001
LEAST_SWING_RATIO: Final = 0.04
"""Of the queue; one that swings less than this tells nothing by its swings."""
MOST_REST_RATIO: Final = 0.7
"""What is left of the queue's swings after the far end's delay was taken off a hop's."""


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


def swings_apart(hop: HopSeen, far: HopSeen, loaded: Window) -> bool:
    """Tell whether a hop's delay goes its own way while the far end's swings with the queue.

    The queue that CUBIC makes rises and falls, and every hop behind it with it. A hop whose own
    processor is slow under load may be as slow as the queue is long, but not in step. False too
    where nothing can be said: too little was seen, or the queue hardly swings.
    """
    here, there = _bins(loaded.within(hop.trips)), _bins(loaded.within(far.trips))
    shared = sorted(set(here) & set(there))
    if len(shared) < FEWEST_BINS:
        return False
    queue = [there[number] for number in shared]
    swing = _spread(queue)
    if swing < max(LEAST_SWING_SECONDS, LEAST_SWING_RATIO * max(queue)):
        return False
    return _spread([here[number] - there[number] for number in shared]) > MOST_REST_RATIO * swing


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
