"""The interval of the median: exact ranks, its coverage, its symmetry."""

from fractions import Fraction
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.statistics import median_interval, rank

VALUES = st.lists(st.floats(0, 1e12), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("count", "k"),
    [
        (25, 8),
        (50, 18),
        (100, 40),
        (0, None),
        (1, None),
        (5, None),
        (6, 1),
        (8, 1),
        (9, 2),
        (11, 2),
        (12, 3),
        (17, 5),
        (20, 6),
    ],
)
def test_ranks_are_those_of_the_tables(count: int, k: int | None) -> None:
    """The ranks equal the published tables of 95 % median intervals."""
    assert rank(count) == k


@given(st.integers(6, 400))
def test_the_interval_is_the_narrowest_that_holds_95_percent(count: int) -> None:
    """Rank k holds at least 95 %, rank k+1 would hold less: computed exactly, another way."""
    k = rank(count)
    assert k is not None

    def coverage(rank_used: int) -> Fraction:
        inside = sum(comb(count, below) for below in range(rank_used, count - rank_used + 1))
        return Fraction(inside, 2**count)

    assert coverage(k) >= Fraction(95, 100) > coverage(k + 1)


@given(VALUES)
def test_the_interval_holds_the_median(values: list[float]) -> None:
    """Low <= median <= high, both among the values; fewer than 6 values have no interval."""
    found = median_interval(values)
    assert found is not None
    assert found.values == len(values)
    if len(values) < 6:
        assert found.low is None
        assert found.high is None
    else:
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.median <= found.high
        assert {found.low, found.high} <= set(values)


@given(VALUES, st.randoms(use_true_random=False))
def test_order_does_not_matter(values: list[float], random: Random) -> None:
    """The same results in another order give the same interval."""
    shuffled = list(values)
    random.shuffle(shuffled)
    assert median_interval(shuffled) == median_interval(values)


def test_of_nothing_there_is_no_median() -> None:
    """No values, no median: not 0."""
    assert median_interval([]) is None


def test_it_covers_skewed_distributions() -> None:
    """Over 4,000 draws of 15 from a long-tailed distribution it holds the median in 95 %."""
    random = Random(2026)
    hits = 0
    for _ in range(4000):
        found = median_interval([random.lognormvariate(5, 1.5) for _ in range(15)])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 148.4131591 <= found.high  # e to the 5
    assert 0.95 <= hits / 4000 <= 0.985  # exact for 15 values: 96.5 %
