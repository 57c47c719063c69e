"""Commands are carried out once: which ones were begun, on disk before they begin."""

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from agent.state import write_json
from wire.codec import format_time
from wire.fields import read_time

log: Final = logging.getLogger(__name__)

ONCE_FILE: Final = "commands.json"
MAX_REMEMBERED: Final = 500
_KEPT: Final = timedelta(days=1)
"""After a command has expired nobody sends it any more."""


class Once:
    """Tells a new command from one that was begun before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = _load(path)

    def begin(self, command_id: str, expires_at: datetime, now: datetime) -> bool:
        """Note that a command begins. False: it is late, was begun before, or cannot be noted."""
        if now >= expires_at or command_id in self._begun:
            return False
        kept = {one: until for one, until in self._begun.items() if now < until + _KEPT}
        if len(kept) >= MAX_REMEMBERED:
            log.warning("%d commands at once: %s is left", len(kept), command_id)
            return False
        kept[command_id] = expires_at
        try:
            told = {one: format_time(until) for one, until in kept.items()}
            write_json(self._path, told, durable=True)
        except OSError as error:
            log.warning("%s: %s; the command is left", self._path, error.strerror)
            return False
        self._begun = kept
        return True


def _load(path: Path) -> dict[str, datetime]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(one): read_time(ONCE_FILE, until) for one, until in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s cannot be read (%s): begun anew", path, error)
        return {}
