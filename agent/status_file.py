"""The file through which ``run`` tells ``status``, and the next life of the agent.

It changes with every heartbeat and every result. On an appliance that would be most of what flash
takes, so where the service has a folder in memory it lives there, and the state directory gets a
copy when delivery changes its state, each hour, and at the end. A power cut costs what ``status``
would have said of at most an hour; results are in the spool and lose nothing.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent.clock import Clock
from agent.state import STATUS_FILE, SYSTEM_DIRECTORY, write_json
from wire.measurement import Json

SYSTEM_MEMORY: Final = Path("/run/hakaru")
"""Of the packaged service: RuntimeDirectory= of its unit."""
KEEP_SECONDS: Final = 3600.0


def folder_in_memory(
    state: Path, system: Path = SYSTEM_DIRECTORY, memory: Path = SYSTEM_MEMORY
) -> Path | None:
    """Give the folder in memory that belongs to a state directory; None where there is none."""
    return memory if state.resolve() == system.resolve() and memory.is_dir() else None


def read(state: Path, memory: Path | None) -> dict[str, Any]:
    """Give what was told last; empty where nothing can be read."""
    for folder in (memory, state):
        if folder is None:
            continue
        with contextlib.suppress(OSError, ValueError, RecursionError):
            told = json.loads((folder / STATUS_FILE).read_text(encoding="utf-8"))
            if isinstance(told, dict):
                return told
    return {}


class StatusFile:
    """Written by the one process that holds the state directory."""

    def __init__(self, state: Path, memory: Path | None, clock: Clock) -> None:
        self._kept = state / STATUS_FILE
        usable = memory is not None and os.access(memory, os.W_OK | os.X_OK)
        self._live = memory / STATUS_FILE if memory is not None and usable else None
        self._clock = clock
        self._kept_at_seconds: float | None = None
        self._kept_delivery: Json = None

    def write(self, told: Mapping[str, Json], *, last: bool = False) -> None:
        """Replace it; ``last``: this life ends. Raises OSError, with nothing lost but this."""
        try:
            if self._live is not None:
                write_json(self._live, told, durable=False)
        finally:  # a folder in memory that is full or gone costs no copy
            if self._live is None or last or self._is_due(told):
                self._kept_at_seconds = self._clock.monotonic_seconds()
                self._kept_delivery = _delivery_state(told)
                write_json(self._kept, told, durable=False)

    def _is_due(self, told: Mapping[str, Json]) -> bool:
        if self._kept_at_seconds is None or _delivery_state(told) != self._kept_delivery:
            return True
        return self._clock.monotonic_seconds() - self._kept_at_seconds >= KEEP_SECONDS


def _delivery_state(told: Mapping[str, Json]) -> Json:
    delivery = told.get("delivery")
    return delivery.get("state") if isinstance(delivery, dict) else None
