"""Counters of one link beside a verdict: they confirm it, say nothing, or contradict. Pure.

A shaper below the port's speed is common (a contract), so a port with room confirms nothing and
contradicts nothing either. What contradicts is a port that did not carry the load at all.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FULL_RATIO: Final = 0.8
"""Use of a port from which on it was full: preambles, gaps and frames of others are not counted."""
CARRIED_RATIO: Final = 0.5
"""Share of the load's bytes that must have crossed a port for it to be on the path."""


class Said(StrEnum):
    """What the counters say of a link."""

    CONFIRM = "confirm"
    """It was full, or it dropped packets."""
    NOTHING = "nothing"
    CONTRADICT = "contradict"
    """The load did not cross it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounters:
    """One link under load, as a counter at one of its ends saw it."""

    between: tuple[int, int]
    carried_bytes: int
    """In the direction of the load, in its time."""
    load_bytes: int
    """Of the load, in the same time."""
    seconds: float
    speed_bps: float | None = None
    """Of the port; None: not known, or none (a tunnel)."""
    dropped_packets: int | None = None
    """At the sending end of the link; None where it does not count them."""

    @property
    def said(self) -> Said:
        """What follows."""
        if self.carried_bytes < CARRIED_RATIO * self.load_bytes:
            return Said.CONTRADICT
        used_bps = 8 * self.carried_bytes / self.seconds if self.seconds > 0 else 0.0
        full = self.speed_bps is not None and used_bps >= FULL_RATIO * self.speed_bps
        return Said.CONFIRM if full or self.dropped_packets else Said.NOTHING
