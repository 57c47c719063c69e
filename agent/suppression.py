"""Measuring nothing until a moment, because the centre says so. Kept over restarts."""

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.state import write_json
from wire.codec import format_time
from wire.fields import read_line, read_time
from wire.heartbeat import Suppress

log: Final = logging.getLogger(__name__)

SUPPRESS_FILE: Final = "suppress.json"
_MAX_BYTES: Final = 10_000


class Suppression:
    """The suppression that was heard last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._heard = _load(path)
        self._written = self._heard

    def hear(self, suppress: Suppress | None) -> None:
        """Take what a reply of the collector says; None lifts."""
        if suppress != self._heard:
            self._heard = suppress
            log.info("suppressed: %s", "no more" if suppress is None else suppress.reason)
        if suppress != self._written:
            try:
                self._write(suppress)
                self._written = suppress
            except OSError as error:  # it holds all the same, and is written with the next reply
                log.warning("%s: %s; a restart would forget it", self._path, error.strerror)

    def active(self, now: datetime) -> Suppress | None:
        """What is in force at ``now``."""
        return self._heard if self._heard is not None and now < self._heard.until else None

    def _write(self, suppress: Suppress | None) -> None:
        if suppress is None:
            self._path.unlink(missing_ok=True)
            return
        told = {"until": format_time(suppress.until), "reason": suppress.reason}
        write_json(self._path, told, durable=True)


def _load(path: Path) -> Suppress | None:
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(_MAX_BYTES))
        return Suppress(
            until=read_time("until", kept["until"]), reason=read_line("reason", kept["reason"])
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("%s cannot be read (%s): not suppressed until the next heartbeat", path, error)
        return None
