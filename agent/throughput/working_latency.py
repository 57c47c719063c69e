"""Responsiveness under working conditions: from probes and goodput to a figure. Pure.

Follows draft-ietf-ippm-responsiveness-09, "Measuring Responsiveness" and "Final Algorithm", in
its TCP-only case. Three kinds of round trip:

- ``connect``: the TCP handshake of a new connection (the draft's ``tcp_f``);
- ``request``: request and whole answer on that connection (``http_f``);
- ``loaded``: there and back on a connection that carries the load (``http_l``).

Each interval the moving averages over the last intervals are formed. First those of the goodput
must settle, then those of the responsiveness; how far that came is the confidence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, pstdev
from typing import Final

SECONDS_A_MINUTE: Final = 60.0


class Kind(StrEnum):
    """What a round trip is one of."""

    CONNECT = "connect"
    REQUEST = "request"
    LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One round trip, complete at ``at_seconds`` of the monotonic clock."""

    kind: Kind
    at_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The draft's parameters; its names in brackets."""

    interval_seconds: float = 0.5
    """[ID] Half a second where revision 09 has five: a direction may not take half a minute."""
    distance: int = 4
    """[MAD] Intervals that a moving average is over, and averages that must agree."""
    tolerance_ratio: float = 0.05
    """[SDT] They agree where their standard deviation is within this share of the newest."""
    kept_percent: int = 95
    """[TMP] The longest round trips above this percentile are trimmed."""
    probe_seconds: float = 0.1
    """Between two probes of a kind; [MPS] allows ten times as many."""
    probe_share_ratio: float = 0.05
    """[PTC] Largest share of the goodput that probes may take."""
    foreign_bytes: int = 1_000
    """On the line for one foreign probe: nine packets without TLS, both ways together."""
    loaded_bytes: int = 250
    """On the line for one ping, its pong and their acknowledgements."""


RULES: Final = Rules()


class Confidence(StrEnum):
    """How far a stage came, as the draft grades it."""

    LOW = "low"
    """Fewer intervals than a moving average is over."""
    MEDIUM = "medium"
    """Enough intervals, and the averages did not settle."""
    HIGH = "high"
    """The averages settled."""


def trimmed_mean(values: Sequence[float], kept_percent: int = RULES.kept_percent) -> float:
    """Mean of the shortest ``kept_percent`` per cent of ``values``, at least one of them.

    Trimmed on one side, as the draft says. Raises ValueError where there are none.
    """
    if not values:
        raise ValueError("no value to take the mean of")
    kept = max(1, kept_percent * len(values) // 100)
    return fmean(sorted(values)[:kept])


def seconds_of(trips: Iterable[RoundTrip], kind: Kind) -> list[float]:
    """Lengths of the round trips of one kind, in the order they came."""
    return [trip.seconds for trip in trips if trip.kind is kind]


def rpm(trips: Sequence[RoundTrip], rules: Rules = RULES) -> float | None:
    """Round trips a minute; None where a kind is missing.

    (60 / ((TM(connect) + TM(request)) / 2) + 60 / TM(loaded)) / 2, times in seconds.
    """
    kinds = [seconds_of(trips, kind) for kind in (Kind.CONNECT, Kind.REQUEST, Kind.LOADED)]
    if not all(kinds):
        return None
    connect, request, loaded = (trimmed_mean(kind, rules.kept_percent) for kind in kinds)
    foreign = SECONDS_A_MINUTE / ((connect + request) / 2)
    return (foreign + SECONDS_A_MINUTE / loaded) / 2


def settled(averages: Sequence[float], rules: Rules = RULES) -> bool:
    """Tell whether the newest moving averages agree."""
    recent = averages[-rules.distance :]
    return len(recent) == rules.distance and pstdev(recent) <= rules.tolerance_ratio * averages[-1]


def probe_interval_seconds(goodput_bps: float, rules: Rules = RULES) -> float:
    """Time between two probes of a kind, so that both kinds stay within their share."""
    pair_bits = 8 * (rules.foreign_bytes + rules.loaded_bytes)
    return max(rules.probe_seconds, pair_bits / (rules.probe_share_ratio * max(goodput_bps, 1.0)))


class Stages:
    """Goodput first, then responsiveness: told of every interval, says when both are settled."""

    def __init__(self, rules: Rules = RULES) -> None:
        self._rules = rules
        self._bytes: list[float] = []
        self._seconds: list[float] = []
        self._goodput: list[float] = []
        self._responsiveness: list[float] = []
        self.steady = False
        """Whether the goodput settled: the load is there."""
        self.done = False
        """Whether the responsiveness settled after it."""

    @property
    def intervals(self) -> int:
        """Intervals so far."""
        return len(self._bytes)

    def interval(self, moved_bytes: float, took_seconds: float, current: float | None) -> None:
        """Take note of an interval; ``current`` is :func:`rpm` of the probes of the last ones."""
        self._bytes.append(moved_bytes)
        self._seconds.append(took_seconds)
        if self.steady:
            if current is not None:
                self._responsiveness.append(current)
            self.done = settled(self._responsiveness, self._rules)
            return
        distance = self._rules.distance
        self._goodput.append(8 * sum(self._bytes[-distance:]) / sum(self._seconds[-distance:]))
        self.steady = self._goodput[-1] > 0 and settled(self._goodput, self._rules)

    @property
    def goodput_confidence(self) -> Confidence:
        """Of the load."""
        return self._confidence(self._goodput, reached=self.steady)

    @property
    def rpm_confidence(self) -> Confidence:
        """Of the responsiveness; low where the load never settled."""
        return self._confidence(self._responsiveness, reached=self.done)

    def _confidence(self, averages: Sequence[float], *, reached: bool) -> Confidence:
        if reached:
            return Confidence.HIGH
        enough = len(averages) >= self._rules.distance
        return Confidence.MEDIUM if enough else Confidence.LOW
