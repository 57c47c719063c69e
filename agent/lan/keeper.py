"""Keeps what the centre approved, and sees that what was counted does not outlive its time."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

from agent.lan.devices import tidy
from agent.lan.leave import APPROVALS_FILE, Rule, keep_approvals, keep_rule, read_approvals
from wire.heartbeat import Reply

log: Final = logging.getLogger(__name__)


class LanKeeper:
    """Of one running agent."""

    def __init__(self, directory: Path, rule: Rule, school: str) -> None:
        self._directory = directory
        try:
            keep_rule(directory, rule, school)
        except OSError as error:
            log.warning("%s: %s; what held before holds", directory, error.strerror)

    async def hear(self, reply: Reply) -> None:
        """Go by the approvals of a reply, and by no others. What cannot be written is none."""
        if reply.approvals == read_approvals(self._directory):
            return
        try:
            keep_approvals(self._directory, reply.approvals)
        except OSError as error:
            log.warning("approvals cannot be kept: %s", error.strerror)
            self._forget()
            return
        numbers = " ".join(str(one.number) for one in reply.approvals) or "none"
        log.info("approvals of checks of the LAN: %s", numbers)

    def _forget(self) -> None:
        """Let none hold. On a disk that takes nothing at all, those before hold for their time."""
        try:
            (self._directory / APPROVALS_FILE).unlink(missing_ok=True)
        except OSError as error:
            log.warning("approvals that were kept cannot be removed: %s", error.strerror)

    def new_day(self, now: datetime) -> None:
        """Forget devices whose time is over, also where no check runs any more."""
        try:
            tidy(self._directory, now)
        except OSError as error:
            log.warning("the table of devices cannot be tidied: %s", error.strerror)
