"""The rule that ends a test: replayed on recorded ten-second courses it was not picked on.

Conditions are drawn from a seed: rate 12 to 600 Mbit/s, round trip 4 to 60 ms, queue 20 to 100
ms, direction, and nobody else, UDP or paced TCP of others on 40 % of the line.
"""

import json
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from agent.throughput.estimator import Sample, estimate, warmup_seconds
from agent.throughput.stop import CONVERGED, converged
from benchmarks.throughput.crossing import KINDS, crossing
from benchmarks.throughput.engines import AGENT
from benchmarks.throughput.places import shaped
from benchmarks.throughput.process import RunFailed, run, serving
from benchmarks.throughput.table import show
from tests.lab.netns import GOODPUT_RATIO

PORT = 5998
FLOWS = 4
AT_ONCE = 3


@dataclass(frozen=True)
class Condition:
    """One line."""

    rate_bps: int
    rtt_seconds: float
    queue_seconds: float
    way: str
    cross: str


def draw(chance: random.Random, number: int) -> Condition:
    """Draw condition ``number``: kinds of cross traffic and directions in turn."""
    return Condition(
        rate_bps=round(12e6 * 50 ** chance.random()),
        rtt_seconds=chance.uniform(0.004, 0.06),
        queue_seconds=chance.uniform(0.02, 0.1),
        way=("download", "upload")[number // len(KINDS) % 2],
        cross=KINDS[number % len(KINDS)],
    )


def score(runs: int, seed: int) -> list[dict[str, Any]]:
    """Record ``runs`` courses, replay the rule on them, print."""
    chance = random.Random(seed)
    conditions = [draw(chance, number) for number in range(runs)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [row for row in pool.map(_one, conditions) if row is not None]
    rows = [_row(kind, [x for x in found if x["cross"] == kind]) for kind in KINDS]
    rows.append(_row("all", found))
    show(
        f"Adaptive stop {CONVERGED}: early figure against that of the same course at 10 s",
        ("cross", "courses", "lost", "bytes used", "end s median", "never ended",
         "mean error", "worst error", "over 3 %", "10 s against truth"),
        [row for row in rows if row],
    )  # fmt: skip
    return found


def _row(kind: str, found: Sequence[dict[str, Any]]) -> list[str]:
    good = [x for x in found if x["trouble"] is None]
    if not good:
        return []
    errors = [abs(x["error"]) for x in good]
    truth = [abs(x["truth_error"]) for x in good if x["truth_error"] is not None]
    return [
        kind, str(len(good)), str(len(found) - len(good)),
        f"{sum(x['used_bytes'] for x in good) / sum(x['whole_bytes'] for x in good):.1%}",
        f"{median(x['end_seconds'] for x in good):.2f}",
        str(sum(not x["stopped"] for x in good)),
        f"{fmean(errors):.2%}", f"{max(errors):.2%}", str(sum(error > 0.03 for error in errors)),
        f"{fmean(truth):.2%}" if truth else "-",
    ]  # fmt: skip


def _one(condition: Condition) -> dict[str, Any]:
    try:
        samples = _record(condition)
    except (RunFailed, ValueError) as error:
        return {**asdict(condition), "trouble": str(error)[:100]}
    return {**asdict(condition), **replay(samples, condition), "trouble": None}


def _record(condition: Condition) -> list[Sample]:
    with shaped(condition.rate_bps, condition.rtt_seconds, condition.queue_seconds) as place:
        target = f"{place.address}:{PORT}"
        server = [*place.server, *AGENT, "responder", "--listen", target, "--open"]
        words = [sys.executable, "-m", "benchmarks.throughput.course", target, condition.way]
        with (
            serving(server, PORT),
            crossing(place, condition.cross, condition.way, condition.rate_bps, 20),
        ):
            output, _ = run([*place.client, *words, str(FLOWS)])
    return [Sample(*row) for row in json.loads(output)]


def replay(samples: Sequence[Sample], condition: Condition) -> dict[str, Any]:
    """Find where the rule would have ended it, and what its figure would have been."""
    begin = samples[0].at_seconds
    end = next(
        (number for number in range(8, len(samples)) if converged(samples[: number + 1])), None
    )
    early = samples if end is None else samples[: end + 1]
    took = early[-1].at_seconds - begin
    whole = estimate(samples, warmup_seconds(samples[-1].at_seconds - begin)).rate_bps
    rate = estimate(early, warmup_seconds(took)).rate_bps
    truth = condition.rate_bps * GOODPUT_RATIO
    return {
        "stopped": end is not None,
        "end_seconds": took,
        "used_bytes": early[-1].total_bytes,
        "whole_bytes": samples[-1].total_bytes,
        "error": rate / whole - 1,
        "truth_error": rate / truth - 1 if condition.cross == "none" else None,
    }
