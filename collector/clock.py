"""The clock of the collector. Everything else takes a Clock as an argument."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall clock and monotonic clock."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds since some moment. Never steps."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - the one place

    def monotonic_seconds(self) -> float:
        """CLOCK_MONOTONIC, in seconds."""
        return time.monotonic()  # noqa: TID251 - the one place
