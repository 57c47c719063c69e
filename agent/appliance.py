"""What this appliance can carry: loopback ceiling, link, processor. Pure parsing, thin reading.

The ceiling is the goodput of our own responder and client on loopback, both on this machine: it
pays for both ends, so it is below what the client alone could do. With the link's goodput it
bounds what this box can measure; verdicts on more than that / 1.2 are left undetermined.
"""

import json
import logging
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.network_card import Card, card_towards
from agent.state import write_json
from agent.supervise import CHILD_COMMAND, supervise
from wire.measurement import Fields, Json, Measurement
from wire.planning.planned import Planned

log: Final = logging.getLogger(__name__)

APPLIANCE_FILE: Final = "appliance.json"
RESPONDER_COMMAND: Final = (
    sys.executable,
    "-m",
    "agent.cli",
    "responder",
    "--listen",
    "127.0.0.1:0",
    "--open",
)
_LISTENS: Final = re.compile(rb"ndt7 on 127\.0\.0\.1 port ([0-9]+)")
CEILING_FLOWS: Final = 4
CEILING_SECONDS: Final = 1.0
CEILING_DEADLINE_SECONDS: Final = 10.0
VOUCH_FACTOR: Final = 1.2
"""A verdict needs an appliance that can carry this multiple of the required speed."""


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Counters of all processors together, in ticks."""

    busy: int
    whole: int


def parse_stat(text: str) -> CpuTimes | None:
    """Read the ``cpu`` line of ``/proc/stat`` (proc(5)): idle and iowait are not busy."""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["cpu"] and len(words) >= 5:
            ticks = [int(word) for word in words[1:9] if word.isdigit()]
            idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)
            return CpuTimes(sum(ticks) - idle, sum(ticks))
    return None


def cpu_times(path: Path = Path("/proc/stat")) -> CpuTimes | None:
    """Read the counters now; None where there are none."""
    try:
        return parse_stat(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def utilisation_ratio(before: CpuTimes | None, after: CpuTimes | None) -> float | None:
    """Share of all processors in use between two readings; None: not known."""
    if before is None or after is None or after.whole <= before.whole:
        return None
    return min(1.0, max(0.0, (after.busy - before.busy) / (after.whole - before.whole)))


def ceiling_bps(loopback_bps: float | None, card: Card | None) -> float | None:
    """Highest goodput this appliance can measure towards a target; None: not known."""
    bounds = [loopback_bps, None if card is None else card.goodput_bps]
    return min((bound for bound in bounds if bound is not None), default=None)


def context_of(loopback_bps: float | None, card: Card | None) -> Fields:
    """For the context of a throughput result."""
    given: dict[str, Json] = {
        "appliance_ceiling_bps": ceiling_bps(loopback_bps, card),
        "link_interface": None if card is None else card.name,
        "link_speed_bps": None if card is None else card.speed_bps,
        "link_duplex": None if card is None else card.duplex,
    }
    return {name: value for name, value in given.items() if value is not None}


def loopback_result(
    clock: Clock,
    random: Random,
    cancelled: threading.Event,
    command: Sequence[str] = RESPONDER_COMMAND,
) -> Measurement | str:
    """Measure our own responder on loopback, about 3 s; a reason where there is none."""
    with _responder(command) as target:
        if target is None:
            return "our own responder did not start"
        planned = Planned(
            probe="throughput",
            target=target,
            segment="loopback",
            deadline_seconds=CEILING_DEADLINE_SECONDS,
            options={
                "flows": CEILING_FLOWS,
                "seconds": CEILING_SECONDS,
                "direction": "download",
            },
        )
        return supervise(planned, clock, random, cancelled, CHILD_COMMAND)


def loopback_bps(found: Measurement | str) -> float | None:
    """The rate of :func:`loopback_result`."""
    rate = None if isinstance(found, str) else found.values.get("download_bps")
    return rate if isinstance(rate, float) else None


@contextmanager
def _responder(command: Sequence[str]) -> Iterator[str | None]:
    """Our responder in a process of its own; gives HOST:PORT, None where it did not start."""
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module, no word from outside
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        log.warning("responder for the self-test: %s", error)
        yield None
        return
    guard = threading.Timer(CEILING_DEADLINE_SECONDS * 2, process.kill)  # also if we hang here
    guard.start()
    try:
        assert process.stderr is not None
        said = _LISTENS.search(process.stderr.readline())
        yield None if said is None else f"127.0.0.1:{said[1].decode('ascii')}"
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


class Appliance:
    """What is known of this machine, once a boot, kept in the state directory."""

    def __init__(self, path: Path, clock: Clock, random: Random) -> None:
        self._path = path
        self._clock = clock
        self._random = random
        self.loopback_bps: float | None = _read(path, clock.boot_id())

    def prepare(self, cancelled: threading.Event) -> None:
        """Measure the ceiling unless this boot knows it already. Blocks a few seconds."""
        if self.loopback_bps is not None:
            return
        found = loopback_result(self._clock, self._random, cancelled)
        self.loopback_bps = loopback_bps(found)
        if self.loopback_bps is None:
            reason = found if isinstance(found, str) else str(found.failure)
            log.warning("the ceiling of this appliance is not known: %s", reason)
            return
        log.info("this appliance carries %.0f Mbit/s on loopback", self.loopback_bps / 1e6)
        kept: dict[str, Json] = {
            "boot_id": self._clock.boot_id(),
            "loopback_bps": self.loopback_bps,
        }
        with suppress(OSError):  # measured again at the next start
            write_json(self._path, kept, durable=False)

    def context(self, target: str) -> Fields:
        """For the context of a result towards ``target``. Blocks for the name's address."""
        try:
            card = card_towards(target)
        except MeasurementFailed:  # no HOST:PORT, such as a URL
            card = None
        return context_of(self.loopback_bps, card)


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))


def _read(path: Path, boot_id: str) -> float | None:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        rate = given["loopback_bps"] if given["boot_id"] == boot_id else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rate if isinstance(rate, float) and math.isfinite(rate) and rate > 0 else None
