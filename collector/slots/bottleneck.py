"""What a rehearsal shows: is it the shared upstream that limits the schools? Pure.

In a round all schools test in the same seconds, so the sum of their rates is what flows through
what they share. Where that sum stays flat over the rounds, and is clearly below what the same
schools reach one at a time together, something they share carries no more than the sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

SHARED_RATIO: Final = 0.8
"""Below this share of the single rates' sum the schools hinder each other."""
FLAT_RATIO: Final = 0.25
"""Span of the rounds' sums, as a share of their median, that still counts as flat."""
RESPONDER_RATIO: Final = 0.9
"""From this share of the responder's capacity on nothing can be said of the upstream."""
FEWEST_ROUNDS: Final = 2


class Verdict(StrEnum):
    """What was found."""

    SHARED = "shared"
    """What the schools share carries about the sum, and no more."""
    NONE = "none"
    """The schools together reached what they reach alone."""
    RESPONDER = "responder"
    """The far end was at its capacity."""
    NOT_FLAT = "not_flat"
    """Less than alone, but changing from round to round: other traffic, or the schools' lines."""
    TOO_LITTLE = "too_little"
    """Fewer than two rounds with most schools, or single rates are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One school in a rehearsal."""

    code: str
    name: str
    rates: Mapping[int, float]
    """Bit/s by round."""
    alone_bps: float | None
    """What it reached alone before; None: not known."""

    @property
    def middle_bps(self) -> float | None:
        """Median over its rounds."""
        return median(self.rates.values()) if self.rates else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """All schools of a rehearsal."""

    verdict: Verdict
    rounds: Mapping[int, tuple[int, float]]
    """Schools and sum of their rates, bit/s, by round."""
    sum_bps: float | None
    """Median sum over the rounds with most schools."""
    alone_sum_bps: float | None
    """Sum of what the schools of those rounds reach one at a time."""
    alone_most_bps: float | None


def judge(shares: Sequence[Share], responder_bps: int) -> Together:
    """Find the bottleneck of a rehearsal."""
    rounds: dict[int, tuple[int, float]] = {}
    for number in sorted({number for share in shares for number in share.rates}):
        rates = [share.rates[number] for share in shares if number in share.rates]
        rounds[number] = (len(rates), sum(rates))
    most = max((count for count, _ in rounds.values()), default=0)
    full = [number for number, (count, _) in rounds.items() if count == most]
    sums = [rounds[number][1] for number in full]
    taking_part = [share for share in shares if any(number in share.rates for number in full)]
    alone = [share.alone_bps for share in taking_part if share.alone_bps is not None]
    complete = bool(alone) and len(alone) == len(taking_part)
    enough = len(full) >= FEWEST_ROUNDS and 2 * most > len(shares) and most > 1
    together = median(sums) if sums else None
    return Together(
        verdict=_verdict(sums, sum(alone), responder_bps) if enough and complete else _TOO_LITTLE,
        rounds=rounds,
        sum_bps=together,
        alone_sum_bps=sum(alone) if complete else None,
        alone_most_bps=max(alone, default=None),
    )


_TOO_LITTLE: Final = Verdict.TOO_LITTLE


def _verdict(sums: Sequence[float], alone_sum: float, responder_bps: int) -> Verdict:
    middle = median(sums)
    if middle >= RESPONDER_RATIO * responder_bps:
        return Verdict.RESPONDER
    if middle > SHARED_RATIO * alone_sum:
        return Verdict.NONE
    flat = max(sums) - min(sums) <= FLAT_RATIO * middle
    return Verdict.SHARED if flat else Verdict.NOT_FLAT
