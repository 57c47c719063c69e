"""The appliance of the laboratory: runs the agent's own probes as it is told.

Reads one JSON object a line from standard input: ``groups``, a list of lists of tests; the tests
of a group run at once, the groups one after the other. A test is ``probe``, ``target``,
``segment``, ``options``. Answers with one line: a list of Measurements, in the order of the tests.
Results of heavy tests carry what the agent's runner adds: the appliance's ceiling and its link.

Usage: python -m benchmarks.causes.lab.appliance SEED
"""

import json
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any, Final

from agent.appliance import context_of, loopback_bps, loopback_result
from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.measure import measure
from agent.network_card import card_towards
from agent.probes import Request, load
from wire.codec import to_json
from wire.measurement import Measurement

HEAVY: Final = ("throughput", "bottleneck")
DEADLINE_SECONDS: Final = 20.0


def main() -> None:
    """Measure until standard input ends."""
    random, clock = Random(int(sys.argv[1])), SystemClock()
    lock = threading.Lock()
    ceiling: float | None = None

    def one(test: Mapping[str, Any]) -> Measurement:
        with lock:
            own = Random(random.getrandbits(64))
        request = Request(
            target=test["target"],
            options=test.get("options", {}),
            clock=clock,
            random=own,
            deadline_seconds=test.get("deadline_seconds", DEADLINE_SECONDS),
        )
        name = test["probe"]
        made = measure(name, load(name), request, lambda _progress: None, test.get("segment"))
        return _with_appliance(made, ceiling) if name in HEAVY else made

    with ThreadPoolExecutor(8) as pool:
        for line in sys.stdin:
            order = json.loads(line)
            if order.get("ceiling"):
                ceiling = loopback_bps(loopback_result(clock, random, threading.Event()))
            found: list[Measurement] = []
            for group in order["groups"]:  # alone in the main thread, where all probes may run
                found += map(one, group) if len(group) == 1 else pool.map(one, group)
            print(json.dumps([to_json(made) for made in found], default=dict), flush=True)


def _with_appliance(made: Measurement, ceiling: float | None) -> Measurement:
    try:
        card = card_towards(made.target)
    except MeasurementFailed:
        card = None
    return replace(made, context={**made.context, **context_of(ceiling, card)})


if __name__ == "__main__":
    main()
