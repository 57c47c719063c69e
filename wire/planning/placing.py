"""Moments by chance among what is still free: intervals of one day, in seconds.

Drawing from the free intervals, instead of drawing until a draw fits, ends always, says when
there is no room, and gives each free moment the same chance.
"""

from collections.abc import Iterable
from random import Random

Interval = tuple[float, float]
"""From, to; the ends themselves are free where the interval is taken."""


def gaps(start: float, end: float, taken: Iterable[Interval]) -> list[Interval]:
    """What of ``start`` to ``end`` is not taken, in order."""
    free: list[Interval] = []
    at = start
    for begin, finish in sorted(taken):
        if begin > at:
            free.append((at, min(begin, end)))
        at = max(at, finish)
        if at >= end:
            break
    if at < end:
        free.append((at, end))
    return [(begin, finish) for begin, finish in free if finish > begin]


def draw(free: Iterable[Interval], random: Random) -> float | None:
    """A moment by chance in the free intervals, each moment alike; None where there is none."""
    intervals = list(free)
    total = sum(finish - begin for begin, finish in intervals)
    if not intervals:
        return None
    left = random.uniform(0.0, total)
    for begin, finish in intervals:
        if left <= finish - begin:
            return begin + left
        left -= finish - begin
    return intervals[-1][1]
