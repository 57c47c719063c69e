"""How the benchmark scores the stop rule and verify: an unfair score would hide a bad rule."""

import random
import sys
from pathlib import Path

import pytest

from agent.context import Reading
from agent.throughput.estimator import Sample
from tests.lab.netns import GOODPUT_RATIO

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.throughput import stopping, verifying
from benchmarks.throughput.recording import Course, Line, draw_ratio
from benchmarks.throughput.verifying import distance, wrong

FULL = (1448, 0.02, 0.03)
EMPTY = (0, 0.02, 0.0202)


def _course(
    rates_bps: list[float],
    line_bps: float,
    *,
    cross: str = "none",
    ratio: float | None = None,
    others_bps: float = 0.0,
    word: tuple[int, float, float] = FULL,
) -> Course:
    """One sample every 25 ms, at a rate for each second; ``line_bps`` is its goodput."""
    samples, total = [Sample(0.0, 0)], 0.0
    counters = [Reading(0.0, 0, 0, 0, 0)]
    for number in range(len(rates_bps) * 40):
        total += rates_bps[number // 40] / 8 * 0.025
        at = (number + 1) * 0.025
        samples.append(Sample(at, round(total)))
        crossed = total + others_bps / 8 * at
        frames = crossed / 1448
        counters.append(Reading(at, round(crossed + 66 * frames), round(frames), 0, 0))
    again, least, rtt = word
    return Course(
        line=Line(round(line_bps / GOODPUT_RATIO), 0.02, 0.05, cross), way="download", ratio=ratio,
        trouble=None, samples=samples, words=[(0.25, least, rtt, again, 10**6)], counters=counters,
    )  # fmt: skip


def test_a_steady_course_is_scored_without_error_and_with_few_bytes() -> None:
    """A course that never varies ends at the earliest moment, right to a thousandth."""
    found = stopping.replay(_course([80e6] * 10, 80e6))
    assert found["stopped"]
    assert found["used_bytes"] < 0.16 * found["whole_bytes"]
    assert abs(found["error"]) < 0.001
    assert abs(found["line_error"]) < 0.001


def test_a_course_that_changes_later_counts_as_an_error() -> None:
    """The rule cannot know that the line halves after three seconds: the score says so."""
    found = stopping.replay(_course([80e6] * 3 + [40e6] * 7, 80e6))
    assert found["stopped"]
    assert found["error"] > 0.5


def test_what_others_had_is_part_of_the_line() -> None:
    """48 of 80 Mbit/s beside 32 of others is no error, beside nobody it is one of 40 %."""
    shared = stopping.replay(_course([48e6] * 10, 80e6, cross="udp", others_bps=32e6))
    alone = stopping.replay(_course([48e6] * 10, 80e6))
    assert abs(shared["line_error"]) < 0.001
    assert alone["line_error"] == pytest.approx(-0.4, abs=0.001)


@pytest.mark.parametrize(
    ("ratio", "word", "verdict", "most_seconds"),
    [
        (0.6, FULL, "not_met", 0.7),
        (0.6, EMPTY, "undetermined", 2.1),
        (1.0, FULL, "undetermined", 0.9),
        (1.5, EMPTY, "met", 0.7),
    ],
)
def test_a_question_is_replayed_as_the_probe_would_ask_it(
    ratio: float, word: tuple[int, float, float], verdict: str, most_seconds: float
) -> None:
    """With what the far end said, and no further than the rule goes."""
    course = _course([min(80e6, 1.08 * 80e6 / ratio)] * 5, 80e6, ratio=ratio, word=word)
    verifier, number = verifying.replay(course)
    assert verifier.answer.decision.value == verdict
    assert course.samples[number].at_seconds <= most_seconds


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
    course = _course([80e6], 100e6, cross=cross, ratio=ratio)
    assert wrong(course, verdict) is expected


def test_three_per_cent_is_inside() -> None:
    """Beyond 3 % an undecided answer is a miss, within it is the right one."""
    assert [distance(ratio) for ratio in (0.985, 0.969, 1.031, 1.2)] == [
        "within 3 %", "3 to 10 %", "3 to 10 %", "over 10 %",
    ]  # fmt: skip


def test_questions_are_drawn_from_all_distances_on_both_sides() -> None:
    """A third each: a score of far questions alone would flatter the rule."""
    chance = random.Random(1)
    drawn = [draw_ratio(chance, number) for number in range(300)]
    assert [sum(distance(r) == name for r in drawn) for name in verifying.DISTANCES] == [100] * 3
    assert 100 < sum(ratio < 1 for ratio in drawn) < 200
