"""Read from the store what a report is made of. One school's odd data never stops the others."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from collector.compliance import judge_weeks, results_gone
from collector.judge.calendar import Calendars
from collector.judge.criteria import MAX_PUPILS, Criteria
from collector.judge.model import Figure, Verdict
from collector.judge.week import Week
from collector.pages.i18n import LANGUAGES
from collector.pages.sources import CITY_NAME
from collector.programme.assignment_rows import assignments
from collector.programme.before_after import Comparison, compare, span
from collector.programme.decision_rows import decision_events
from collector.programme.model import Assignment, DecidedEvent, MeasureState, ProgressEvent
from collector.programme.progress_rows import progress_events
from collector.programme.standing import DEADLINE, deadline_of
from collector.report.catalogues import Catalogues, catalogues, likely_by_finding
from collector.report.evidence_rows import Tested, tests_of_week
from collector.schools.model import BaselineEntry, School
from collector.store.interface import Agent, Store, StoreError

WEEKS_OF_TREND: Final = 12
_LOG: Final = logging.getLogger(__name__)
_ODD_DATA: Final = (ValueError, KeyError, TypeError, OverflowError, ArithmeticError)
"""What odd data raise where they are read or judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What every report of this collector is made with."""

    store: Store
    criteria: Criteria
    calendars: Calendars


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything that was read for one week."""

    week: Week
    simulated: bool
    now: datetime
    """The moment that ages count from."""
    wall: datetime
    criteria: Criteria
    calendars: Calendars
    city_names: Mapping[str, str]
    schools: Sequence[School]
    unreadable: Mapping[str, str]
    """What could not be judged or read of a school, by code."""
    troubles: Sequence[str]
    baseline: Mapping[str, BaselineEntry]
    verdicts: Mapping[tuple[str, Figure], Verdict]
    trend: Sequence[tuple[str, Mapping[tuple[str, Figure], Verdict]]]
    """Earlier weeks with their verdicts, oldest first; the newest may be the week before."""
    agents: Sequence[Agent]
    progress: Sequence[ProgressEvent]
    decisions: Sequence[DecidedEvent]
    assignments: Sequence[Assignment]
    compared: Mapping[str, Comparison]
    """Measures that are done: quiet hours before and after, by assignment."""
    catalogues: Catalogues
    likely: Mapping[str, int] | None
    deadline: date | None
    """By when all problems are to be identified."""
    tested: Mapping[str, Sequence[Tested]] = field(default_factory=dict)


def gather(
    inputs: Inputs, week: Week, *, simulated: bool, now: datetime, wall: datetime
) -> Material:
    """Read everything. Raises :class:`StoreError` where the database fails."""
    store = inputs.store
    troubles: list[str] = []
    schools = store.schools()
    verdicts, unreadable = _verdicts(inputs, week, schools, troubles, simulated=simulated)
    weeks = [label for label in store.judged_weeks(simulated=simulated) if label < str(week)]
    earlier = list(reversed(weeks[: WEEKS_OF_TREND - 1]))
    known = catalogues(troubles)
    assigned = store.read(assignments)
    return Material(
        week=week,
        simulated=simulated,
        now=now,
        wall=wall,
        criteria=inputs.criteria,
        calendars=inputs.calendars,
        city_names={
            language: name
            for language in LANGUAGES
            if (name := store.setting(CITY_NAME.format(language=language)))
        },
        schools=schools,
        unreadable=unreadable,
        troubles=troubles,
        baseline=store.baseline(),
        verdicts=verdicts,
        trend=[(label, _saved(store, label, simulated, troubles)) for label in earlier],
        agents=store.agents(),
        progress=store.read(progress_events),
        decisions=store.read(decision_events),
        assignments=assigned,
        compared=_compared(inputs, week, assigned, troubles, simulated=simulated),
        catalogues=known,
        deadline=_deadline(store, week, troubles),
        likely=_likely(inputs, week, schools, known, troubles),
        tested=store.read(lambda sql: tests_of_week(sql, week, simulated=simulated)),
    )


