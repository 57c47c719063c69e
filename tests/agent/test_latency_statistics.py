"""Figures of a train of echoes: each by a table of small cases that a person can check."""

import re
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.latency.statistics import jitter, median, percentile, summarise
from agent.latency.train import Reply, Train
from agent.probes.latency import OPTIONS, figures

TWENTY = [float(number) for number in range(1, 21)]
rtts = st.dictionaries(
    st.integers(0, 50), st.floats(0, 10, allow_subnormal=False), min_size=1, max_size=30
)


@pytest.mark.parametrize(
    ("ordered", "percent", "expected"),
    [
        ([5.0], 95, 5.0),
        ([5.0], 1, 5.0),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0], 51, 2.0),
        (TWENTY, 95, 19.0),
        (TWENTY[:19], 95, 19.0),
        (TWENTY, 96, 20.0),
        (TWENTY, 100, 20.0),
        ([-2.0, 7.0, 7.0, 4.0, 18.0, -5.0], 50, 4.0),
    ],
)
def test_a_percentile_is_the_smallest_value_that_covers_it(
    ordered: list[float], percent: int, expected: float
) -> None:
    """The empirical distribution of RFC 2330 section 11.3, the last case being its example."""
    assert percentile(sorted(ordered), percent) == expected


@given(rtts, st.integers(1, 100))
def test_a_percentile_is_measured_and_covers_its_share(
    by_sequence: dict[int, float], percent: int
) -> None:
    """It is one of the values, and the share of values up to it reaches the percentage."""
    ordered = sorted(by_sequence.values())
    value = percentile(ordered, percent)
    assert value in ordered
    assert sum(rtt <= value for rtt in ordered) * 100 >= percent * len(ordered)
    assert sum(rtt < value for rtt in ordered) * 100 < percent * len(ordered)


@given(rtts)
def test_the_median_is_the_textbook_one(by_sequence: dict[int, float]) -> None:
    """The same as the standard library's, an independent implementation."""
    assert median(sorted(by_sequence.values())) == statistics.median(by_sequence.values())


@pytest.mark.parametrize(
    ("by_sequence", "expected"),
    [
        ({}, None),
        ({0: 1.0}, None),
        ({0: 1.0, 1: 3.0}, 2.0),
        ({0: 3.0, 1: 1.0}, 2.0),
        ({0: 1.0, 1: 3.0, 2: 2.0}, 1.5),
        ({0: 1.0, 2: 3.0}, None),
        ({0: 1.0, 1: 2.0, 3: 9.0, 4: 9.0}, 0.5),
        ({2: 2.0, 0: 1.0, 1: 3.0}, 1.5),
    ],
)
def test_jitter_compares_neighbours_only(
    by_sequence: dict[int, float], expected: float | None
) -> None:
    """A lost packet breaks the chain instead of joining strangers; order of arrival is nothing."""
    assert jitter(by_sequence) == expected


def test_a_summary_is_in_seconds_of_the_train() -> None:
    """All six figures of one train, worked out by hand."""
    summary = summarise({0: 0.010, 1: 0.030, 2: 0.020, 3: 0.040})
    assert summary.rtt_min_seconds == 0.010
    assert summary.rtt_median_seconds == 0.025
    assert summary.rtt_mean_seconds == pytest.approx(0.025)
    assert summary.rtt_p95_seconds == summary.rtt_max_seconds == 0.040
    assert summary.jitter_seconds == pytest.approx((0.020 + 0.010 + 0.020) / 3)


def test_nothing_is_not_summarised() -> None:
    """No round trip is a failure of the measurement, not a zero."""
    with pytest.raises(ValueError, match="no round trip"):
        summarise({})


def test_the_document_defines_every_figure_and_every_default() -> None:
    """docs/methods.md has a row for each value that a train gives, and its numbers are ours."""
    text = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    section = text.split("\n## Latency\n")[1].split("\n## ")[0]
    train = Train(timeout_seconds=2.0)
    for sequence in range(3):
        train.note_sent(sequence, float(sequence))
        train.note_reply(Reply(sequence, sequence + 0.01))
    defined = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
        for name in re.findall(r"`([a-z0-9_]+)`", row)
    }
    assert defined == set(figures(train))
    words = " ".join(section.split())
    for name, said in (
        ("count", "{} requests (`count`)"),
        ("interval_seconds", "one every {} s (`interval_seconds`)"),
        ("payload_bytes", "{} random bytes (`payload_bytes`)"),
        ("timeout_seconds", "waited for {:g} s (`timeout_seconds`)"),
    ):
        assert said.format(OPTIONS[name].default) in words
