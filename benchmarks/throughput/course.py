"""Record one direction for ten seconds: HOST:PORT download|upload FLOWS, samples as JSON."""

import json
import sys

from agent.clock import SystemClock
from agent.throughput.client import measure_direction
from agent.throughput.connect import resolve
from agent.throughput.estimator import Sample
from agent.throughput.flow import Test
from agent.throughput.stop import LONGEST_SECONDS


def main() -> int:
    """Record."""
    host, _, port = sys.argv[1].partition(":")
    test: Test = "download" if sys.argv[2] == "download" else "upload"
    seen: list[Sample] = []

    def on_tick(_elapsed: float, samples: object) -> bool:
        assert isinstance(samples, list)
        seen[:] = samples
        return False

    measure_direction(
        resolve(host, int(port)), test, flows=int(sys.argv[3]), seconds=LONGEST_SECONDS,
        clock=SystemClock(), on_tick=on_tick,
    )  # fmt: skip
    print(json.dumps([(x.at_seconds, x.total_bytes, x.segments) for x in seen]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
