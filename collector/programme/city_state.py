"""What is known of all schools' paths now, read from a store: the input of what-if and plans."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from collector.compliance import city_view
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.programme import assignment_rows, decision_rows, fact_rows
from collector.programme.measures_catalogue import MeasureCatalogue
from collector.programme.model import Assignment, Decided, Fact, MeasureState
from collector.programme.path_state import PathState, path_state, with_decisions
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
    chances = chances_of(store, judged)
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


def chances_of(store: Store, judged: Judged) -> Mapping[str, Mapping[str, float]]:
    """Probability of each finding by school: the survey's, and what a person decided."""
    decided: dict[str, list[Decided]] = defaultdict(list)
    for one in store.read(decision_rows.decisions):
        decided[one.school_code].append(one)
    return {
        code: with_decisions({}, of_school, judged.catalogue.model)
        for code, of_school in decided.items()
    }


def committed(assigned: list[Assignment], catalogue: MeasureCatalogue) -> dict[str, frozenset[str]]:
    """Measures that are coming, by school; what the catalogue no longer has is passed over."""
    coming: dict[str, set[str]] = defaultdict(set)
    for one in assigned:
        on_its_way = one.state in (MeasureState.PLANNED, MeasureState.ORDERED)
        if on_its_way and one.measure_id in catalogue.measures:
            coming[one.school_code].add(one.measure_id)
    return {code: frozenset(ids) for code, ids in coming.items()}
