"""The slots of the day by the plan in force: each is begun or passes, once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta

from agent.config import Config
from wire.planning.schedule import Slot, due, plan


class Agenda:
    """Plans by the local calendar and remembers what is done."""

    def __init__(self, config: Config, agent_id: str) -> None:
        self._config = config
        self._agent_id = agent_id
        self._done: set[Slot] = set()
        self._planned_for: date | None = None
        self._planned: tuple[Slot, ...] = ()
        self.on_new_day: Callable[[datetime], None] = lambda _: None
        """Told when the local day has changed, and at the start."""

    def adopt(self, config: Config) -> None:
        """Plan by another configuration from now on."""
        self._config = config
        self._planned_for = None
        self._done.clear()

    def planned(self, now: datetime) -> tuple[Slot, ...]:
        """Slots of yesterday (those of just before midnight) and today."""
        config = self._config
        today = now.astimezone(config.zone).date()
        if self._planned_for != today:
            days = [today - timedelta(days=1), today] if today.toordinal() > 1 else [today]
            self._planned = tuple(
                slot for day in days for slot in plan(day, config.timetable, self._agent_id).slots
            )
            self._planned_for = today
            self.on_new_day(now)
        return self._planned

    def today(self, now: datetime) -> tuple[Slot, ...]:
        """The slots of the local day."""
        zone = self._config.zone
        today = now.astimezone(zone).date()
        return tuple(slot for slot in self.planned(now) if slot.at.astimezone(zone).date() == today)

    def still_open(self, slots: Iterable[Slot]) -> list[Slot]:
        """Those that are not done."""
        return [slot for slot in slots if slot not in self._done]

    def skip_past(self, slots: Iterable[Slot], now: datetime) -> None:
        """At the start nothing is caught up: what was due before has passed."""
        self._done |= {slot for slot in slots if slot.at <= now}

    def take(self, slots: Sequence[Slot], now: datetime) -> tuple[Sequence[Slot], Sequence[Slot]]:
        """Give those to begin now and those that have passed; both are done."""
        ready, passed = due(slots, now, self._done)
        self._done |= {*ready, *passed}
        self._done &= set(slots)
        return ready, passed
