"""The rule that ends a test, replayed on recorded ten-second courses it was not picked on.

Three errors are told apart. Against *the line*: what others had in the counted seconds (the
interface's counters) and the figure together, which the line's rate must give. Against *ten
seconds*: the figure of the same course at its full length. Beside TCP of others the second is no
error of the rule: what they leave changes for seconds after the test has begun.
"""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from agent.context import ETHERNET_HEADERS, goodput_bps
from agent.throughput.estimator import Estimate, estimate, warmup_seconds
from agent.throughput.stop import CONVERGED, converged
from benchmarks.throughput.crossing import KINDS
from benchmarks.throughput.recording import Course
from benchmarks.throughput.table import show
from tests.lab.netns import GOODPUT_RATIO


def score(courses: Sequence[Course]) -> list[dict[str, Any]]:
    """Replay the rule on every course, print, give the figures."""
    mine = [course for course in courses if course.ratio is None]
    found = [
        {"cross": course.line.cross, "way": course.way, "rate_bps": course.line.rate_bps}
        | ({"trouble": course.trouble} if course.trouble else replay(course))
        for course in mine
    ]
    rows = [_row(kind, [x for x in found if x["cross"] == kind]) for kind in KINDS]
    rows.append(_row("all", found))
    show(
        f"Adaptive stop {CONVERGED}: mean / worst error; with others (capacity) against the line, "
        "alone against the same course at 10 s",
        ("cross", "courses", "lost", "bytes used", "end s median", "never ended",
         "early, line", "10 s, line", "early, 10 s", "over 3 %"),
        [row for row in rows if row],
    )  # fmt: skip
    return found


def _row(kind: str, found: Sequence[dict[str, Any]]) -> list[str]:
    good = [x for x in found if x.get("trouble") is None]
    if not good:
        return []
    return [
        kind, str(len(good)), str(len(found) - len(good)),
        f"{sum(x['used_bytes'] for x in good) / sum(x['whole_bytes'] for x in good):.1%}",
        f"{median(x['end_seconds'] for x in good):.2f}",
        str(sum(not x["stopped"] for x in good)),
        _errors(good, "line_error"), _errors(good, "whole_line_error"), _errors(good, "error"),
        str(sum(abs(x["error"]) > 0.03 for x in good)),
    ]  # fmt: skip


def _errors(found: Sequence[dict[str, Any]], name: str) -> str:
    errors = [abs(x[name]) for x in found if x[name] is not None]
    return f"{fmean(errors):.2%} / {max(errors):.2%}" if errors else "-"


def replay(course: Course) -> dict[str, Any]:
    """Find where the rule would have ended it, and what its figure would have been."""
    samples = course.samples
    begin = samples[0].at_seconds
    end = next(
        (number for number in range(8, len(samples)) if converged(samples[: number + 1])), None
    )
    early = samples if end is None else samples[: end + 1]
    took = early[-1].at_seconds - begin
    whole = estimate(samples, warmup_seconds(samples[-1].at_seconds - begin))
    found = estimate(early, warmup_seconds(took))
    return {
        "stopped": end is not None,
        "end_seconds": took,
        "used_bytes": early[-1].total_bytes,
        "whole_bytes": samples[-1].total_bytes,
        "error": found.rate_bps / whole.rate_bps - 1,
        "line_error": _line_error(course, early[-1].at_seconds, found),
        "whole_line_error": _line_error(course, samples[-1].at_seconds, whole),
    }


def _line_error(course: Course, end_seconds: float, found: Estimate) -> float | None:
    """All that crossed in the counted seconds, against what the line carries.

    The counters of an upload are before the queue: alone on the line, the figure itself is taken.
    """
    truth_bps = course.line.rate_bps * GOODPUT_RATIO
    if course.line.cross == "none":
        return found.rate_bps / truth_bps - 1
    window = (end_seconds - found.window_seconds, end_seconds)
    direction = "download" if course.way == "download" else "upload"
    crossed = goodput_bps(course.counters, direction, ETHERNET_HEADERS, window)
    return None if crossed is None else crossed / truth_bps - 1
