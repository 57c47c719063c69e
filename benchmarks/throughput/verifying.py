"""Verify at target, replayed on recorded questions: wrong and undecided answers, bytes used.

What is left of a line is a known multiple of the requirement. What is left beside UDP of others is
exact. TCP of others yields: there it lies between what is left beside it and the whole line, and
only an answer wrong for both ends of that counts as wrong.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from agent.throughput.verify import VERIFY, Decision, PathState, Verifier
from benchmarks.throughput.crossing import KINDS
from benchmarks.throughput.recording import INSIDE_RATIO, NEAR_RATIO, Course
from benchmarks.throughput.table import show

DISTANCES = ("over 10 %", "3 to 10 %", "within 3 %")


def score(courses: Sequence[Course]) -> list[dict[str, Any]]:
    """Replay the rule on every question, count, print."""
    found = [_one(course) for course in courses if course.ratio is not None]
    rows = []
    for kind in (*KINDS, "all"):
        for far in (*DISTANCES, "all"):
            some = [
                x for x in found if kind in (x["cross"], "all") and far in (x["distance"], "all")
            ]
            if some and (kind == "all" or far != "all"):
                rows.append(_row(kind, far, some))
    show(
        f"Verify {VERIFY}",
        ("cross", "distance", "runs", "failed", "wrong", "undetermined", "met", "not met",
         "seconds", "bytes of a 10 s test"),
        rows,
    )  # fmt: skip
    return found


def distance(ratio: float) -> str:
    """How far what is left is from the requirement."""
    away = abs(ratio - 1)
    return DISTANCES[2 if away <= INSIDE_RATIO else 1 if away <= NEAR_RATIO else 0]


def wrong(course: Course, verdict: str) -> bool:
    """Whether the answer is false for everything the line may have had left."""
    if verdict == Decision.MET:
        return course.line.most_bps < course.required_bps
    return verdict == Decision.NOT_MET and course.line.left_bps >= course.required_bps


def replay(course: Course) -> tuple[Verifier, int]:
    """Follow the recorded samples as the probe would; the rule as it ended, and where."""
    heard = PathState()
    words = list(course.words)

    def path() -> PathState:
        return heard

    verifier = Verifier(course.required_bps, path)
    begin = course.samples[0].at_seconds
    number = 0
    for number in range(8, len(course.samples)):
        now = course.samples[number].at_seconds
        while words and words[0][0] <= now:
            _, least, rtt, again, _ = words.pop(0)
            heard = PathState(retransmitted_bytes=again, min_rtt_seconds=least, rtt_seconds=rtt)
        over = verifier.tick(now - begin, course.samples[: number + 1])
        if over or now - begin >= VERIFY.latest_seconds:
            break
    return verifier, number


def _one(course: Course) -> dict[str, Any]:
    assert course.ratio is not None
    row: dict[str, Any] = {
        "cross": course.line.cross, "rate_bps": course.line.rate_bps, "ratio": course.ratio,
        "distance": distance(course.ratio), "trouble": course.trouble,
    }  # fmt: skip
    if course.trouble is not None:
        return row
    verifier, number = replay(course)
    last, verdict = course.samples[number], verifier.answer.decision.value
    return row | {
        "verdict": verdict,
        "reason": verifier.answer.reason,
        "wrong": wrong(course, verdict),
        "seconds": last.at_seconds - course.samples[0].at_seconds,
        "bytes_share": 8 * last.total_bytes / (10 * course.line.left_bps),
    }


def _row(kind: str, far: str, found: Sequence[dict[str, Any]]) -> list[str]:
    good = [x for x in found if x["trouble"] is None]
    verdicts = [x["verdict"] for x in good]
    return [
        kind, far, str(len(found)), str(len(found) - len(good)),
        str(sum(x["wrong"] for x in good)),
        *(str(verdicts.count(name)) for name in ("undetermined", "met", "not_met")),
        f"{fmean(x['seconds'] for x in good):.2f}" if good else "-",
        f"{fmean(x['bytes_share'] for x in good):.1%}" if good else "-",
    ]  # fmt: skip
