"""A real ``hakaru-agent run`` with many short measurements, that tells what it has accepted.

Usage: agent_process.py STATE_DIR [SECONDS [CAP_BYTES]]. Five tests a second for SECONDS (600), in a
long run fewer: a schedule of many thousand runs a day would be what is measured. Ids of accepted
results go to standard output, one a line, after they were accepted. The child is the same file with
the argument ``child``.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import child
from agent import probes as registry
from agent.commands.run import live, set_up_logging
from agent.config import Config, Planned
from agent.probes import Findings, Report, Request
from agent.push import PushSettings
from agent.spool import DEFAULT_CAP_BYTES, Spool
from wire.measurement import Measurement
from wire.planning.schedule import Window

RUNS_A_SECOND = 5
MOST_RUNS = 4_000
"""In three hours one in 2.7 s, ten times what a school's policy asks for."""


def probe(request: Request, report: Report) -> Findings:  # noqa: ARG001 - a probe's form
    """Measure nothing, at once."""
    return Findings(values={"rtt_median_seconds": 0.001})


def main() -> int:
    """Run until killed."""
    module = type(sys)("quick_probe")
    module.probe = probe  # type: ignore[attr-defined]  # a module made by hand
    sys.modules["quick_probe"] = module
    registry.REGISTRY["latency"] = "quick_probe"  # type: ignore[index]  # a plain dict in fact
    if sys.argv[1] == "child":
        return child.main()
    accept = Spool.accept

    def telling(self: Spool, measurement: Measurement) -> Measurement | None:
        stored = accept(self, measurement)
        if stored is not None:
            os.write(1, stored.result_id.encode() + b"\n")
        return stored

    Spool.accept = telling  # type: ignore[method-assign]  # the test must know what was accepted
    set_up_logging(debug=False)
    noon = around_noon()
    now = datetime.now(UTC).astimezone(noon)
    start = now.hour * 3600 + now.minute * 60 + now.second
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    window = Window(
        days=frozenset(range(7)),
        from_seconds=start,
        to_seconds=start + seconds,
        runs=min(RUNS_A_SECOND * seconds, MOST_RUNS),
    )
    config = Config(
        zone=noon,
        push=PushSettings(interval_seconds=0.3, batch_records=5),
        cap_bytes=int(sys.argv[3]) if len(sys.argv) > 3 else DEFAULT_CAP_BYTES,
        tests=(Planned(probe="latency", target="192.0.2.1", windows=(window,)),),
    )
    return live(config, Path(sys.argv[1]), command=(sys.executable, __file__, "child"))


def around_noon() -> ZoneInfo:
    """A zone in which it is about noon now, so that no window crosses midnight."""
    hours = 12 - (datetime.now(UTC) + timedelta(0)).hour
    return ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")


if __name__ == "__main__":
    os._exit(main())
