"""Is the required speed there? Decided while the flows run, from a fraction of the bytes. Pure.

Not the capacity is asked but whether it reaches a requirement. So the sender offers a little
more than that (the idea of RFC 9097, a search by offered load) and the test ends as soon as the
answer is clear.

The whole rule: the estimate is an interval, the rate and its own half width to both sides. Where
all of it lies above the band of 3 % around the requirement, the answer is MET; where all of it
lies below, where the rate of the newest half does too (it does not grow any more) and where the
path shows that it is full, NOT MET; where all of it lies within, UNDETERMINED, since there the
answer would be a matter of chance. The same answer some times in a row ends the test. Otherwise it
goes on, and what is not clear at its end is UNDETERMINED.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.throughput.estimator import Estimate, Sample, TooLittle, course, estimate


class Decision(StrEnum):
    """Whether the path carries the required speed."""

    MET = "met"
    NOT_MET = "not_met"
    UNDETERMINED = "undetermined"


class Reason(StrEnum):
    """Why the answer is UNDETERMINED."""

    NEAR = "near_requirement"
    """Within the band: the answer would be a matter of chance."""
    UNSTEADY = "rate_unsteady"
    """The rate and its half width reach from inside the band to outside, or it still grows."""
    NOT_FULL = "path_not_full"
    """Less came than was offered, but the path was not full: the far end sent too slowly."""
    OTHERS = "others_on_line"
    """The test got too little, but others had the rest of what is required."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRule:
    """How to decide; ratios are shares of the required rate."""

    offer_ratio: float
    """Offered: enough above the band to tell a path beyond it from one that carries any rate."""
    warmup_seconds: float
    earliest_seconds: float
    earliest_near_seconds: float
    """Of the answer that it lies within the band: a rate may still leave it."""
    latest_seconds: float
    band_ratio: float
    """Nothing is decided so near to the requirement."""
    least_half_width_ratio: float
    """Of a rate that does not vary at all: windows of one test depend on each other."""
    ticks: int
    """The same answer this many times in a row."""
    queue_ratio: float
    queue_seconds: float
    """A path is full whose round trip is above ``queue_ratio`` times the smallest and
    ``queue_seconds``. Full ones had 5 ms and more within a second; where the sender was late, up
    to 1 ms."""


VERIFY: Final = VerifyRule(
    offer_ratio=1.08,
    warmup_seconds=0.3,
    earliest_seconds=0.6,
    earliest_near_seconds=0.8,
    latest_seconds=2.0,
    band_ratio=0.03,
    least_half_width_ratio=0.005,
    ticks=4,
    queue_ratio=1.05,
    queue_seconds=0.002,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathState:
    """What the sender's kernel last said of the path; None where it did not."""

    retransmitted_bytes: int | None = None
    min_rtt_seconds: float | None = None
    rtt_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A decision, why there is none, and the estimate it is from."""

    decision: Decision
    reason: Reason | None = None
    estimate: Estimate | None = None

    @property
    def clear(self) -> bool:
        """Whether more of the same would change nothing."""
        return self.reason in (None, Reason.NEAR)


def decide(
    samples: Sequence[Sample], required_bps: float, path: PathState, rule: VerifyRule = VERIFY
) -> Answer:
    """Decide from what was seen so far."""
    try:
        found = estimate(samples, rule.warmup_seconds)
    except TooLittle:
        return Answer(decision=Decision.UNDETERMINED, reason=Reason.UNSTEADY)
    half = max(rule.least_half_width_ratio, found.relative_half_width_ratio)
    low, high = found.rate_bps * (1 - half), found.rate_bps * (1 + half)
    least, most = required_bps * (1 - rule.band_ratio), required_bps * (1 + rule.band_ratio)
    if low >= most:
        return Answer(decision=Decision.MET, estimate=found)
    reason: Reason | None = Reason.UNSTEADY
    if high < least and _newest_half_bps(samples, found) <= high:
        reason = None if is_full(path, rule) else Reason.NOT_FULL
    elif low > least and high < most:
        reason = Reason.NEAR
    decision = Decision.NOT_MET if reason is None else Decision.UNDETERMINED
    return Answer(decision=decision, reason=reason, estimate=found)


def is_full(path: PathState, rule: VerifyRule = VERIFY) -> bool:
    """Tell whether the path shows it: offered more than it carries, it drops or builds a queue.

    Where it did neither, the far end sent too slowly, and nothing is known of the path.
    """
    if path.retransmitted_bytes:
        return True
    if path.min_rtt_seconds is None or path.rtt_seconds is None:
        return False
    return path.rtt_seconds > rule.queue_ratio * path.min_rtt_seconds + rule.queue_seconds


def beside_others(answer: Answer, required_bps: float, others_bps: float | None) -> Answer:
    """Take NOT MET back where what others had in the same seconds would have made it up."""
    if answer.decision is not Decision.NOT_MET or answer.estimate is None or others_bps is None:
        return answer
    if answer.estimate.rate_bps + others_bps < required_bps * (1 - VERIFY.band_ratio):
        return answer
    return Answer(decision=Decision.UNDETERMINED, reason=Reason.OTHERS, estimate=answer.estimate)


class Verifier:
    """Follows a running test and ends it once the answer has stood for some ticks.

    ``path``: gives what the sender's kernel said last.
    """

    def __init__(
        self, required_bps: float, path: Callable[[], PathState], rule: VerifyRule = VERIFY
    ) -> None:
        self._required_bps = required_bps
        self._path = path
        self._rule = rule
        self._stood = 0
        self.answer = Answer(decision=Decision.UNDETERMINED, reason=Reason.UNSTEADY)

    def tick(self, elapsed_seconds: float, samples: Sequence[Sample]) -> bool:
        """Look at the samples so far; True ends the test."""
        if elapsed_seconds < self._rule.earliest_seconds - self._rule.ticks * 0.025:
            return False
        before, self.answer = (
            self.answer,
            decide(samples, self._required_bps, self._path(), self._rule),
        )
        same = (before.decision, before.reason) == (self.answer.decision, self.answer.reason)
        self._stood = self._stood + 1 if same else 1
        near = self.answer.reason is Reason.NEAR
        earliest = self._rule.earliest_near_seconds if near else self._rule.earliest_seconds
        stands = self.answer.clear and self._stood >= self._rule.ticks
        return stands and elapsed_seconds >= earliest


def _newest_half_bps(samples: Sequence[Sample], found: Estimate) -> float:
    """Rate of the second half of the counted part, between its ends."""
    begin = samples[-1].at_seconds - found.window_seconds
    points = course([sample for sample in samples if sample.at_seconds >= begin])
    first, last = points[len(points) // 2], points[-1]
    return 8 * (last[1] - first[1]) / (last[0] - first[0])
