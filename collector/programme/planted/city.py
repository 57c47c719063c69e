"""A whole fictional city as the programme would know it after its sample was assessed on site."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

from collector.judge.criteria import Criteria
from collector.programme.model import Decided, Decision, Fact, Grade, Value
from collector.programme.planted.measured import measured
from collector.programme.planted.paper import paper
from collector.programme.planted.plant import plant
from collector.programme.planted.site import Site
from collector.programme.planted.visit import visit
from collector.schools.model import School

NOTED_ON: Final = date(2026, 5, 29)
SOURCES: Final[Mapping[Grade, str]] = {
    Grade.AGENT: "simulated measurement",
    Grade.ON_SITE: "simulated visit",
    Grade.DESK: "simulated papers",
}
NOTED_BY: Final = "simulation"
SEEN_WRONG: Final = 0.04
"""Share of decisions on site that are wrong: a fault not seen, or seen where there is none."""


@dataclass(frozen=True, slots=True)
class PlantedCity:
    """What is known of a city, and (apart) what is true."""

    schools: tuple[School, ...]
    samples: frozenset[str]
    facts: tuple[Fact, ...]
    decisions: tuple[Decided, ...]
    truth: Mapping[str, frozenset[str]]
    """Faults by school code: for scoring only."""


def planted_city(
    schools: Sequence[School], criteria: Criteria, findings: Sequence[str], seed: int
) -> PlantedCity:
    """Make a city; the schools' ``sample`` flags say which were assessed. Same seed, same city."""
    random = Random(f"planted city {seed}")  # noqa: S311 - a simulation, no secret
    sites = plant(schools, lambda pupils: criteria.requirement(pupils).required_bps, random)
    samples = frozenset(school.code for school in schools if school.sample)
    with_agent = random.uniform(0.7, 1.0)
    facts = [*known(sites, samples, random)]
    for site in sites:
        if random.random() < with_agent or site.school.code in samples:
            facts += facts_of(site.school.code, Grade.AGENT, measured(site, random))
    return PlantedCity(
        schools=tuple(schools),
        samples=samples,
        facts=tuple(facts),
        decisions=tuple(decided(sites, samples, findings, random)),
        truth={site.school.code: site.faults for site in sites},
    )


def known(sites: Sequence[Site], samples: Collection[str], random: Random) -> Iterable[Fact]:
    """What papers and visits say of the schools."""
    for site in sites:
        code = site.school.code
        yield from facts_of(code, Grade.DESK, paper(site, random.choice(sites), random))
        if code in samples:
            yield from facts_of(code, Grade.ON_SITE, visit(site, random))


def decided(
    sites: Sequence[Site], samples: Collection[str], findings: Sequence[str], random: Random
) -> Iterable[Decided]:
    """What the assessors decided of each finding at the sample schools; now and then wrongly."""
    for site in sites:
        if site.school.code not in samples:
            continue
        for finding_id in findings:
            has = (finding_id in site.faults) is not (random.random() < SEEN_WRONG)
            yield Decided(
                school_code=site.school.code,
                finding_id=finding_id,
                decision=Decision.CONFIRMED if has else Decision.REJECTED,
                grade=Grade.ON_SITE,
                evidence="現地アセスメント（模擬） / simulated assessment",
                decided_on=NOTED_ON,
                decided_by=NOTED_BY,
                version=0,
            )


def facts_of(code: str, grade: Grade, values: Mapping[str, Value]) -> list[Fact]:
    """Make facts of one grade of what is known of a school."""
    return [
        Fact(
            school_code=code,
            key=key,
            grade=grade,
            value=value,
            source=SOURCES[grade],
            noted_on=NOTED_ON,
            noted_by=NOTED_BY,
        )
        for key, value in sorted(values.items())
    ]
