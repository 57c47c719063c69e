"""Responsiveness: the arithmetic of the draft, on numbers that can be checked by hand."""

import pytest

from agent.throughput.working_latency import (
    RULES,
    Confidence,
    Kind,
    RoundTrip,
    Stages,
    probe_interval_seconds,
    rpm,
    settled,
    trimmed_mean,
)


def trips(**seconds: list[float]) -> list[RoundTrip]:
    """Round trips by kind; when they ended is of no matter to the arithmetic."""
    return [RoundTrip(Kind(kind), 0.0, each) for kind, many in seconds.items() for each in many]


def test_trimmed_mean_leaves_out_the_longest_only() -> None:
    """Of 100 values the five longest go and the shortest stay: one-sided, as the draft says."""
    assert trimmed_mean([float(value) for value in range(100, 0, -1)]) == pytest.approx(48.0)


def test_trimmed_mean_of_one_value_is_that_value() -> None:
    """95 per cent of one is rounded down to none, and one is kept all the same."""
    assert trimmed_mean([0.25]) == 0.25


def test_trimmed_mean_of_nothing_is_refused() -> None:
    """What was not measured is never 0."""
    with pytest.raises(ValueError, match="no value"):
        trimmed_mean([])


def test_rpm_is_the_mean_of_foreign_and_loaded_responsiveness() -> None:
    """60 / ((0.1 + 0.2) / 2) = 400 and 60 / 0.3 = 200 have the mean 300 (TCP-only case)."""
    assert rpm(trips(connect=[0.1], request=[0.2], loaded=[0.3])) == pytest.approx(300.0)


def test_kinds_weigh_alike_however_many_probes_there_were() -> None:
    """Each kind is averaged for itself first."""
    few = rpm(trips(connect=[0.1], request=[0.2], loaded=[0.3]))
    many = rpm(trips(connect=[0.1] * 50, request=[0.2], loaded=[0.3] * 7))
    assert many == pytest.approx(few)


@pytest.mark.parametrize("missing", ["connect", "request", "loaded"])
def test_no_rpm_without_one_of_the_kinds(missing: str) -> None:
    """A kind that was not seen is not left out of the mean in silence."""
    seen = {kind.value: [0.1] for kind in Kind if kind.value != missing}
    assert rpm(trips(**seen)) is None


def test_averages_settle_within_five_per_cent_over_four() -> None:
    """Standard deviation of the last four within the tolerance of the newest; three never do."""
    assert settled([1.0, 100.0, 101.0, 99.0, 100.0])
    assert not settled([80.0, 100.0, 101.0, 99.0])
    assert not settled([100.0, 100.0, 100.0])


def test_probes_stay_within_their_share_of_a_slow_line() -> None:
    """On 100 kbit/s a pair of 1,250 bytes every 2 s is the 5 per cent that are allowed."""
    assert probe_interval_seconds(100e3) == pytest.approx(2.0)
    assert probe_interval_seconds(1e9) == RULES.probe_seconds


def stages(intervals: list[tuple[float, float | None]]) -> Stages:
    """Follow a test of half-second intervals: bytes moved and responsiveness of each."""
    found = Stages()
    for moved, current in intervals:
        found.interval(moved, 0.5, current)
    return found


def test_a_steady_line_is_done_with_high_confidence_after_eight_intervals() -> None:
    """Four for the goodput, four for the responsiveness, and not one before."""
    almost = stages([(1e6, 300.0)] * 7)
    assert almost.steady
    assert not almost.done
    found = stages([(1e6, 300.0)] * 8)
    assert found.done
    assert (found.goodput_confidence, found.rpm_confidence) == (Confidence.HIGH, Confidence.HIGH)


def test_a_load_that_swings_never_reaches_the_second_stage() -> None:
    """Medium for the goodput, low for the responsiveness, however steady that was."""
    found = stages([(1e6 * 2**index, 300.0) for index in range(12)])
    assert not found.steady
    assert (found.goodput_confidence, found.rpm_confidence) == (Confidence.MEDIUM, Confidence.LOW)


def test_responsiveness_that_swings_is_of_medium_confidence() -> None:
    """The load is there, the answers vary."""
    found = stages([(1e6, 300.0 if index % 2 else 100.0) for index in range(12)])
    assert (found.goodput_confidence, found.rpm_confidence) == (Confidence.HIGH, Confidence.MEDIUM)


def test_too_few_intervals_are_of_low_confidence() -> None:
    """A moving average that is not over its whole length says little."""
    found = stages([(1e6, 300.0)] * 3)
    assert (found.goodput_confidence, found.rpm_confidence) == (Confidence.LOW, Confidence.LOW)


def test_a_line_on_which_nothing_moves_is_not_steady() -> None:
    """Four times nothing agree and are no load."""
    assert not stages([(0.0, None)] * 6).steady
