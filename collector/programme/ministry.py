"""What a board answers when the ministry asks of its schools again: one line a school, as data.

The figure is the quiet capacity (outside lessons), comparable with the ministry's survey; its
verdict, the state of the assessment, findings and measures stand beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from collector.compliance import city_view
from collector.judge.calendar import Calendars
from collector.judge.criteria import Criteria
from collector.programme import assignment_rows, decision_rows, fact_rows, progress_rows
from collector.programme.findings_catalogue import load_findings
from collector.programme.judgement import Judgement, Likelihood
from collector.programme.model import (
    Assignment,
    Decided,
    Decision,
    Grade,
    MeasureState,
    Progress,
)
from collector.programme.record_facts import record_facts
from collector.programme.survey import judge_city
from collector.shown import Shown
from collector.store.interface import Store
from collector.views import CityView, SchoolRow

_ORDER: Final = {state: number for number, state in enumerate(MeasureState)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAt:
    """A finding at a school: decided by a person, or likely by the desk survey."""

    finding_id: str
    decided: Decision | None
    grade: Grade
    since_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MinistryLine:
    """One school."""

    row: SchoolRow
    progress: Progress | None
    """None: not started."""
    confirmed: tuple[FindingAt, ...]
    """Decided by a person: confirmed, and not resolved since."""
    resolved: tuple[FindingAt, ...]
    likely: tuple[FindingAt, ...]
    """By the desk survey; nobody has decided them."""
    measures: tuple[Assignment, ...]
    """Those not cancelled: planned, ordered, done; by state and day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinistryTable:
    """The whole city in one week."""

    city: CityView
    lines: tuple[MinistryLine, ...]


def ministry_table(
    store: Store, criteria: Criteria, calendars: Calendars, shown: Shown
) -> MinistryTable:
    """Read the table of the week shown."""
    city = city_view(
        store,
        criteria,
        calendars,
        week=shown.week(),
        simulated=shown.simulated(),
        now=shown.now(),
    )
    schools = [row.school for row in city.rows]
    decided = store.read(decision_rows.decisions)
    facts = [
        *record_facts(schools, criteria, date.min),  # their day is not looked at
        *store.read(fact_rows.facts),
    ]
    samples = {school.code for school in schools if school.sample}
    return lines_of(
        city,
        {one.school_code: one for one in store.read(progress_rows.progress)},
        decided,
        judge_city(schools, facts, decided, samples, load_findings()),
        store.read(assignment_rows.assignments),
    )


def lines_of(
    city: CityView,
    progress: Mapping[str, Progress],
    decided: Sequence[Decided],
    judged: Mapping[str, Mapping[str, Judgement]],
    assignments: Sequence[Assignment],
) -> MinistryTable:
    """Put the table together. Pure."""
    return MinistryTable(
        city=city,
        lines=tuple(
            MinistryLine(
                row=row,
                progress=progress.get(row.school.code),
                confirmed=_decided(decided, row.school.code, Decision.CONFIRMED),
                resolved=_decided(decided, row.school.code, Decision.RESOLVED),
                likely=_likely(judged.get(row.school.code, {})),
                measures=_measures(assignments, row.school.code),
            )
            for row in city.rows
        ),
    )


def _decided(decided: Sequence[Decided], code: str, decision: Decision) -> tuple[FindingAt, ...]:
    return tuple(
        FindingAt(
            finding_id=one.finding_id,
            decided=decision,
            grade=one.grade,
            since_on=one.decided_on,
        )
        for one in decided
        if one.school_code == code and one.decision is decision
    )


def _likely(judged: Mapping[str, Judgement]) -> tuple[FindingAt, ...]:
    """The likeliest first."""
    likely = [
        one
        for one in judged.values()
        if one.likelihood is Likelihood.LIKELY and one.decided is None
    ]
    likely.sort(key=lambda one: (-one.probability, one.finding_id))
    return tuple(
        FindingAt(finding_id=one.finding_id, decided=None, grade=one.grade, since_on=None)
        for one in likely
    )


def _measures(assignments: Sequence[Assignment], code: str) -> tuple[Assignment, ...]:
    kept = [
        one
        for one in assignments
        if one.school_code == code and one.state is not MeasureState.CANCELLED
    ]
    return tuple(
        sorted(
            kept,
            key=lambda one: (
                _ORDER[one.state],
                one.done_on or one.planned_on or date.max,
                one.assignment_id,
            ),
        )
    )
