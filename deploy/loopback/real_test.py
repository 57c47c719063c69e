"""One real measurement through the services: enrolled by TLS, admitted by a slot token.

What an operator types to bring a school's appliance to the centre, in the same order.
"""

import json
import sys
from pathlib import Path
from typing import Final

from deploy.loopback.compose import environment
from deploy.loopback.places import Places
from deploy.loopback.running import Running

COMMAND_SECONDS: Final = 90.0
RESPONDER: Final = "centre"


def measure(running: Running, places: Places, school: str) -> str:
    """Enrol one real agent and measure for a second; say the rates. Raises StackFailed."""
    folder = Path(sys.executable).parent
    collector, agent = str(folder / "hakaru-collector"), str(folder / "hakaru-agent")
    given = environment("collector", places)
    state = places.folder / "agent"
    trust = f"--ca-file={places.root_certificate}"
    target = f"--target={places.at('responder')}"
    running.finish(
        "responder-add",
        [collector, "slot", "responder", "add", RESPONDER, target, "--mbps=40000", "--tests=4"],
        given,
        seconds=COMMAND_SECONDS,
    )
    code = running.finish(
        "code", [collector, "school", "enrol-code", school], given, seconds=COMMAND_SECONDS
    )
    running.log("code").unlink()  # a one-time code is a secret until it is used
    running.finish(
        "enrol",
        [agent, "enrol", f"--collector={places.site}", "--code=-", trust, f"--state={state}"],
        seconds=COMMAND_SECONDS,
        text=code.strip().splitlines()[-1],
    )
    told = running.finish(
        "measure",
        [
            *(agent, "measure", "throughput", target, "--seconds=1", "--json"),
            *(trust, f"--state={state}"),
        ],
        seconds=COMMAND_SECONDS,
    )
    return rates(told)


def rates(told: str) -> str:
    """The line that says what was measured; pure. Raises ValueError, KeyError."""
    values = json.loads(told)["values"]
    down, up = (values[f"{way}_bps"] / 1e6 for way in ("download", "upload"))
    return f"{down:,.0f} Mbit/s down, {up:,.0f} Mbit/s up, through a token of the collector"