def _compared(
    inputs: Inputs,
    week: Week,
    assigned: Sequence[Assignment],
    troubles: list[str],
    *,
    simulated: bool,
) -> dict[str, Comparison]:
    """Compare what is done by the end of the week, with nothing that was measured after it."""
    found = {}
    for one in assigned:
        if one.state is not MeasureState.DONE or one.done_on is None:
            continue
        first, last = span(one.done_on)
        if one.done_on > week.days[-1]:
            continue
        try:
            observations = inputs.store.observations_between(
                Week.of_day(first).start,
                min(Week.of_day(last).end, week.end),
                simulated=simulated,
                school_code=one.school_code,
            )
            found[one.assignment_id] = compare(
                observations.get(one.school_code, ()),
                inputs.calendars.for_school(one.school_code),
                one.done_on,
                Figure.QUIET,
            )
        except _ODD_DATA as error:
            _LOG.warning("measure %s cannot be compared: %s", one.assignment_id, error)
            troubles.append(f"measure at {one.school_code}: {error}")
    return found


def _likely(
    inputs: Inputs,
    week: Week,
    schools: Sequence[School],
    known: Catalogues,
    troubles: list[str],
) -> Mapping[str, int] | None:
    try:
        return likely_by_finding(inputs.store, known, schools, inputs.criteria, week)
    except _ODD_DATA as error:
        _LOG.warning("the desk survey cannot be made for the report: %s", error)
        troubles.append(f"desk survey: {error}")
        return None


def _deadline(store: Store, week: Week, troubles: list[str]) -> date | None:
    try:
        return deadline_of(store.setting(DEADLINE), week.days[-1])
    except ValueError as error:
        troubles.append(f"deadline: {error}")
        return None


def _verdicts(
    inputs: Inputs,
    week: Week,
    schools: Sequence[School],
    troubles: list[str],
    *,
    simulated: bool,
) -> tuple[dict[tuple[str, Figure], Verdict], dict[str, str]]:
    """Saved verdicts, and those that are lacking judged here; what cannot be, school by school."""
    found = dict(_saved(inputs.store, str(week), simulated, troubles))
    unreadable: dict[str, str] = {}
    lacking = []
    for school in schools:
        if not 1 <= school.pupils <= MAX_PUPILS:
            continue
        requirement = inputs.criteria.requirement(school.pupils)
        calendar = inputs.calendars.for_school(school.code).fingerprint
        if any(
            (saved := found.get((school.code, figure))) is None
            or saved.requirement != requirement
            or saved.calendar != calendar
            for figure in Figure
        ):
            lacking.append(school.code)
    if lacking and results_gone(inputs.store, week):  # what was judged of it is all there is
        lacking = [code for code in lacking if any((code, one) not in found for one in Figure)]
    if not lacking:
        return found, unreadable
    try:
        judged = _judge(inputs, week, lacking, simulated=simulated)
    except _ODD_DATA:
        judged = []
        for code in lacking:
            try:
                judged += _judge(inputs, week, [code], simulated=simulated)
            except _ODD_DATA as error:
                _LOG.warning("school %s cannot be judged for the report: %s", code, error)
                unreadable[code] = f"{type(error).__name__}: {error}"
    return found | {(one.school_code, one.figure): one for one in judged}, unreadable


def _judge(inputs: Inputs, week: Week, codes: Sequence[str], *, simulated: bool) -> list[Verdict]:
    return judge_weeks(
        inputs.store,
        inputs.criteria,
        inputs.calendars,
        [(code, str(week), simulated) for code in codes],
    )


def _saved(
    store: Store, week: str, simulated: bool, troubles: list[str]
) -> Mapping[tuple[str, Figure], Verdict]:
    """Verdicts of a week; none, and a word about it, where they are of words we do not know."""
    try:
        return store.verdicts(week, simulated=simulated)
    except StoreError:
        raise
    except _ODD_DATA as error:
        _LOG.warning("verdicts of %s cannot be read for the report: %s", week, error)
        troubles.append(f"verdicts of {week}: {error}")
        return {}
