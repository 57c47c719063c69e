"""The delay box: compiled on first use, run in a namespace, asked what it did.

The box (delaybox.c says what it does) ends when its standard input closes, so it never outlives
the process that started it, however that one ends.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("delaybox.c")
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread")
_INSTALL = Path(__file__).parents[2] / "scripts" / "system-packages"
_ANSWER_SECONDS = 20


class LabError(Exception):
    """The lab cannot do what was asked; the text says what is wrong and what to do next."""


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One direction of a wire: what happens to a packet after it left the shaper.

    Loss and reordering count unicast IP packets (never ARP or neighbour discovery) as they are on
    the wire: a link with either carries single segments, never aggregates.
    """

    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    """Up to so much more delay, uniform, without reordering."""
    loss_every: int = 0
    """Of every so many packets the last ``loss_burst`` are lost; 0 is none."""
    loss_burst: int = 1
    loss_ratio: float = 0.0
    """Chance of loss of each packet, from ``seed``."""
    reorder_every: int = 0
    """Every so many-th packet is held ``reorder_seconds`` longer and overtaken; 0 is none."""
    reorder_seconds: float = 0.0
    seed: int = 1

    @property
    def carries_aggregates(self) -> bool:
        """Whether GSO/GRO aggregates may cross whole."""
        return not (self.loss_every or self.loss_ratio or self.reorder_every)

    def words(self) -> list[str]:
        """The settings as the box reads them."""
        return [
            f"delay_us={_micro(self.delay_seconds)}",
            f"jitter_us={_micro(self.jitter_seconds)}",
            f"loss_every={self.loss_every}",
            f"loss_burst={self.loss_burst}",
            f"loss_ppm={_micro(self.loss_ratio)}",
            f"reorder_every={self.reorder_every}",
            f"reorder_us={_micro(self.reorder_seconds)}",
            f"seed={self.seed}",
        ]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What one direction of the box did since it started."""

    received_packets: int
    sent_packets: int
    received_bytes: int
    aggregates: int
    """Packets that were GSO/GRO aggregates of several segments."""
    largest_bytes: int
    lost_packets: int
    """Lost as asked for."""
    reordered_packets: int
    dropped_socket: int
    """Not read in time: the box was over its ceiling."""
    dropped_queue: int
    """Over the memory bound of 256 MB a direction."""
    dropped_send: int
    """Refused by the kernel when sent; ``last_errno`` says why."""
    unreadable: int
    peak_queue_bytes: int
    late_most_us: int
    """The most any packet left later than due (microseconds)."""
    wakes: int
    last_errno: int
    late: tuple[int, ...]
    """Packets by lateness: under 1, 2, 4, 8 ... microseconds."""

    @property
    def own_drops(self) -> int:
        """Packets the box dropped that nobody asked it to drop."""
        return self.dropped_socket + self.dropped_queue + self.dropped_send + self.unreadable

    def late_us(self, share: float) -> int:
        """Upper bound of the lateness of ``share`` of the packets (microseconds)."""
        wanted, seen = share * sum(self.late), 0
        for power, count in enumerate(self.late):
            seen += count
            if seen >= wanted:
                return 1 << power
        return 1 << len(self.late)


class DelayBox:
    """A running box between the interfaces ``left`` and ``right`` of a namespace."""

    def __init__(self, namespace: str, up: Wire, down: Wire) -> None:
        aggregates = up.carries_aggregates and down.carries_aggregates
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, str(binary()), "left", "right",
             f"gro={int(aggregates)}", "up", *up.words(), "down", *down.words()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answer()

    @property
    def pid(self) -> int:
        """Process id of the box."""
        return self._process.pid

    def carried(self) -> tuple[Carried, Carried]:
        """What it did up (away from the client) and down."""
        found = self._ask("stats")
        up, down = (
            Carried(**{**found[name], "late": tuple(found[name]["late"])})
            for name in ("up", "down")
        )
        return up, down

    def change(self, *, up: Wire | None = None, down: Wire | None = None) -> None:
        """Change a direction from now on; packets on their way keep their time."""
        for name, wire in (("up", up), ("down", down)):
            if wire is not None:
                self._ask(" ".join([name, *wire.words()]))

    def cpu_seconds(self) -> float:
        """Processor time of the box so far, in user space and kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the box; packets on their way are gone."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._process.communicate(timeout=_ANSWER_SECONDS)[1]
            raise LabError(f"the delay box ended: {said.strip()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def binary() -> Path:
    """The compiled box, from the cache or made now."""
    compiler = _compiler()
    recipe = "\0".join([SOURCE.read_text(), *FLAGS, platform.machine(), str(compiler)])
    name = f"delaybox-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hakaru-lab"
    made = cache / name
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fresh = Path(folder) / name
            _run([compiler, *FLAGS, "-o", str(fresh), str(SOURCE)])
            fresh.replace(made)  # atomic: a test running beside this one sees all or nothing
    return made


def _compiler() -> str:
    for attempt in range(2):
        for name in ("cc", "gcc"):
            if found := shutil.which(name):
                return found
        if attempt == 0 and subprocess.run([_INSTALL, "gcc", "libc6-dev"], check=False).returncode:
            break
    raise LabError("no C compiler for the delay box. Install one: apt-get install gcc libc6-dev")


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{' '.join(words)} failed: {done.stderr.strip()}")


def _micro(value: float) -> int:
    return round(value * 1_000_000)
