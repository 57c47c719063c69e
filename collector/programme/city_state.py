"""What is known of all schools' paths now, read from a store: the input of what-if and plans."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collector.compliance import city_view
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.programme import assignment_rows, decision_rows, fact_rows
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import MeasureCatalogue
from collector.programme.model import Assignment, Fact, MeasureState
from collector.programme.path_state import PathState, path_state
from collector.programme.record_facts import record_facts
from collector.programme.survey import judge_city
from collector.programme.what_if import City
from collector.shown import Shown
from collector.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What judges a store's schools."""

    criteria: Criteria
    calendars: Calendars
    catalogue: MeasureCatalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class CityNow:
    """A city to ask questions of, and the week its speeds are of."""

    city: City
    week: str
    committed: Mapping[str, frozenset[str]]
    """Measures planned or ordered, by school."""


def city_now(store: Store, shown: Shown, judged: Judged) -> CityNow:
    """Read what is known now: the verdicts of the week shown, findings, facts, decisions."""
    week = shown.week()
    view = city_view(
        store,
        judged.criteria,
        judged.calendars,
        week=week,
        simulated=shown.simulated(),
        now=shown.now(),
    )
    facts: dict[str, list[Fact]] = defaultdict(list)
    for fact in store.read(fact_rows.facts):
        facts[fact.school_code].append(fact)
    chances = chances_of(store, judged.criteria, facts)
    states: list[PathState] = [
        path_state(
            row.school,
            row.requirement,
            row.quiet,
            chances.get(row.school.code, {}),
            facts[row.school.code],
            judged.catalogue.model,
        )
        for row in view.rows
    ]
    return CityNow(
        city=City(states, judged.catalogue),
        week=str(week),
        committed=committed(store.read(assignment_rows.assignments), judged.catalogue),
    )


def chances_of(
    store: Store, criteria: Criteria, facts: Mapping[str, Sequence[Fact]]
) -> Mapping[str, Mapping[str, float]]:
    """Probability of each finding by school, as the desk survey says and people decided."""
    schools = store.schools()
    records = record_facts(schools, criteria, date.min)  # their day is not looked at
    judged = judge_city(
        schools,
        [*records, *(one for of_school in facts.values() for one in of_school)],
        store.read(decision_rows.decisions),
        {school.code for school in schools if school.sample},
        load_findings(),
    )
    return {
        code: {finding: one.probability for finding, one in of_school.items()}
        for code, of_school in judged.items()
    }


def committed(assigned: list[Assignment], catalogue: MeasureCatalogue) -> dict[str, frozenset[str]]:
    """Measures that are coming, by school; what the catalogue no longer has is passed over."""
    coming: dict[str, set[str]] = defaultdict(set)
    for one in assigned:
        on_its_way = one.state in (MeasureState.PLANNED, MeasureState.ORDERED)
        if on_its_way and one.measure_id in catalogue.measures:
            coming[one.school_code].add(one.measure_id)
    return {code: frozenset(ids) for code, ids in coming.items()}
