"""What the routes work with."""

from dataclasses import dataclass

from collector.clock import Clock
from collector.identity import GuessLimit
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.metrics import Metrics
from collector.shown import Shown
from collector.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a route may ask."""

    store: Store
    criteria: Criteria
    calendars: Calendars
    clock: Clock
    metrics: Metrics
    shown: Shown
    guesses: GuessLimit
    insecure_lab: bool
