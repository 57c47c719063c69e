"""The desk survey (机上調査): what was found at the sample schools, carried over to all. Pure.

For each school and finding: the odds before (:mod:`collector.programme.likeness`), times what the
school's own facts say (:mod:`collector.programme.weighing`), times, for a finding of a shared
upstream, part of what the facts of the other schools behind it say. What a person decided of the
school itself stands above all of it. ``docs/programme.md`` has the formulas and their limits.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.judgement import Evidence, EvidenceKind, Judgement, Likelihood
from collector.programme.likeness import (
    Prior,
    SampleSchool,
    group_of,
    logit,
    prior,
    probability_of,
)
from collector.programme.model import Decided, Decision, Fact, Grade
from collector.programme.rules import RANK, View
from collector.programme.weighing import Weighed, strongest, weigh
from collector.schools.model import School

__all__ = ["Evidence", "EvidenceKind", "Judgement", "Likelihood", "judge_city"]

LIKELY: Final = 0.4
"""From this probability on a finding is likely."""
UNLIKELY: Final = 0.15
"""Up to this probability it is unlikely; between them one cannot tell."""
GROUP_SHARE: Final = 0.5
"""How much of the other schools' evidence counts, where they share the upstream."""
MOST_OF_GROUP: Final = 2.5
DECIDED: Final[Mapping[Decision, float]] = {
    Decision.CONFIRMED: 0.97,
    Decision.REJECTED: 0.03,
    Decision.RESOLVED: 0.03,
}
"""Probability where a person decided: people err, too."""

Judgements = Mapping[str, Mapping[str, Judgement]]
"""By school code, then by finding."""


def judge_city(
    schools: Sequence[School],
    facts: Iterable[Fact],
    decisions: Iterable[Decided],
    samples: Collection[str],
    catalogue: Mapping[str, FindingDefinition],
) -> Judgements:
    """Judge every finding at every school.

    ``facts`` include the schools' records (:func:`collector.programme.record_facts.record_facts`);
    ``samples`` are the codes of the sample schools: only what was decided there on site, or by
    measurement, is carried over.
    """
    by_school: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_school[fact.school_code].append(fact)
    codes = [school.code for school in schools]
    views = {code: strongest(by_school[code]) for code in codes}
    papers = {code: strongest(by_school[code], without=Grade.AGENT) for code in codes}
    made: dict[str, dict[str, Judgement]] = {code: {} for code in codes}
    decided = {(one.school_code, one.finding_id): one for one in decisions}
    for finding_id, definition in catalogue.items():
        weighed = {code: weigh(definition, views[code], papers[code]) for code in codes}
        groups = _groups(definition, views, weighed)
        known = _known(finding_id, decided, samples, views)
        for code in codes:
            before = prior(definition, views[code], [one for one in known if one.code != code])
            group = group_of(definition, views[code])
            others = 0.0 if group is None else groups[group] - weighed[code].total
            made[code][finding_id] = _judgement(
                (code, definition),
                before,
                weighed[code],
                _share(others),
                decided.get((code, finding_id)),
            )
    return made


def _known(
    finding_id: str,
    decided: Mapping[tuple[str, str], Decided],
    samples: Collection[str],
    views: Mapping[str, View],
) -> list[SampleSchool]:
    return [
        SampleSchool(code, views[code], one.decision is not Decision.REJECTED)
        for code in sorted(samples)
        if (one := decided.get((code, finding_id))) is not None
        and one.grade is not Grade.DESK
        and code in views
    ]


def _groups(
    definition: FindingDefinition, views: Mapping[str, View], weighed: Mapping[str, Weighed]
) -> Mapping[str, float]:
    """What the facts of all schools of each shared upstream say together."""
    totals: dict[str, float] = defaultdict(float)
    for code, view in views.items():
        group = group_of(definition, view)
        if group is not None:
            totals[group] += weighed[code].total
    return totals


def _share(others: float) -> float:
    return min(max(GROUP_SHARE * others, -MOST_OF_GROUP), MOST_OF_GROUP)


def _judgement(
    of: tuple[str, FindingDefinition],
    before: Prior,
    weighed: Weighed,
    group: float,
    decided: Decided | None,
) -> Judgement:
    code, definition = of
    evidence = [*weighed.evidence]
    if before.confirmed or before.rejected:
        evidence.append(
            Evidence(
                kind=EvidenceKind.SAMPLE,
                weight=before.weight,
                confirmed=before.confirmed,
                rejected=before.rejected,
            )
        )
    if group:
        evidence.append(Evidence(kind=EvidenceKind.GROUP, weight=group))
    probability = probability_of(logit(before.school) + weighed.total + group)
    contradiction = weighed.contradicts
    if decided is not None:
        probability = DECIDED[decided.decision]
        weight = logit(probability)
        evidence.append(Evidence(kind=EvidenceKind.DECISION, weight=weight))
        contradiction = weighed.opposes(weight)
    evidence.sort(key=lambda one: -abs(one.weight))
    likelihood = _likelihood(probability)
    missing = weighed.missing
    grade = _grade(evidence, likelihood, decided)
    too_weak = RANK[grade] < RANK[definition.minimum_grade]
    if decided is None and likelihood is Likelihood.LIKELY and too_weak:
        likelihood = Likelihood.CANNOT_TELL
        missing = missing or _weaker(definition, weighed)
    return Judgement(
        school_code=code,
        finding_id=definition.finding_id,
        likelihood=likelihood,
        probability=probability,
        grade=grade,
        evidence=tuple(evidence),
        missing=missing,
        contradiction=contradiction,
        decided=decided,
    )


def _likelihood(probability: float) -> Likelihood:
    if probability >= LIKELY:
        return Likelihood.LIKELY
    return Likelihood.UNLIKELY if probability <= UNLIKELY else Likelihood.CANNOT_TELL


def _grade(evidence: Iterable[Evidence], likelihood: Likelihood, decided: Decided | None) -> Grade:
    """The strongest grade among what speaks for what is said."""
    if decided is not None:
        return decided.grade
    sides = {Likelihood.LIKELY: (1,), Likelihood.UNLIKELY: (-1,)}.get(likelihood, (1, -1))
    grades = [one.grade for one in evidence if any(one.weight * side > 0 for side in sides)]
    return max(grades, key=RANK.__getitem__, default=Grade.DESK)


def _weaker(definition: FindingDefinition, weighed: Weighed) -> tuple[str, ...]:
    """The facts that are known, but by less than the finding asks for."""
    least = RANK[definition.minimum_grade]
    keys = {fact.key for one in weighed.evidence for fact in one.cited if RANK[fact.grade] < least}
    return tuple(key for key in definition.facts() if key in keys and not key.startswith("school."))
