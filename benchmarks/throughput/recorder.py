"""Record directions: one task a line of JSON on standard input, one recording a line on output.

A task: ``{"target": "HOST:PORT", "way": "download", "flows": 4, "seconds": 10, "device": "far0"}``,
with ``pace_bps`` where the responder shall pace. Everything a rule may look at is recorded: the
samples, what the sender's kernel said, the counters of the interface.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from agent.clock import SystemClock
from agent.context import InterfaceCounters, Watch
from agent.failure import MeasurementFailed
from agent.throughput.client import measure_direction
from agent.throughput.connect import resolve
from agent.throughput.directions import Test
from agent.throughput.estimator import Sample
from agent.throughput.flow import Flow
from agent.throughput.handshake import PACE_FIELD

WORDS_SECONDS = 0.25


class Recorder:
    """Takes down what a rule could have seen at each tick."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.samples: Sequence[Sample] = []
        self.words: list[tuple[float, float | None, float | None, int, int]] = []
        """Seconds, smallest and smoothed round trip, bytes sent again and sent: all flows."""
        self._flows: Sequence[Flow] = ()
        self._next = 0.0

    def open(self, flows: Sequence[Flow]) -> None:
        """Take the flows before they start."""
        self._flows = flows

    def tick(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        """Never ends the test."""
        self.samples = samples
        self.watch.tick(samples[-1].at_seconds)
        if elapsed_seconds >= self._next:
            self._next = elapsed_seconds + WORDS_SECONDS
            self._hear(samples[-1].at_seconds)
        return False

    def _hear(self, now: float) -> None:
        infos = [
            flow.tcp_info() if flow.sends else flow.peer_report and flow.peer_report.tcp
            for flow in self._flows
        ]
        known = [info for info in infos if info is not None]
        least = [x.min_rtt_microseconds for x in known if x.min_rtt_microseconds is not None]
        smoothed = [x.rtt_microseconds for x in known if x.rtt_microseconds is not None]
        self.words.append((
            now,
            min(least) / 1e6 if least else None,
            sum(smoothed) / len(smoothed) / 1e6 if smoothed else None,
            sum(x.bytes_retrans or 0 for x in known),
            sum(x.bytes_sent or 0 for x in known),
        ))  # fmt: skip


def record(task: dict[str, Any]) -> dict[str, Any]:
    """Run one task."""
    host, _, port = task["target"].partition(":")
    test: Test = "download" if task["way"] == "download" else "upload"
    clock = SystemClock()
    recorder = Recorder(Watch(InterfaceCounters(task["device"], clock.monotonic_seconds)))
    pace = task.get("pace_bps")
    queries = {} if pace is None else {"download": f"{PACE_FIELD}={pace / task['flows']:.0f}"}
    try:
        measure_direction(
            [replace(target, queries=queries) for target in resolve(host, int(port))],
            test, flows=task["flows"], seconds=task["seconds"], clock=clock,
            on_tick=recorder.tick, on_open=recorder.open,
        )  # fmt: skip
    except MeasurementFailed as error:
        return {"trouble": str(error)[:200]}
    begin = recorder.samples[0].at_seconds
    return {
        "trouble": None,
        "samples": [
            (round(x.at_seconds - begin, 5), x.total_bytes, x.segments) for x in recorder.samples
        ],
        "words": [(round(at - begin, 5), *more) for at, *more in recorder.words],
        "counters": [
            tuple(asdict(replace(x, at_seconds=round(x.at_seconds - begin, 5))).values())
            for x in recorder.watch.readings
        ],
    }


def main() -> int:
    """Run task after task."""
    for line in sys.stdin:
        print(json.dumps(record(json.loads(line)), separators=(",", ":")), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
