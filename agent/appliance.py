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
from collections.abc import Callable, Iterator, Sequence
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
BUSY_CPU_RATIO: Final = 0.25
"""Others who use more than this of all processors take from the ceiling what it would show."""
LOOK_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 600.0
"""A ceiling that was measured under load is measured again, but not more often than this."""
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


def others_cpu_ratio(cancelled: threading.Event) -> float | None:
    """How busy the processors are while this agent does nothing. Blocks half a second."""
    before = cpu_times()
    cancelled.wait(LOOK_SECONDS)
    return utilisation_ratio(before, cpu_times())


class Appliance:
    """What is known of this machine, once a boot, kept in the state directory."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        random: Random,
        measure: Callable[..., Measurement | str] = loopback_result,
        look: Callable[[threading.Event], float | None] = others_cpu_ratio,
    ) -> None:
        self._path = path
        self._clock = clock
        self._random = random
        self._measure = measure
        self._look = look
        self._cancelled: threading.Event | None = None
        self._tried_at: float | None = None
        self.loopback_bps, self.busy_ratio = _read(path, clock.boot_id())

    @property
    def under_load(self) -> bool:
        """The ceiling was measured while others used the processors: it may be higher."""
        return self.busy_ratio is not None and self.busy_ratio > BUSY_CPU_RATIO

    def prepare(self, cancelled: threading.Event) -> None:
        """Measure the ceiling unless this boot knows it already. Blocks a few seconds."""
        self._cancelled = cancelled
        if self.loopback_bps is not None and not self.under_load:
            return
        now = self._clock.monotonic_seconds()
        if self._tried_at is not None and now - self._tried_at < AGAIN_SECONDS:
            return
        self._tried_at = now
        busy = [self._look(cancelled)]
        found = self._measure(self._clock, self._random, cancelled)
        busy.append(self._look(cancelled))
        self._take(found, max((ratio for ratio in busy if ratio is not None), default=None))

    def _take(self, found: Measurement | str, busy_ratio: float | None) -> None:
        rate = loopback_bps(found)
        if rate is None:
            reason = found if isinstance(found, str) else str(found.failure)
            log.warning("the ceiling of this appliance is not known: %s", reason)
            return
        # what it carried once in this boot it can carry
        self.loopback_bps = max(rate, self.loopback_bps or 0.0)
        self.busy_ratio = busy_ratio
        log.info("this appliance carries %.0f Mbit/s on loopback", self.loopback_bps / 1e6)
        if self.under_load:
            log.info("measured while %.0f %% of the processors were busy: again later",
                     100 * (busy_ratio or 0.0))  # fmt: skip
        kept: dict[str, Json] = {
            "boot_id": self._clock.boot_id(),
            "loopback_bps": self.loopback_bps,
            "busy_ratio": self.busy_ratio,
        }
        with suppress(OSError):  # measured again at the next start
            write_json(self._path, kept, durable=False)

    def context(self, target: str) -> Fields:
        """For the context of a result towards ``target``. Blocks for the name's address.

        Called before a heavy test, alone on the machine: a ceiling that was measured under load is
        measured again, which blocks some seconds more.
        """
        if self.under_load and self._cancelled is not None:
            self.prepare(self._cancelled)
        try:
            card = card_towards(target)
        except MeasurementFailed:  # no HOST:PORT, such as a URL
            card = None
        given = dict(context_of(self.loopback_bps, card))
        return given | ({"appliance_ceiling_under_load": True} if self.under_load else {})


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0))


def _read(path: Path, boot_id: str) -> tuple[float | None, float | None]:
    """Rate and busy ratio of this boot; (None, None) where the file has none that can be used."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        rate = given["loopback_bps"] if given["boot_id"] == boot_id else None
        busy = given.get("busy_ratio")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, None
    if not isinstance(rate, float) or not math.isfinite(rate) or rate <= 0:
        return None, None
    return rate, busy if isinstance(busy, float) else None
