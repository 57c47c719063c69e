"""Median with a distribution-free interval from order statistics.

For n independent values of one continuous distribution, the number that lies below its median
is binomial(n, 1/2), whatever the distribution. So the k-th smallest and k-th largest value
hold the median between them with probability 1 - 2 P(B <= k-1). The interval is the narrowest
such pair that holds at least 95 %; for fewer than 6 values there is none (5 give 93.75 %).

Source: H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition (Wiley, 2003), section 7.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MIN_VALUES: Final = 6
"""Fewest values that give a 95 % interval: 2 / 2^6 = 3.1 %, 2 / 2^5 = 6.25 %."""


@dataclass(frozen=True, slots=True)
class MedianInterval:
    """Median of some values and, with 6 or more of them, its 95 % interval."""

    values: int
    median: float
    low: float | None
    high: float | None


@lru_cache(maxsize=4096)
def rank(values: int) -> int | None:
    """Give the largest k whose order statistics k and n+1-k hold the median with 95 %.

    None for fewer than 6 values. Exact, in whole numbers.
    """
    allowed = (1 << values) // 40  # 2 P <= 5 %  <=>  40 x ways <= 2^n
    ways = term = 1  # subsets of size 0
    k = 0
    while ways <= allowed:
        k += 1
        term = term * (values - k + 1) // k
        ways += term
    return k or None


def median_interval(values: Sequence[float]) -> MedianInterval | None:
    """Give median and interval of ``values`` (any order); None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    count = len(ordered)
    middle = count // 2
    median = ordered[middle] if count % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    k = rank(count)
    if k is None:
        return MedianInterval(count, median, None, None)
    return MedianInterval(count, median, ordered[k - 1], ordered[count - k])
