"""From samples of a byte counter to a rate. Pure.

The first part of a test is warm-up (slow start, the initial burst of a shaper's bucket) and is
discarded. Over the rest the rate is the least-squares slope of bytes over time: counters step
in whole bursts of segments, and a slope over many samples averages these steps where a
difference of two end points would keep them.

Bytes in order are not what the path carried in a moment: after a loss they stand still until
the repair and then jump, at 10 Mbit/s by several per cent of a short test. Where the kernel
counts segments regardless of order, these give the course, and bytes only their size: the
largest ratio of bytes in order to segments seen after warm-up (reached whenever no hole is
open; lower while one is, and lowered for good by segments that came twice, which are no
goodput).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev
from typing import Final

WARMUP_SHARE_RATIO: Final = 0.25
WARMUP_MINIMUM_SECONDS: Final = 0.5
"""Long enough for slow start over 20 ms: ten round trips and the recovery after them."""
WINDOWS: Final = 10
FEWEST_SAMPLES: Final = 8
_NORMAL_95: Final = 1.96

Point = tuple[float, float]
"""Seconds and bytes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of all flows at a moment of the monotonic clock."""

    at_seconds: float
    total_bytes: int
    """In order."""
    segments: int | None = None
    """Data segments regardless of order; None where the kernel does not count them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A rate, the part of the test it is from, and how much it varied."""

    rate_bps: float
    warmup_seconds: float
    window_seconds: float
    window_bytes: int
    windows_count: int
    relative_half_width_ratio: float
    """95 % half width of the mean of the windows' rates over the mean, capped at 1."""


class TooLittle(Exception):
    """There is not enough in the samples to name a rate; the text says what is missing."""


def warmup_seconds(test_seconds: float) -> float:
    """How much of a test of ``test_seconds`` is discarded."""
    return min(max(WARMUP_MINIMUM_SECONDS, WARMUP_SHARE_RATIO * test_seconds), test_seconds / 2)


def estimate(samples: Sequence[Sample], warmup: float) -> Estimate:
    """Rate after ``warmup`` seconds from the first sample. Raises :class:`TooLittle`."""
    if not samples:
        raise TooLittle("no samples")
    begin = samples[0].at_seconds + warmup
    used = [sample for sample in samples if sample.at_seconds >= begin]
    if len(used) < FEWEST_SAMPLES:
        raise TooLittle(f"{len(used)} samples after warm-up, {FEWEST_SAMPLES} are needed")
    points = course(used)
    if points[-1][1] <= points[0][1]:
        raise TooLittle("no byte moved after warm-up")
    rates = window_rates(points, WINDOWS)
    return Estimate(
        rate_bps=8 * _slope(points),
        warmup_seconds=used[0].at_seconds - samples[0].at_seconds,
        window_seconds=used[-1].at_seconds - used[0].at_seconds,
        window_bytes=round(points[-1][1] - points[0][1]),
        windows_count=len(rates),
        relative_half_width_ratio=_relative_half_width(rates),
    )


def course(samples: Sequence[Sample]) -> list[Point]:
    """How much had made it across at each moment: by segments where they are counted."""
    counts = [sample.segments for sample in samples]
    sizes = [sample.total_bytes / sample.segments for sample in samples if sample.segments]
    if None in counts or not sizes:
        return [(sample.at_seconds, float(sample.total_bytes)) for sample in samples]
    segment_bytes = max(sizes)
    return [(sample.at_seconds, segment_bytes * (sample.segments or 0)) for sample in samples]


def window_rates(points: Sequence[Point], windows: int) -> list[float]:
    """Rates in bit/s of up to ``windows`` parts of about equal length."""
    step = max(1, (len(points) - 1) // windows)
    return [
        8 * (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in pairwise(points[::step])
        if later[0] > earlier[0]
    ]


def _slope(points: Sequence[Point]) -> float:
    middle_time = fmean(at for at, _ in points)
    middle_bytes = fmean(count for _, count in points)
    above = sum((at - middle_time) * (count - middle_bytes) for at, count in points)
    below = sum((at - middle_time) ** 2 for at, _ in points)
    return above / below


def _relative_half_width(rates: Sequence[float]) -> float:
    if len(rates) < 2 or fmean(rates) <= 0:
        return 1.0
    return min(1.0, _NORMAL_95 * stdev(rates) / sqrt(len(rates)) / fmean(rates))
