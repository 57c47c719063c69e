"""When a test has seen enough. Pure.

The rule is frozen as data, so that it can be scored on recorded courses it was not picked on
(``benchmarks/throughput/stopping.py``): a test ends when its last windows agree, not before
its earliest end, and never after its longest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from agent.throughput.estimator import Point, Sample, course


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """End once ``windows`` windows in a row agree."""

    earliest_seconds: float
    windows: int
    window_seconds: float
    agree_ratio: float
    """Largest minus smallest rate of the windows, as a share of their mean."""


CONVERGED: Final = StopRule(earliest_seconds=1.5, windows=3, window_seconds=1 / 3, agree_ratio=0.02)
LONGEST_SECONDS: Final = 10.0
"""Of a test that does not converge, and of one that calibrates (ndt7: up to ten seconds)."""


def converged(samples: Sequence[Sample], rule: StopRule = CONVERGED) -> bool:
    """Tell whether the newest windows agree."""
    now = samples[-1].at_seconds
    if now - samples[0].at_seconds < rule.earliest_seconds:
        return False
    begin = now - rule.windows * rule.window_seconds
    recent = [sample for sample in samples if sample.at_seconds >= begin - rule.window_seconds / 2]
    points = course(recent)
    moments = [begin + index * rule.window_seconds for index in range(rule.windows + 1)]
    marks = [_nearest(points, moment) for moment in moments]
    rates = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in pairwise(marks)
        if later[0] > earlier[0]
    ]
    if len(rates) < rule.windows:
        return False
    mean = sum(rates) / len(rates)
    return mean > 0 and max(rates) - min(rates) <= rule.agree_ratio * mean


def _nearest(points: Sequence[Point], moment: float) -> Point:
    return min(points, key=lambda point: abs(point[0] - moment))
