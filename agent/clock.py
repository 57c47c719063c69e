"""The clocks of the agent. Everything else takes a Clock as an argument."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Wall clock, monotonic clock and the boot they belong to."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC. May step."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds since some moment of this boot, suspended time included. Never steps."""
        ...

    def boot_id(self) -> str:
        """Identifier of the running boot."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def __init__(self, boot_id_file: Path = Path("/proc/sys/kernel/random/boot_id")) -> None:
        self._boot_id = boot_id_file.read_text(encoding="ascii").strip()

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - the one place

    def monotonic_seconds(self) -> float:
        """CLOCK_BOOTTIME, in seconds: monotonic, and goes on during suspend (clock_gettime(2)).

        So a moment of this boot can be placed on the calendar later, over a suspend too.
        """
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """The kernel's random boot id."""
        return self._boot_id
