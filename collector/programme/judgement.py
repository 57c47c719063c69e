"""What the desk survey says of one finding at one school, with everything it rests on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.programme.model import Decided, Fact, Grade

RECORD: Final = "school record"
"""Source of facts that are in the record of a school."""


class Likelihood(StrEnum):
    """What is said of a finding at a school."""

    LIKELY = "likely"  # 疑いあり
    UNLIKELY = "unlikely"  # 疑いなし
    CANNOT_TELL = "cannot_tell"  # 判断不可


class EvidenceKind(StrEnum):
    """Where a piece of evidence is from."""

    RULE = "rule"
    """The finding's evidence rule."""
    SIGN = "sign"
    """One of its signs."""
    APPLIES = "applies"
    """It cannot be at such a school."""
    SAMPLE = "sample"
    """What was confirmed and rejected at sample schools like this one."""
    GROUP = "group"
    """What is known of the other schools that share the same upstream."""
    DECISION = "decision"
    """What a person decided of this school."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One line of evidence, told in keys and values: pages and reports put it into words."""

    kind: EvidenceKind
    weight: float
    """Natural logarithm of what it multiplies the odds with; below 0: it speaks against."""
    cited: tuple[Fact, ...] = ()
    confirmed: tuple[str, ...] = ()
    """Codes of sample schools alike where it was confirmed (or was, before it was resolved)."""
    rejected: tuple[str, ...] = ()
    """Codes of sample schools alike where it was rejected."""

    @property
    def grade(self) -> Grade:
        """Desk, unless facts of a stronger grade are cited."""
        grades = {fact.grade for fact in self.cited if not is_record(fact)}
        return next((grade for grade in Grade if grade in grades), Grade.DESK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the desk survey says of one finding at one school."""

    school_code: str
    finding_id: str
    likelihood: Likelihood
    probability: float
    """Estimated probability that the school has it, from 0 to 1: for the order, not for a bet."""
    grade: Grade
    """The strongest grade among the evidence that speaks for what is said."""
    evidence: tuple[Evidence, ...]
    """The heaviest first."""
    missing: tuple[str, ...]
    """Facts that would decide it, the rule's first; empty where the rule is decided."""
    contradiction: bool
    """What is on paper (or was decided) and what was measured speak against each other."""
    decided: Decided | None
    """What a person decided of it at this school."""


def is_record(fact: Fact) -> bool:
    """Whether a fact is from the school's own record: taken as exact where evidence is weighed."""
    return fact.source == RECORD
