"""The stop rule on courses of known shape."""

import random

import pytest

from agent.throughput.estimator import Sample
from agent.throughput.stop import CONVERGED, LONGEST_SECONDS, converged

TICK = 0.025


def course_of(rate_at: object, seconds: float, noise_bytes: float = 0.0) -> list[Sample]:
    """Samples of a course whose rate (bit/s) is a function of time, with noise of a seed."""
    chance = random.Random(5)
    assert callable(rate_at)
    total, samples = 0.0, []
    for index in range(round(seconds / TICK) + 1):
        at = index * TICK
        samples.append(Sample(at, max(0, round(total + chance.uniform(0, noise_bytes)))))
        total += rate_at(at) / 8 * TICK
    return samples


def ends_at(samples: list[Sample]) -> float | None:
    """When the rule would have ended the test; None: not within it."""
    for size in range(2, len(samples) + 1):
        if converged(samples[:size]):
            return samples[size - 1].at_seconds
    return None


def test_a_steady_rate_ends_at_the_earliest_moment() -> None:
    """1.5 s, which is 15 % of a test of ten seconds."""
    end = ends_at(course_of(lambda _: 1e8, 3))
    assert end == pytest.approx(CONVERGED.earliest_seconds, abs=2 * TICK)


def test_a_rate_that_still_grows_is_not_converged() -> None:
    """10 % more each second: stopping would miss what is still to come."""
    assert ends_at(course_of(lambda at: 1e8 * (1 + 0.1 * at), 3)) is None


def test_a_step_delays_the_end_until_the_windows_lie_behind_it() -> None:
    """Others leave at 1.4 s: the test waits until three windows have seen the new rate."""
    end = ends_at(course_of(lambda at: 6e7 if at < 1.4 else 1e8, 5))
    assert end is not None
    assert 2.3 <= end <= 2.6


def test_a_rate_that_swings_never_converges() -> None:
    """A line shared with bursts runs to its longest test."""
    swing = course_of(lambda at: 1e8 if int(at / 0.25) % 3 else 5e7, LONGEST_SECONDS)
    assert ends_at(swing) is None


def test_noise_of_the_counters_is_not_mistaken_for_a_swing() -> None:
    """One 64 KiB aggregate more or less in a window of 100 Mbit/s."""
    assert ends_at(course_of(lambda _: 1e8, 4, noise_bytes=65_536)) is not None


def test_nothing_at_all_never_converges() -> None:
    """Three windows of 0 bytes agree and mean nothing."""
    assert ends_at(course_of(lambda _: 0.0, 4)) is None
