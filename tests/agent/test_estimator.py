"""From samples to a rate: series whose rate is known."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.throughput.estimator import (
    Estimate,
    Sample,
    TooLittle,
    estimate,
    warmup_seconds,
    window_rates,
)

MSS = 1448
TICK = 0.025
RATE = 12.5e6
"""Bytes per second: 100 Mbit/s."""


def series(
    seconds: float, arrived: Callable[[float], float], start: float = 1000.0
) -> list[Sample]:
    """Samples every 25 ms of whole segments; ``arrived`` gives bytes after so many seconds."""
    ticks = [index * TICK for index in range(int(seconds / TICK) + 1)]
    counts = [int(arrived(at) / MSS) for at in ticks]
    return [Sample(start + at, count * MSS, count) for at, count in zip(ticks, counts, strict=True)]


def without_segments(samples: list[Sample]) -> list[Sample]:
    """The same, from a kernel that does not count segments."""
    return [replace(sample, segments=None) for sample in samples]


def error_of(found: Estimate, rate: float = RATE) -> float:
    """Relative error against ``rate`` (bytes per second)."""
    return found.rate_bps / 8 / rate - 1


@given(st.floats(1e5, 1e10), st.floats(2, 13), st.booleans())
def test_steady(rate: float, seconds: float, segments: bool) -> None:
    """A steady flow is measured to within what whole segments allow."""
    samples = series(seconds, lambda at: rate * at)
    found = estimate(samples if segments else without_segments(samples), warmup_seconds(seconds))
    assert abs(error_of(found, rate)) < 3 * MSS / (rate * found.window_seconds) + 1e-6
    assert found.relative_half_width_ratio < 0.2 + 10 * MSS / rate / TICK


def test_a_burst_at_the_start_does_not_count() -> None:
    """What a shaper lets through at first (here 5 MB at once) is warm-up."""
    samples = series(2.0, lambda at: RATE * at + (5e6 if at > 0.1 else 0))
    assert abs(error_of(estimate(samples, warmup_seconds(2.0)))) < 0.002
    assert error_of(estimate(samples, 0.0)) > 0.05  # without warm-up it would


def test_slow_start_does_not_count() -> None:
    """Half a second without the full rate is warm-up."""
    samples = series(2.0, lambda at: max(0.0, RATE * (at - 0.4)))
    assert abs(error_of(estimate(samples, warmup_seconds(2.0)))) < 0.002


def test_a_stall_lowers_rate_and_confidence() -> None:
    """A path that stood still for half of the window is half as fast, and the interval says so."""
    samples = series(4.0, lambda at: RATE * min(at, 2.5))
    found = estimate(samples, warmup_seconds(4.0))
    assert -0.65 < error_of(found) < -0.35
    assert found.relative_half_width_ratio > 0.3


def holes(samples: list[Sample], every: float = 1.0, lasting: float = 0.4) -> list[Sample]:
    """Bytes in order stand still for ``lasting`` of every ``every`` seconds, then jump."""
    kept: list[Sample] = []
    for sample in samples:
        phase = (sample.at_seconds - samples[0].at_seconds) % every
        stands = kept and phase > every - lasting
        total = kept[-1].total_bytes if stands else sample.total_bytes
        kept.append(replace(sample, total_bytes=total))
    return kept


def test_holes_and_jumps() -> None:
    """A hole that is open when the test ends costs no accuracy where segments are counted.

    Without them the same series is more than 5 % low: that is what they are for.
    """
    samples = holes(series(1.95, lambda at: RATE * at))
    warmup = warmup_seconds(1.95)
    assert abs(error_of(estimate(samples, warmup))) < 0.002
    assert error_of(estimate(without_segments(samples), warmup)) < -0.05


def test_segments_that_came_twice_are_no_goodput() -> None:
    """With every tenth segment a duplicate the rate is that of bytes in order."""
    samples = [
        replace(sample, segments=int((sample.segments or 0) * 1.1))
        for sample in series(3.0, lambda at: RATE * at)
    ]
    assert abs(error_of(estimate(samples, warmup_seconds(3.0)))) < 0.005


def test_other_segment_sizes() -> None:
    """The size of a segment is found, not assumed (tunnels, jumbo frames)."""
    for mss in (1360, 8948):
        samples = [
            Sample(at * TICK, int(RATE * at * TICK / mss) * mss, int(RATE * at * TICK / mss))
            for at in range(120)
        ]
        assert abs(error_of(estimate(samples, 0.75))) < 0.003


NOT_ENOUGH = {
    "nothing": ([], "no samples"),
    "one": ([Sample(0.0, 0, 0)], "0 samples after warm-up"),
    "short": (series(0.6, lambda at: RATE * at), "samples after warm-up"),
    "silent": (series(2.0, lambda _at: 0.0), "no byte moved"),
    "silent after warm-up": (series(2.0, lambda at: RATE * min(at, 0.2)), "no byte moved"),
}


@pytest.mark.parametrize(("samples", "text"), NOT_ENOUGH.values(), ids=NOT_ENOUGH.keys())
def test_too_little_is_no_rate(samples: list[Sample], text: str) -> None:
    """Where there is nothing to measure there is no number, least of all 0."""
    with pytest.raises(TooLittle, match=text):
        estimate(samples, 0.5)


@given(
    st.lists(
        st.tuples(st.floats(0.001, 1), st.integers(0, 10**9), st.integers(0, 10**6)),
        min_size=10,
        max_size=60,
    ),
    st.booleans(),
)
def test_any_counters(steps: list[tuple[float, int, int]], counted: bool) -> None:
    """Any counters that only grow give a positive rate or TooLittle, and a share as half width."""
    at, total, segments = 0.0, 0, 0
    samples = [Sample(at, total, segments if counted else None)]
    for seconds, more_bytes, more_segments in steps:
        at, total, segments = at + seconds, total + more_bytes, segments + more_segments
        samples.append(Sample(at, total, segments if counted else None))
    try:
        found = estimate(samples, 0.0)
    except TooLittle:
        return
    assert found.rate_bps > 0
    assert 0 <= found.relative_half_width_ratio <= 1


@pytest.mark.parametrize(
    ("test_seconds", "warmup"), [(1, 0.5), (1.5, 0.5), (2, 0.5), (5, 1.25), (10, 2.5)]
)
def test_warm_up(test_seconds: float, warmup: float) -> None:
    """A quarter of the test, at least half a second, at most half of it."""
    assert warmup_seconds(test_seconds) == warmup


def test_windows_cover_the_test() -> None:
    """Ten windows of a steady flow have its rate each."""
    points = [(index * TICK, RATE * index * TICK) for index in range(101)]
    assert window_rates(points, 10) == pytest.approx([8 * RATE] * 10)
