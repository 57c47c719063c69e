"""Paths as they were seen in the laboratory, on a busy machine, judged by the rule.

``recordings/localise.jsonl.gz`` holds one direction of nine runs of ``benchmarks/localise``, each
with the path that was built: moments from the first echo on, round trips to 10 microseconds.
"""

import sys
from pathlib import Path

import pytest

from agent.localise.decide import Kind, Reason, decide
from agent.localise.evidence import Evidence, Method

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.localise import score
from benchmarks.localise.__main__ import read
from benchmarks.localise.cases import Case
from benchmarks.localise.recording import from_json

RUNS: list[tuple[Case, Evidence]] = [
    (case, from_json(given))
    for case, said in read(Path(__file__).with_name("recordings") / "localise.jsonl.gz")
    for given in said["evidence"].values()
]


def recorded(group: str, narrow: int | None) -> Evidence:
    """The run of this kind."""
    (found,) = [seen for case, seen in RUNS if (case.group, case.narrow) == (group, narrow)]
    return found


@pytest.mark.parametrize(
    ("group", "narrow", "kind", "reason", "between"),
    [
        ("plain", 0, Kind.LINK, None, (0, 1)),
        ("plain", 2, Kind.LINK, None, (2, 3)),
        ("cross", 0, Kind.LINK, None, (0, 1)),
        ("silent", 1, Kind.LINK, None, (1, 2)),
        ("slow", 0, Kind.RANGE, Reason.NOISY_HOPS, (0, 2)),
        ("slow under load", 1, Kind.RANGE, Reason.NOISY_HOPS, (0, 2)),
        ("healthy", None, Kind.NONE, Reason.PATH_HAD_ROOM, None),
        ("short queue", 2, Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE, None),
        # sender and machine were so busy that the queue came and went: once taken for room
        ("slow", 2, Kind.CANNOT_TELL, Reason.NO_STANDING_QUEUE, None),
    ],
)
def test_recorded_paths(
    group: str, narrow: int | None, kind: Kind, reason: Reason | None,
    between: tuple[int, int] | None,
) -> None:  # fmt: skip
    """What the rule says of each, and that it is right."""
    verdict = decide(recorded(group, narrow))
    assert (verdict.kind, verdict.reason, verdict.between) == (kind, reason, between)


def test_all_recordings_are_used_and_none_is_wrong() -> None:
    """Against the path that was built."""
    assert len(RUNS) == 9
    for case, seen in RUNS:
        verdict = decide(seen)
        values: dict[str, object] = {"download_verdict": verdict.kind.value}
        if verdict.between is not None:
            near, far = verdict.between
            values |= {"download_from_hop_count": near, "download_to_hop_count": far}
        assert score.score(case, "download", values) != score.WRONG, case


def test_a_hop_that_answers_no_echo_was_asked_another_way() -> None:
    """At the rate that a Linux router tells of packets that die there."""
    (hop,) = [
        hop for hop in recorded("silent", 1).hops if hop.hop and hop.method is not Method.ECHO
    ]
    assert (hop.hop, hop.method) == (5, Method.EXPIRED)
    assert len(hop.trips) >= 9
