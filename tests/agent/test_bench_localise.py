"""How the benchmark of the bottleneck probe draws and scores: an unfair score would hide errors."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.localise.decide import decide
from tests.agent.localising import path

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.localise import recording, score
from benchmarks.localise.cases import LINKS, RATES_BPS, Case, cases, quick

PLAIN = Case(
    number=0, group="plain", rate_bps=RATES_BPS[0], queue_seconds=0.2, narrow=2, seed=1,
    delayed=False,
)  # fmt: skip
HEALTHY = replace(PLAIN, group="healthy", narrow=None)


def said(kind: str, near: int | None = None, far: int | None = None) -> dict[str, Any]:
    """Values of a download."""
    values = {
        "download_verdict": kind,
        "download_from_hop_count": near,
        "download_to_hop_count": far,
    }
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("case", "values", "outcome"),
    [
        (PLAIN, said("link", 2, 3), score.EXACT),
        (PLAIN, said("link", 3, 4), score.WRONG),
        (PLAIN, said("link", 1, 2), score.WRONG),
        (PLAIN, said("range", 1, 4), score.RANGE),
        (PLAIN, said("range", 0, 2), score.WRONG),
        (PLAIN, said("range", 3, 5), score.WRONG),
        (PLAIN, said("cannot_tell"), score.SILENT),
        (PLAIN, said("none"), score.WRONG),
        (PLAIN, {}, score.FAILED),
        (HEALTHY, said("none"), score.ROOM),
        (HEALTHY, said("cannot_tell"), score.SILENT),
        (HEALTHY, said("link", 2, 3), score.WRONG),
        (HEALTHY, said("range", 0, 6), score.WRONG),
    ],
)
def test_what_counts_as_right(case: Case, values: dict[str, Any], outcome: str) -> None:
    """A range that leaves the link out is wrong, and so is 'room' on a full path."""
    assert score.score(case, "download", values) == outcome


@pytest.mark.parametrize(
    ("group", "outcomes", "lacking"),
    [
        ("plain", [score.EXACT] * 95 + [score.RANGE] * 5, False),
        ("plain", [score.EXACT] * 94 + [score.RANGE] * 6, True),
        ("plain", [score.EXACT] * 99 + [score.WRONG], False),
        ("plain", [score.EXACT] * 98 + [score.WRONG] * 2, True),
        ("silent", [score.RANGE] * 100, False),
        ("silent", [score.RANGE] * 98 + [score.WRONG] * 2, True),
        ("healthy", [score.ROOM] * 99 + [score.SILENT], False),
        ("healthy", [score.ROOM] * 99 + [score.WRONG], True),
        ("plain", [score.EXACT] * 99 + [score.FAILED], True),
    ],
)
def test_the_aims(group: Any, outcomes: list[str], lacking: bool) -> None:
    """95 % exact where all hops answer, 1 % wrong at most, no alarm on a healthy path."""
    scored = [(replace(PLAIN, group=group), "download", outcome) for outcome in outcomes]
    assert bool(score.missed(scored)) is lacking
    head, rows = score.table(scored)
    assert rows[-1][:2] == [f"{group}, all", "100"]
    assert len(head) == len(rows[0])
    assert sum(map(int, rows[-1][2:])) == 100


def test_every_link_is_narrow_at_every_rate() -> None:
    """Ten runs of each, alone and with cross traffic, the same for the same seed."""
    drawn = cases(6, 10)
    assert drawn == cases(6, 10) != cases(7, 10)
    counts = Counter((case.group, case.narrow, case.rate_bps) for case in drawn)
    for group in ("plain", "cross"):
        for link in range(LINKS):
            for rate in RATES_BPS:
                assert counts[group, link, rate] == 10
    for group in ("silent", "slow"):
        for link in range(LINKS):
            mine = [case for case in drawn if (case.group, case.narrow) == (group, link)]
            assert len(mine) == 10
            assert all(case.odd is not None for case in mine)
    healthy = [case for case in drawn if case.group == "healthy"]
    assert len(healthy) == 30
    for case in healthy:
        busiest = max(
            (
                sum(each.mean_bps for each in case.cross if each.link == link)
                for link in range(LINKS)
            ),
            default=0,
        )
        assert case.load_bps is not None
        assert case.load_bps + 1.4 * busiest < case.rate_bps, "a healthy path has room"


def test_the_sample_has_every_link() -> None:
    """And something of the other groups."""
    sample = quick(11)
    assert {case.narrow for case in sample if case.group == "plain"} == set(range(LINKS))
    assert {case.group for case in sample} >= {"cross", "silent", "slow", "healthy"}


def test_recorded_evidence_is_judged_alike() -> None:
    """To JSON and back: the same verdict on the same path."""
    evidence = path(narrow=4, silent=frozenset({2}))
    again = recording.from_json(recording.to_json(evidence))
    first, second = decide(evidence), decide(again)
    assert (first.kind, first.between) == (second.kind, second.between)
    assert [hop.method for hop in again.hops] == [hop.method for hop in evidence.hops]
    assert again.load == evidence.load
