"""What a simulated fleet counts, and the figures that follow from it."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

RETURN_SECONDS: Final = 60.0
"""The minute after an outage, in which a fleet returns."""
WINDOW_SECONDS: Final = 10.0
"""Requests of so long make one rate; shorter ones of 84 agents hold too few to speak of a rate."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The centre cannot be reached by anybody; simulated seconds."""

    start_seconds: float
    end_seconds: float


@dataclass(slots=True)
class Tally:
    """Counts of one run. Times are simulated seconds, latencies real ones."""

    made: dict[str, list[str]] = field(default_factory=dict)
    """Result ids by agent, in the order they were made."""
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Results that the collector keeps in quarantine, by reason."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Requests by status, or by the kind of error where there was no reply."""
    shed_without_retry_after: int = 0
    """Replies 429 and 503 that do not say when to come again."""
    heartbeats: int = 0
    restarts: int = 0
    lines_lost: int = 0
    request_at_seconds: "array[float]" = field(default_factory=lambda: array("d"))
    latency_seconds: "array[float]" = field(default_factory=lambda: array("d"))
    drained_at_seconds: dict[tuple[int, str], float] = field(default_factory=dict)
    """When an agent had delivered all it had made before the end of an outage (by its index)."""

    def request(self, at_seconds: float, latency_seconds: float, status: str) -> None:
        """Count one request that reached, or tried to reach, the collector."""
        self.request_at_seconds.append(at_seconds)
        self.latency_seconds.append(latency_seconds)
        self.statuses[status] += 1


@dataclass(frozen=True, slots=True)
class Return:
    """How a fleet came back after an outage."""

    requests: int
    """In the first minute."""
    peak_to_mean: float | None
    """Highest rate over :data:`WINDOW_SECONDS` by the mean of the minute; None: no request."""
    agents_with_backlog: int
    drained_within_seconds: float | None
    """Until the last agent's backlog was delivered; None: some still wait."""


def return_of(tally: Tally, index: int, outage: Outage, backlogs: int) -> Return:
    """Figures of the return after one outage; ``backlogs``: agents that had results waiting."""
    end = outage.end_seconds
    minute = [at - end for at in tally.request_at_seconds if 0 <= at - end < RETURN_SECONDS]
    drained = [at for (which, _), at in tally.drained_at_seconds.items() if which == index]
    return Return(
        len(minute),
        peak_to_mean(minute),
        backlogs,
        max(drained, default=end) - end if len(drained) >= backlogs else None,
    )


def peak_to_mean(moments_seconds: Sequence[float]) -> float | None:
    """Highest count of any window that slides over a minute, by the mean count of a window."""
    if not moments_seconds:
        return None
    ordered = sorted(moments_seconds)
    peak = first = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= WINDOW_SECONDS:
            first += 1
        peak = max(peak, last - first + 1)
    return peak / (len(ordered) * WINDOW_SECONDS / RETURN_SECONDS)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of sorted values, ``share`` from 0 to 1."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
