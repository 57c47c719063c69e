"""Facts that are in the schools' own records: pupils, required speed, line, aggregation. Pure."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from collector.judge.criteria import Criteria
from collector.programme.judgement import RECORD
from collector.programme.model import Fact, Grade, Value
from collector.schools.model import School

NOTED_BY: Final = "collector"


def record_facts(schools: Iterable[School], criteria: Criteria, day: date) -> list[Fact]:
    """Give what the records say, graded desk. What people noted on paper replaces it."""
    return [
        Fact(
            school_code=school.code,
            key=key,
            grade=Grade.DESK,
            value=value,
            source=RECORD,
            noted_on=day,
            noted_by=NOTED_BY,
        )
        for school in schools
        for key, value in _values(school, criteria)
    ]


def with_records(
    facts: Iterable[Fact], schools: Iterable[School], criteria: Criteria, day: date
) -> list[Fact]:
    """Add the records of the schools, except where somebody noted another value on paper."""
    kept = list(facts)
    noted = {(fact.school_code, fact.key) for fact in kept if fact.grade is Grade.DESK}
    records = record_facts(schools, criteria, day)
    return kept + [one for one in records if (one.school_code, one.key) not in noted]


def _values(school: School, criteria: Criteria) -> Iterable[tuple[str, Value]]:
    requirement = criteria.requirement(school.pupils)
    yield "school.pupils_count", float(school.pupils)
    yield "school.region", school.region
    yield "school.required_bps", float(requirement.required_bps)
    yield "school.required_upper_bps", float(requirement.upper_bps)
    yield "line.kind", school.line.value
    if school.contracted_mbps is not None:
        yield "line.contract_bps", school.contracted_mbps * 1e6
    if school.aggregation_group:
        yield "aggregation.group", school.aggregation_group
