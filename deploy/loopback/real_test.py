"""One real measurement through the services: enrolled by TLS, admitted by a slot token.

What an operator types to bring a school's appliance to the centre, in the same order.
"""

import json
import sys
from pathlib import Path
from typing import Final

from deploy.loopback.compose import environment
from deploy.loopback.health import NotYet
from deploy.loopback.places import Places
from deploy.loopback.running import Running, StackFailed

COMMAND_SECONDS: Final = 90.0
RESPONDER: Final = "centre"
TEST_SECONDS: Final = 3
"""In each direction: long enough for ten samples where others use the processors too."""


class RealTest:
    """An agent that is enrolled once, and measures as often as it is asked."""

    def __init__(self, running: Running, places: Places) -> None:
        self._running = running
        self._places = places
        folder = Path(sys.executable).parent
        self._collector = str(folder / "hakaru-collector")
        self._agent = str(folder / "hakaru-agent")
        self._common = (
            f"--ca-file={places.root_certificate}",
            f"--state={places.folder / 'agent'}",
        )
        self._target = f"--target={places.at('responder')}"
        self._enrolled = False

    def measure(self, school: str) -> str:
        """Enrol where that is not done, measure, say the rates.

        Raises StackFailed where a command fails, NotYet where a measurement gives no rates.
        """
        if not self._enrolled:
            self._enrol(school)
            self._enrolled = True
        try:
            told = self._running.finish(
                "measure",
                [
                    *(self._agent, "measure", "throughput", self._target),
                    *(f"--seconds={TEST_SECONDS}", "--json", *self._common),
                ],
                seconds=COMMAND_SECONDS,
            )
        except StackFailed as failed:
            raise NotYet(why(str(failed))) from failed
        return rates(told)

    def _enrol(self, school: str) -> None:
        running, given = self._running, environment("collector", self._places)
        running.finish(
            "responder-add",
            [
                *(self._collector, "slot", "responder", "add", RESPONDER, self._target),
                *("--mbps=40000", "--tests=4"),
            ],
            given,
            seconds=COMMAND_SECONDS,
        )
        code = running.finish(
            "code",
            [self._collector, "school", "enrol-code", school],
            given,
            seconds=COMMAND_SECONDS,
        )
        running.log("code").unlink()  # a one-time code is a secret until it is used
        running.finish(
            "enrol",
            [self._agent, "enrol", f"--collector={self._places.site}", "--code=-", *self._common],
            seconds=COMMAND_SECONDS,
            text=code.strip().splitlines()[-1],
        )


def rates(told: str) -> str:
    """The line that says what was measured; pure. Raises ValueError, KeyError."""
    values = json.loads(told)["values"]
    down, up = (values[f"{way}_bps"] / 1e6 for way in ("download", "upload"))
    return f"{down:,.0f} Mbit/s down, {up:,.0f} Mbit/s up, through a token of the collector"


def why(told: str) -> str:
    """What failed, of the record in what the command said; else all of it; pure."""
    try:
        failure = json.loads(told[told.index("{") :])["failure"]
        return f"{failure['code']} during {failure['operation']}: {failure['text']}"
    except (ValueError, KeyError, TypeError):
        return told
