"""How probable a finding is at a school before its own evidence: from the sample schools. Pure.

Beta-binomial, in two steps. The city: the catalogue's prevalence, held with the weight of
:data:`CATALOGUE_WEIGHT` schools, moved by all sample schools. The school: the city's figure, held
with the weight of :data:`CITY_WEIGHT` schools, moved by each sample school as far as it is like it.
So an estimate shrinks towards the city's where no sample school is like the school, and one sample
school alone never makes anything certain.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.programme.findings_catalogue import FindingDefinition
from collector.programme.model import Fact
from collector.programme.rules import View

CATALOGUE_WEIGHT: Final = 20.0
CITY_WEIGHT: Final = 3.0
DIFFERENT: Final = 0.2
"""Likeness of two schools in a fact that differs."""
UNKNOWN: Final = 0.5
"""Likeness in a fact that is not known of one of them."""
SPREAD: Final = 0.6
"""Numbers: standard deviation of the logarithm of their ratio within which they are alike."""
SHARED_WEIGHT: Final = 4.0
"""Weight of a sample school on the same upstream: what it has there, this school has as well."""
ALIKE: Final = 0.3
"""From this likeness on a sample school is named as evidence."""


@dataclass(frozen=True, slots=True)
class SampleSchool:
    """A sample school at which the finding was confirmed or rejected on site."""

    code: str
    view: View
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Prior:
    """The estimate before the school's own evidence, and the sample schools it rests on."""

    city: float
    school: float
    confirmed: tuple[str, ...]
    rejected: tuple[str, ...]

    @property
    def weight(self) -> float:
        """By how much likeness moved the odds, as natural logarithm."""
        return logit(self.school) - logit(self.city)


def prior(definition: FindingDefinition, view: View, samples: Sequence[SampleSchool]) -> Prior:
    """Estimate from the sample schools how probable a finding is at a school."""
    confirmed = sum(one.confirmed for one in samples)
    city = (CATALOGUE_WEIGHT * definition.prevalence + confirmed) / (
        CATALOGUE_WEIGHT + len(samples)
    )
    weights = {one.code: _weight(definition, view, one.view) for one in samples}
    above = CITY_WEIGHT * city + sum(weights[one.code] for one in samples if one.confirmed)
    school = above / (CITY_WEIGHT + sum(weights.values()))
    alike = [one for one in samples if weights[one.code] >= ALIKE]
    return Prior(
        city=city,
        school=school,
        confirmed=tuple(one.code for one in alike if one.confirmed),
        rejected=tuple(one.code for one in alike if not one.confirmed),
    )


def likeness(keys: Sequence[str], one: View, other: View) -> float:
    """How alike two schools are in some facts: 1 where all are the same, towards 0."""
    return math.prod(_alike(one.get(key), other.get(key)) for key in keys)


def logit(probability: float) -> float:
    """Logarithm of the odds."""
    return math.log(probability / (1.0 - probability))


def probability_of(log_odds: float) -> float:
    """The reverse of :func:`logit`, never quite 0 or 1."""
    bounded = min(max(log_odds, -12.0), 12.0)
    return 1.0 / (1.0 + math.exp(-bounded))


def group_of(definition: FindingDefinition, view: View) -> str | None:
    """Name what a school shares for this finding; None where it shares nothing known."""
    if definition.shared is None or definition.shared not in view:
        return None
    return str(view[definition.shared].value) or None


def _weight(definition: FindingDefinition, view: View, sample: View) -> float:
    group = group_of(definition, view)
    if group is not None and group == group_of(definition, sample):
        return SHARED_WEIGHT
    return likeness(definition.likeness, view, sample)


def _alike(one: Fact | None, other: Fact | None) -> float:
    if one is None or other is None:
        return UNKNOWN
    if _is_number(one) and _is_number(other):
        low, high = sorted((float(one.value), float(other.value)))
        if low <= 0:
            return 1.0 if low == high else DIFFERENT
        apart = math.log(high / low) / SPREAD
        return max(DIFFERENT, math.exp(-apart * apart / 2))
    return 1.0 if one.value == other.value else DIFFERENT


def _is_number(fact: Fact) -> bool:
    return isinstance(fact.value, int | float) and not isinstance(fact.value, bool)


Views = Mapping[str, View]
"""The strongest facts of each school, by code."""
