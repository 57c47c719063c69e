"""How the benchmark scores the stop rule and verify: an unfair score would hide a bad rule."""

import sys
from pathlib import Path

import pytest

from agent.throughput.estimator import Sample
from tests.lab.netns import GOODPUT_RATIO

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.throughput.stopping import Condition, replay
from benchmarks.throughput.verifying import Question, is_inside, wrong


def _course(rates_bps: list[float]) -> list[Sample]:
    """One sample every 25 ms, at a rate for each second."""
    samples, total = [Sample(0.0, 0)], 0.0
    for number in range(len(rates_bps) * 40):
        total += rates_bps[number // 40] / 8 * 0.025
        samples.append(Sample((number + 1) * 0.025, round(total)))
    return samples


def _line(rate_bps: float) -> Condition:
    return Condition(round(rate_bps / GOODPUT_RATIO), 0.02, 0.05, "download", "none")


def test_a_steady_course_is_scored_without_error_and_with_few_bytes() -> None:
    """A course that never varies ends at the earliest moment, right to a thousandth."""
    found = replay(_course([80e6] * 10), _line(80e6))
    assert found["stopped"]
    assert found["used_bytes"] < 0.16 * found["whole_bytes"]
    assert abs(found["error"]) < 0.001
    assert abs(found["truth_error"]) < 0.001


def test_a_course_that_changes_later_counts_as_an_error() -> None:
    """The rule cannot know that the line halves after three seconds: the score says so."""
    found = replay(_course([80e6] * 3 + [40e6] * 7), _line(80e6))
    assert found["stopped"]
    assert found["error"] > 0.5


@pytest.mark.parametrize(
    ("ratio", "cross", "verdict", "expected"),
    [
        (0.9, "none", "met", True),
        (0.9, "none", "not_met", False),
        (1.1, "none", "not_met", True),
        (1.1, "udp", "met", False),
        (0.9, "udp", "met", True),
        (0.9, "tcp", "met", False),  # the others yield: the whole line carries it
        (0.5, "tcp", "met", True),  # not even the whole line carries it
        (1.1, "tcp", "not_met", True),
        (0.9, "none", "undetermined", False),
    ],
)
def test_an_answer_is_wrong_where_no_share_of_the_line_makes_it_true(
    ratio: float, cross: str, verdict: str, expected: bool
) -> None:
    """UDP of others leaves exactly 60 %, TCP of others between 60 % and everything."""
    assert wrong(Question(100_000_000, 0.02, cross, ratio), verdict) is expected


def test_three_per_cent_is_inside() -> None:
    """Beyond 3 % an undecided answer is a miss, within it is the right one."""
    assert is_inside(0.985)
    assert not is_inside(0.969)
    assert not is_inside(1.031)
