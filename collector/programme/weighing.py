"""What a school's own facts say of a finding, and how much it weighs. Pure.

The strongest grade of a fact is the one that counts; evidence weighs less where the weakest fact
that it needs is less than measured.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from collector.programme.findings_catalogue import FindingDefinition, Speaks
from collector.programme.judgement import Evidence, EvidenceKind, is_record
from collector.programme.model import Fact, Grade
from collector.programme.rules import RANK, Outcome, View, evaluate

TRUST: Final[Mapping[Grade, float]] = {Grade.AGENT: 1.0, Grade.ON_SITE: 0.9, Grade.DESK: 0.65}
"""What a weight (a logarithm of odds) is multiplied with, by grade."""
NOT_APPLICABLE: Final = math.log(5_000)
"""Weight against a finding that cannot be at such a school."""
MOST_OF_SIGNS: Final = 3.0
"""All signs together weigh at most this much: they are not independent of each other."""
OPPOSED: Final = math.log(4.5)
"""From this weight on either side papers (or a person) and measurements contradict each other."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a school's own facts say."""

    total: float
    """Natural logarithm of what the odds are multiplied with."""
    evidence: tuple[Evidence, ...]
    missing: tuple[str, ...]
    measured: float
    """The part that rests on what was measured."""
    paper: float
    """What it would be without what was measured."""

    @property
    def contradicts(self) -> bool:
        """Whether paper and measurement speak against each other.

        Not where the school cannot have the finding: what was measured has another cause then.
        """
        return self.opposes(self.paper)

    def opposes(self, weight: float) -> bool:
        """Whether what was measured speaks against something of this weight, both clearly."""
        if any(one.kind is EvidenceKind.APPLIES for one in self.evidence):
            return False
        low, high = sorted((self.measured, weight))
        return low <= -OPPOSED and high >= OPPOSED


def strongest(facts: Iterable[Fact], *, without: Grade | None = None) -> View:
    """Give of each fact the value of the strongest grade."""
    found: dict[str, Fact] = {}
    for fact in facts:
        if fact.grade is without:
            continue
        had = found.get(fact.key)
        if had is None or _rank(fact) > _rank(had):
            found[fact.key] = fact
    return found


def _rank(fact: Fact) -> tuple[int, bool]:
    """By grade; what somebody noted on paper goes before the school's record."""
    return RANK[fact.grade], not is_record(fact)


def weigh(definition: FindingDefinition, view: View, paper: View) -> Weighed:
    """Weigh what a school's facts say of a finding; ``paper``: without what was measured."""
    evidence, missing = _evidence(definition, view)
    without, _ = _evidence(definition, paper)
    return Weighed(
        total=_total(evidence),
        evidence=evidence,
        missing=missing,
        measured=_total(one for one in evidence if _is_measured(one)),
        paper=_total(without),
    )


def _evidence(
    definition: FindingDefinition, view: View
) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
    found: list[Evidence] = []
    if definition.applies is not None:
        outcome = evaluate(definition.applies, view)
        if outcome.value is False:
            found += _line(EvidenceKind.APPLIES, -NOT_APPLICABLE, outcome)
    outcome = evaluate(definition.rule, view)
    if outcome.value is not None:
        strength = definition.if_true if outcome.value else definition.if_false
        weight = math.log(strength.odds) * (1 if outcome.value else -1)
        found += _line(EvidenceKind.RULE, weight, outcome)
    for sign in definition.signs:
        told = evaluate(sign.when, view)
        if told.value is True:
            weight = math.log(sign.strength.odds) * (1 if sign.speaks is Speaks.FOR else -1)
            found += _line(EvidenceKind.SIGN, weight, told)
    return tuple(found), outcome.missing


def _line(kind: EvidenceKind, weight: float, outcome: Outcome) -> list[Evidence]:
    weight *= _trust(outcome)
    return [Evidence(kind=kind, weight=weight, cited=outcome.cited)] if weight else []


def _trust(outcome: Outcome) -> float:
    """By the weakest fact that was needed; the school's own record is exact."""
    grades = [fact.grade for fact in outcome.cited if not is_record(fact)]
    return min((TRUST[grade] for grade in grades), default=1.0)


def _total(evidence: Iterable[Evidence]) -> float:
    signs = other = 0.0
    for one in evidence:
        if one.kind is EvidenceKind.SIGN:
            signs += one.weight
        else:
            other += one.weight
    return other + min(max(signs, -MOST_OF_SIGNS), MOST_OF_SIGNS)


def _is_measured(evidence: Evidence) -> bool:
    return any(fact.grade is Grade.AGENT for fact in evidence.cited)
