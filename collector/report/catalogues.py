"""What the catalogues of findings and measures call things, and what the desk survey says.

Both catalogues are data that a city may edit. A report that cannot read one goes on with the ids,
and says so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from collector.judge.criteria import MAX_PUPILS, Criteria
from collector.judge.reading import ConfigRefused
from collector.judge.week import Week
from collector.programme.decision_rows import decisions
from collector.programme.fact_rows import facts
from collector.programme.findings_catalogue import FindingDefinition, load_findings
from collector.programme.judgement import Likelihood
from collector.programme.measures_catalogue import load_measures
from collector.programme.record_facts import record_facts
from collector.programme.survey import judge_city
from collector.schools.model import School
from collector.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingName:
    """What a report says of a finding."""

    names: Mapping[str, str]
    segment: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogues:
    """Names by id."""

    findings: Mapping[str, FindingName] = field(default_factory=dict)
    measures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    definitions: Mapping[str, FindingDefinition] = field(default_factory=dict)


def catalogues(troubles: list[str]) -> Catalogues:
    """Read both catalogues; what cannot be read is told in ``troubles``."""
    definitions: Mapping[str, FindingDefinition] = {}
    measures: Mapping[str, Mapping[str, str]] = {}
    try:
        definitions = load_findings()
    except ConfigRefused as error:
        troubles.append(f"findings: {error}")
    try:
        measures = {one.id: one.names for one in load_measures().measures.values()}
    except ConfigRefused as error:
        troubles.append(f"measures: {error}")
    return Catalogues(
        findings={
            finding_id: FindingName(
                names=one.names, segment=one.segment.value, owner=one.owner.value
            )
            for finding_id, one in definitions.items()
        },
        measures=measures,
        definitions=definitions,
    )


def likely_by_finding(
    store: Store,
    known: Catalogues,
    schools: Sequence[School],
    criteria: Criteria,
    week: Week,
) -> Mapping[str, int] | None:
    """Count schools where the desk survey says likely and nobody has decided.

    None where there is nothing to judge by: no catalogue, or no fact but the schools' records.
    Raises what odd facts raise.
    """
    noted = store.read(facts)
    if not known.definitions or not noted:
        return None
    usable = [one for one in schools if 1 <= one.pupils <= MAX_PUPILS]
    judged = judge_city(
        usable,
        [*record_facts(usable, criteria, week.days[-1]), *noted],
        store.read(decisions),
        {one.code for one in usable if one.sample},
        known.definitions,
    )
    return Counter(
        finding_id
        for of_school in judged.values()
        for finding_id, one in of_school.items()
        if one.likelihood is Likelihood.LIKELY and one.decided is None
    )
