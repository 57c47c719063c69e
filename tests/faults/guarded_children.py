"""Run inside a network namespace: children that measure towards one host, and packets counted.

Standard input: one JSON object with ``cases`` ([probe, target, options]), ``targets`` (the list of
the appliance, or null) and ``guarded``. Out: one JSON object for each case, then the packets that
left by ``lo`` and ``d0``.
"""

import json
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.allowed import read_entries
from agent.clock import SystemClock
from agent.supervise import supervise
from wire.planning.planned import Planned


def packets() -> dict[str, int]:
    """Packets that were sent by each interface."""
    sent = {}
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]:
        name, _, counters = line.partition(":")
        sent[name.strip()] = int(counters.split()[9])
    return {name: sent[name] for name in ("lo", "d0")}


def main() -> None:
    """Measure and count."""
    given = json.load(sys.stdin)
    allowed = read_entries(given["targets"]) if given["guarded"] else None

    def one(case: list[object]) -> dict[str, object]:
        probe, target, options = case
        planned = Planned(
            probe=str(probe), target=str(target), options=options, deadline_seconds=4.0
        )  # type: ignore[arg-type] # JSON
        result = supervise(
            planned, SystemClock(), random.Random(1), threading.Event(), allowed=allowed
        )
        failure = result.failure
        return {
            "probe": probe,
            "target": target,
            "outcome": result.outcome.value,
            "code": None if failure is None else failure.code.value,
            "text": "" if failure is None else failure.text,
        }

    before = packets()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, given["cases"]))
    after = packets()
    sent = {name: after[name] - before[name] for name in after}
    print(json.dumps({"results": results, "sent": sent}))


if __name__ == "__main__":
    main()
