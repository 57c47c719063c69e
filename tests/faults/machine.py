"""What a machine that others use too had left for a measurement."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
PROCESSORS = os.cpu_count() or 1


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_SECONDS


def most_memory_bytes(pid: int) -> int:
    """The most memory the process ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@dataclass(frozen=True)
class Meter:
    """Readings at one moment."""

    seconds: float
    taken_seconds: float
    """Processor time that all processes and the machine's host took, since it started."""
    ours_seconds: float

    @classmethod
    def read(cls, pid: int) -> "Meter":
        """Ours are this process and ``pid``."""
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, _idle, _wait, hard, soft, steal = map(int, fields)
        taken = (user + nice + system + hard + soft + steal) * TICK_SECONDS
        return cls(time.monotonic(), taken, cpu_seconds(pid) + time.process_time())

    def others_ratio(self, before: "Meter") -> float:
        """Share of the machine that others took in between."""
        taken = self.taken_seconds - before.taken_seconds
        others = taken - (self.ours_seconds - before.ours_seconds)
        return max(0.0, others) / ((self.seconds - before.seconds) * PROCESSORS)
