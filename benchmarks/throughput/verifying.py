"""Verify at target over drawn lines: wrong and undecided answers, bytes used.

The line is drawn (20 to 500 Mbit/s, 4 to 60 ms), and the requirement is set so that what is left
of the line is a known multiple of it: far, near (3 to 10 %) or within 3 %. What is left beside
UDP of others is exact. TCP of others yields: there it lies between what is left beside it and
the whole line, and only an answer wrong for both ends of that counts as wrong.
"""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from agent.throughput.verify import VERIFY
from benchmarks.throughput.crossing import KINDS, SHARE_RATIO, crossing
from benchmarks.throughput.engines import AGENT
from benchmarks.throughput.places import shaped
from benchmarks.throughput.process import RunFailed, run, serving
from benchmarks.throughput.table import show
from tests.lab.netns import GOODPUT_RATIO

PORT = 5998
AT_ONCE = 3
INSIDE_RATIO = 0.03
RATIOS = (0.6, 1.6, 0.9, 1.1, 0.969, 1.031, 0.985, 1.015, 1.0)


@dataclass(frozen=True)
class Question:
    """One line and what is asked of it."""

    rate_bps: int
    rtt_seconds: float
    cross: str
    ratio: float
    """What is left of the line, by the requirement."""

    @property
    def left_bps(self) -> float:
        """TCP goodput beside the traffic of others, if that does not yield."""
        return self.rate_bps * GOODPUT_RATIO * (1 if self.cross == "none" else 1 - SHARE_RATIO)

    @property
    def most_bps(self) -> float:
        """The same, if it yields."""
        return self.rate_bps * GOODPUT_RATIO if self.cross == "tcp" else self.left_bps

    @property
    def required_bps(self) -> float:
        """What is asked for."""
        return self.left_bps / self.ratio


def draw(chance: random.Random, number: int) -> Question:
    """Draw question ``number``: ratios and kinds in turn."""
    return Question(
        rate_bps=round(20e6 * 25 ** chance.random()),
        rtt_seconds=chance.uniform(0.004, 0.06),
        cross=KINDS[number // len(RATIOS) % len(KINDS)],
        ratio=RATIOS[number % len(RATIOS)],
    )


def score(runs: int, seed: int) -> list[dict[str, Any]]:
    """Ask ``runs`` questions, count, print."""
    chance = random.Random(seed)
    questions = [draw(chance, number) for number in range(runs)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(_one, questions))
    rows = []
    for kind in KINDS:
        for inside in (False, True):
            some = [x for x in found if x["cross"] == kind and is_inside(x["ratio"]) == inside]
            if some:
                rows.append(_row(kind, inside=inside, found=some))
    show(
        f"Verify {VERIFY}",
        ("cross", "distance", "runs", "failed", "wrong", "undetermined", "met", "not met",
         "bytes of a 10 s test"),
        rows,
    )  # fmt: skip
    return found


def is_inside(ratio: float) -> bool:
    """Whether the line is so near the requirement that undetermined is the right answer."""
    return abs(ratio - 1) <= INSIDE_RATIO


def wrong(question: Question, verdict: str) -> bool:
    """Whether the answer is false for everything the line may have had left."""
    if verdict == "met":
        return question.most_bps < question.required_bps
    return verdict == "not_met" and question.left_bps >= question.required_bps


def _row(kind: str, *, inside: bool, found: Sequence[dict[str, Any]]) -> list[str]:
    good = [x for x in found if x["trouble"] is None]
    verdicts = [x["verdict"] for x in good]
    return [
        kind, "within 3 %" if inside else "3 % and more", str(len(found)),
        str(len(found) - len(good)), str(sum(x["wrong"] for x in good)),
        *(str(verdicts.count(name)) for name in ("undetermined", "met", "not_met")),
        f"{fmean(x['bytes_share'] for x in good):.1%}" if good else "-",
    ]  # fmt: skip


def _one(question: Question) -> dict[str, Any]:
    try:
        values = _ask(question)
    except (RunFailed, ValueError, KeyError) as error:
        return {**asdict(question), "trouble": f"{type(error).__name__} {error}"[:100]}
    verdict = values["verdict"]
    return {
        **asdict(question), "trouble": None, "verdict": verdict,
        "wrong": wrong(question, verdict),
        "rate_to_required": values["verify_rate_bps"] / question.required_bps,
        "bytes_share": 8 * values["verify_bytes"] / (10 * question.left_bps),
    }  # fmt: skip


def _ask(question: Question) -> dict[str, Any]:
    with shaped(question.rate_bps, question.rtt_seconds) as place:
        target = f"{place.address}:{PORT}"
        server = [*place.server, *AGENT, "responder", "--listen", target, "--open"]
        with (
            serving(server, PORT),
            crossing(place, question.cross, "download", question.rate_bps, 12),
        ):
            output, _ = run(
                [*place.client, *AGENT, "measure", "verify", "--target", target, "--json",
                 "--required-mbps", f"{question.required_bps / 1e6:.3f}"]
            )  # fmt: skip
    values: dict[str, Any] = json.loads(output)["values"]
    return values
