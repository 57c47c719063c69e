"""Courses recorded once, on which rules are replayed as often as one likes.

A line is drawn from a seed: rate, round trip, queue, and nobody else, UDP or one paced TCP flow of
others on 40 % of it. On each line two courses of ten seconds are recorded, one each way, and some
questions of verify, whose requirement is a drawn multiple of what is left of the line: a third of
them far from it, a third 3 to 10 % off, a third within 3 %.
"""

import gzip
import json
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.context import Reading
from agent.throughput.estimator import Sample
from agent.throughput.stop import LONGEST_SECONDS
from agent.throughput.verify import VERIFY
from benchmarks.throughput.crossing import KINDS, SHARE_RATIO, crossing
from benchmarks.throughput.engines import AGENT
from benchmarks.throughput.places import Place, shaped
from benchmarks.throughput.process import ROOT, serving
from tests.lab.netns import GOODPUT_RATIO

PORT = 5998
FLOWS = 4
QUESTION_SECONDS = 5.0
INSIDE_RATIO = 0.03
NEAR_RATIO = 0.1
DEVICE = "far0"
"""The client's interface: all that crosses the line is for it."""


@dataclass(frozen=True)
class Line:
    """A drawn line and who else is on it."""

    rate_bps: int
    rtt_seconds: float
    queue_seconds: float
    cross: str

    @property
    def left_bps(self) -> float:
        """TCP goodput beside the traffic of others, if that does not yield."""
        return self.rate_bps * GOODPUT_RATIO * (1 if self.cross == "none" else 1 - SHARE_RATIO)

    @property
    def most_bps(self) -> float:
        """The same, if it yields."""
        return self.rate_bps * GOODPUT_RATIO if self.cross == "tcp" else self.left_bps


@dataclass(frozen=True)
class Course:
    """One recording: a course (``ratio`` None) or a question (left-over by requirement)."""

    line: Line
    way: str
    ratio: float | None
    trouble: str | None
    samples: Sequence[Sample]
    words: Sequence[Sequence[Any]]
    counters: Sequence[Reading]

    @property
    def required_bps(self) -> float:
        """What was asked for."""
        assert self.ratio is not None
        return self.line.left_bps / self.ratio


def draw(chance: random.Random, number: int, fastest_bps: float) -> Line:
    """Draw line ``number``: kinds of cross traffic in turn."""
    slowest_bps = 12e6
    return Line(
        rate_bps=round(slowest_bps * (fastest_bps / slowest_bps) ** chance.random()),
        rtt_seconds=round(chance.uniform(0.004, 0.06), 4),
        queue_seconds=round(chance.uniform(0.02, 0.1), 3),
        cross=KINDS[number % len(KINDS)],
    )


def draw_ratio(chance: random.Random, number: int) -> float:
    """Draw what is left by the requirement: inside, near and far in turn, below and above."""
    sign = 1 if chance.random() < 0.5 else -1
    kind = number % 3
    if kind == 0:
        return 1 + sign * chance.uniform(0, INSIDE_RATIO)
    if kind == 1:
        return 1 + sign * chance.uniform(INSIDE_RATIO + 1e-4, NEAR_RATIO)
    return float(chance.uniform(0.4, 0.9) if sign < 0 else chance.uniform(1.1, 2.5))


def record(
    path: Path, lines: int, questions: int, seed: int, fastest_bps: float, at_once: int
) -> None:
    """Record ``lines`` lines into a file of gzipped lines of JSON."""
    chance = random.Random(seed)
    drawn = [draw(chance, number, fastest_bps) for number in range(lines)]
    ratios = [[draw_ratio(chance, number) for number in range(questions)] for _ in drawn]
    with gzip.open(path, "wt", encoding="utf-8") as file, ThreadPoolExecutor(at_once) as pool:
        for number, found in enumerate(pool.map(_line, drawn, ratios)):
            for row in found:
                file.write(json.dumps(row, separators=(",", ":")) + "\n")
            file.flush()
            print(f"line {number + 1} of {lines}", flush=True)


def load(path: Path) -> list[Course]:
    """Read what was recorded."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [_course(json.loads(row)) for row in file]


def _course(row: dict[str, Any]) -> Course:
    return Course(
        line=Line(**row["line"]), way=row["way"], ratio=row["ratio"], trouble=row["trouble"],
        samples=[Sample(*item) for item in row.get("samples", ())], words=row.get("words", ()),
        counters=[Reading(*item) for item in row.get("counters", ())],
    )  # fmt: skip


def _line(line: Line, ratios: Sequence[float]) -> list[dict[str, Any]]:
    tasks: list[tuple[str, float | None]] = [("download", None), ("upload", None)]
    tasks += [("download", ratio) for ratio in ratios]
    found = []
    with shaped(line.rate_bps, line.rtt_seconds, line.queue_seconds) as place:
        target = f"{place.address}:{PORT}"
        responder = [*place.server, *AGENT, "responder", "--listen", target, "--open"]
        with serving(responder, PORT), _recorder(place) as ask:
            for way, ratio in tasks:
                seconds = LONGEST_SECONDS if ratio is None else QUESTION_SECONDS
                task = {"target": target, "way": way, "flows": FLOWS, "device": DEVICE,
                        "seconds": seconds}  # fmt: skip
                if ratio is not None:
                    task["pace_bps"] = VERIFY.offer_ratio * line.left_bps / ratio
                with crossing(place, line.cross, way, line.rate_bps, 30):
                    answer = ask(task)
                found.append({"line": asdict(line), "way": way, "ratio": ratio} | answer)
                time.sleep(0.2)
    return found


@contextmanager
def _recorder(place: Place) -> Iterator[Any]:
    words = [*place.client, *AGENT[:2], "benchmarks.throughput.recorder"]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(task: dict[str, Any]) -> dict[str, Any]:
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
