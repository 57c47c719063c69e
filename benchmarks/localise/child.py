"""Run in the appliance's host: the probe once, and all round trips that it saw, as one JSON line.

Usage: python -m benchmarks.localise.child HOST:PORT SEED OPTIONS-AS-JSON
"""

import json
import sys
from random import Random
from typing import Any

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.localise.observe import Observation
from agent.probes import Request, bottleneck
from benchmarks.localise.recording import to_json


def main() -> int:
    """Measure, print."""
    target, seed, options = sys.argv[1:4]
    kept: list[Observation] = []
    request = Request(
        target=target,
        options=json.loads(options),
        clock=SystemClock(),
        random=Random(int(seed)),
        deadline_seconds=60,
    )
    said: dict[str, Any] = {}
    try:
        said["values"] = bottleneck.find(request, lambda _progress: None, kept.append).values
    except MeasurementFailed as error:
        said["values"], said["failure"] = error.partial, str(error)
    said["evidence"] = {
        test: to_json(found.evidence) for item in kept for test, found in item.directions.items()
    }
    print(json.dumps(said, default=dict))
    return 0


if __name__ == "__main__":
    sys.exit(main())
