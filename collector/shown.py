"""Which verdicts are shown where nobody asks for others: of which week, simulated or measured."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.clock import Clock
from collector.compliance import shown_week
from collector.judge.week import Week
from collector.store.interface import Store

SIMULATED_CITY: Final = "simulated_city"
"""Setting: ``1`` where simulated verdicts are shown."""
SIMULATED_NOW: Final = "simulated_now"
"""Setting: the moment at which a simulated city is looked at (RFC 3339); ages count from it."""
SHOWN_WEEK: Final = "shown_week"
"""Setting: the week shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The choice, read anew each time: another process may change the settings."""

    store: Store
    clock: Clock
    pinned: Week | None = None
    """From ``serve --week``; goes before the setting."""

    def simulated(self) -> bool:
        """Whether simulated verdicts are shown."""
        return self.store.setting(SIMULATED_CITY) == "1"

    def now(self) -> datetime:
        """Moment that ages count from: now, or the one at which a simulated city is looked at."""
        if self.simulated() and (moment := self.store.setting(SIMULATED_NOW)):
            return datetime.fromisoformat(moment)
        return self.clock.now()

    def week(self) -> Week:
        """Week shown: pinned, else the setting, else the last complete one."""
        if self.pinned is not None:
            return self.pinned
        if setting := self.store.setting(SHOWN_WEEK):
            return Week.parse(setting)
        return shown_week(self.store, simulated=self.simulated(), now=self.clock.now())
