"""What the routes work with."""

from dataclasses import dataclass, field

from collector.clock import Clock
from collector.fleet.provider import Provider
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
    insecure_lab: bool
    heartbeat_providers: list[Provider] = field(default_factory=list)
    """What subjects add to the reply of a heartbeat, asked in this order."""
