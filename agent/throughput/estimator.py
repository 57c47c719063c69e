"""From samples of a byte counter to a rate. Pure.

The first part of a test is warm-up (slow start, the initial burst of a shaper's bucket) and is
discarded. Over the rest the rate is the least-squares slope of bytes over time: counters step
in whole bursts of segments, and a slope over many samples averages these steps where a
difference of two end points would keep them.
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


@dataclass(frozen=True, slots=True)
class Sample:
    """A byte counter at a moment of the monotonic clock."""

    at_seconds: float
    total_bytes: int


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
    moved = used[-1].total_bytes - used[0].total_bytes
    if moved <= 0:
        raise TooLittle("no byte moved after warm-up")
    rates = window_rates(used, WINDOWS)
    return Estimate(
        rate_bps=8 * _slope(used),
        warmup_seconds=used[0].at_seconds - samples[0].at_seconds,
        window_seconds=used[-1].at_seconds - used[0].at_seconds,
        window_bytes=moved,
        windows_count=len(rates),
        relative_half_width_ratio=_relative_half_width(rates),
    )


def window_rates(samples: Sequence[Sample], windows: int) -> list[float]:
    """Rates in bit/s of up to ``windows`` parts of about equal length."""
    step = max(1, (len(samples) - 1) // windows)
    marks = [*samples[::step]]
    return [
        8 * (later.total_bytes - earlier.total_bytes) / (later.at_seconds - earlier.at_seconds)
        for earlier, later in pairwise(marks)
        if later.at_seconds > earlier.at_seconds
    ]


def _slope(samples: Sequence[Sample]) -> float:
    middle_time = fmean(sample.at_seconds for sample in samples)
    middle_bytes = fmean(sample.total_bytes for sample in samples)
    above = sum(
        (sample.at_seconds - middle_time) * (sample.total_bytes - middle_bytes)
        for sample in samples
    )
    below = sum((sample.at_seconds - middle_time) ** 2 for sample in samples)
    return above / below


def _relative_half_width(rates: Sequence[float]) -> float:
    if len(rates) < 2 or fmean(rates) <= 0:
        return 1.0
    return min(1.0, _NORMAL_95 * stdev(rates) / sqrt(len(rates)) / fmean(rates))
