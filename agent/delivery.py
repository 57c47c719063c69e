"""The state of delivery, for people and for ``hakaru-agent status``."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """How delivery stands."""

    STARTING = "starting"
    OK = "ok"
    BACKING_OFF = "backing_off"
    INTERCEPTED = "intercepted"
    UNAUTHORISED = "unauthorised"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the latest attempts to deliver."""

    state: DeliveryState = DeliveryState.STARTING
    detail: str = ""
    """One line about the last failure; empty while all is well."""
    last_delivery_at: datetime | None = None
    last_failure_at: datetime | None = None
    retry_at: datetime | None = None
    delivered_count: int = 0
    """Since this process started."""
