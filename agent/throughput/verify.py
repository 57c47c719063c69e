"""Is the required speed there? Decided while the flows run, from a fraction of the bytes. Pure.

Not the capacity is asked but whether it reaches a requirement. So the sender offers a little
more than that (the idea of RFC 9097, a search by offered load) and the test ends as soon as the
answer is clear. A capacity within a few per cent of the requirement stays UNDETERMINED: there
the answer would be a matter of chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.throughput.estimator import Estimate, Sample, TooLittle, estimate

_QUEUE_RATIO: Final = 1.05
_QUEUE_SECONDS: Final = 0.0003
"""A path that is full at 20 ms showed 21.8 ms: CUBIC's HyStart leaves slow start at the first
sign of a queue. One that is not full stayed within 0.2 ms."""


class Decision(StrEnum):
    """Whether the path carries the required speed."""

    MET = "met"
    NOT_MET = "not_met"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRule:
    """How to decide; ratios are shares of the required rate."""

    offer_ratio: float
    """Offered: enough above the requirement to tell a path that reaches it from one that
    carries any rate."""
    warmup_seconds: float
    earliest_seconds: float
    latest_seconds: float
    margin_ratio: float
    """Least distance from the requirement that decides; a rate that varies more needs more."""
    ticks: int
    """The same answer this many times in a row."""


VERIFY: Final = VerifyRule(
    offer_ratio=1.08,
    warmup_seconds=0.3,
    earliest_seconds=0.6,
    latest_seconds=2.0,
    margin_ratio=0.015,
    ticks=4,
)


def decide(
    samples: Sequence[Sample], required_bps: float, rule: VerifyRule = VERIFY
) -> tuple[Decision, Estimate | None]:
    """Decide from what was seen so far. UNDETERMINED: not clear, or not yet."""
    try:
        found = estimate(samples, rule.warmup_seconds)
    except TooLittle:
        return Decision.UNDETERMINED, None
    margin = max(rule.margin_ratio, found.relative_half_width_ratio)
    if found.rate_bps * (1 - margin) >= required_bps:
        return Decision.MET, found
    if found.rate_bps * (1 + margin) < required_bps:
        return Decision.NOT_MET, found
    return Decision.UNDETERMINED, found


def confirmed(
    decision: Decision,
    *,
    retransmit_ratio: float | None,
    min_rtt_seconds: float | None,
    loaded_rtt_seconds: float | None,
) -> Decision:
    """Let NOT MET stand only where the path shows that it was full.

    Offered more than it carries, a path builds a queue (the round trip grows) or drops. Where it
    did neither, the far end sent too slowly, and nothing is known of the path.
    """
    if decision is not Decision.NOT_MET:
        return decision
    dropped = retransmit_ratio is not None and retransmit_ratio > 0
    queued = (
        min_rtt_seconds is not None
        and loaded_rtt_seconds is not None
        and loaded_rtt_seconds > _QUEUE_RATIO * min_rtt_seconds + _QUEUE_SECONDS
    )
    return decision if dropped or queued else Decision.UNDETERMINED


class Verifier:
    """Follows a running test and ends it once the answer has stood for some ticks."""

    def __init__(self, required_bps: float, rule: VerifyRule = VERIFY) -> None:
        self._required_bps = required_bps
        self._rule = rule
        self._stood = 0
        self.decision = Decision.UNDETERMINED
        self.estimate: Estimate | None = None

    def tick(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        """Look at the samples so far; True ends the test."""
        if elapsed_seconds < self._rule.earliest_seconds - self._rule.ticks * 0.025:
            return False
        decision, self.estimate = decide(samples, self._required_bps, self._rule)
        self._stood = self._stood + 1 if decision is self.decision else 1
        self.decision = decision
        clear = decision is not Decision.UNDETERMINED and self._stood >= self._rule.ticks
        return clear and elapsed_seconds >= self._rule.earliest_seconds
