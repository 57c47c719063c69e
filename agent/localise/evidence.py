"""What was seen of a path while one direction of it was loaded. Data.

Moments are monotonic seconds. Hops are counted from this machine, which is hop 0 (echoes to its
own address: what is slow there is slow for all); the last one is the far end. A link is named by
the hops at its ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.throughput.directions import Test
from agent.throughput.why import LimitedBy


class Method(StrEnum):
    """How a hop was watched."""

    ECHO = "echo"
    """ICMP echo to its own address."""
    EXPIRED = "time_exceeded"
    """Packets towards the far end that die there: it answers no echo. About one a second."""
    NONE = "none"
    """Not at all: its address is not known, or it answers neither."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One round trip of a request that left at ``at_seconds``."""

    at_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HopSeen:
    """One hop and its round trips, in the order of sending."""

    hop: int
    address: str | None = None
    method: Method = Method.NONE
    trips: Sequence[RoundTrip] = ()
    return_hops: int | None = None
    """Hops of its replies' way back, by their time to live; None: not known, or it changed."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the time, begin and end."""

    begin: float
    end: float

    def within(self, trips: Sequence[RoundTrip]) -> list[RoundTrip]:
        """Round trips whose request left in it."""
        return [trip for trip in trips if self.begin <= trip.at_seconds < self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSeen:
    """What is known of the flows that loaded the path."""

    test: Test
    limited_by: LimitedBy | None = None
    """By the sender's kernel; None where it does not say."""
    tcp_inflation_seconds: float | None = None
    """TCP's own round trip under load less its smallest; None: not known."""
    pace_reached: bool | None = None
    """Whether the rate that was asked for flowed; None: the flows took all they got."""
    congestion_control: str | None = None
    """Of the sending side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a verdict on one direction is made from."""

    hops: Sequence[HopSeen]
    """From hop 0, this machine, to the far end, without a gap."""
    before: Window
    loaded: Window
    after: Window
    load: LoadSeen
    path_changed: bool = False
    """The path was another one after the load."""
