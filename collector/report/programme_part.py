"""How far the programme is, what was found, what is done against it and what it brought. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from collector.programme import before_after
from collector.programme.fiscal import days_left
from collector.programme.model import Assignment, MeasureState, State
from collector.report.catalogues import FindingName
from collector.report.document_programme import (
    Comparison,
    Effect,
    FindingLine,
    MeasureLine,
    Month,
    Programme,
)
from collector.report.document_schools import SchoolLine
from collector.report.gather import Material

_NO_NAME = FindingName(names={}, segment="", owner="")


def programme(material: Material, lines: Sequence[SchoolLine], last_day: date) -> Programme:
    """Count how far schools are, and what is planned for which month."""
    deadline = material.deadline
    sample = [line for line in lines if line.sample]
    desk = [line for line in lines if not line.sample]
    open_lines = [line for line in lines if not line.state.identifies]
    codes = {line.code for line in lines}
    open_measures = [
        one
        for one in material.assignments
        if one.school_code in codes and one.state in (MeasureState.PLANNED, MeasureState.ORDERED)
    ]
    return Programme(
        deadline=deadline,
        days_left=None if deadline is None else days_left(last_day, deadline),
        sample=len(sample),
        sample_identified=sum(line.state.identifies for line in sample),
        desk=len(desk),
        desk_identified=sum(line.state.identifies for line in desk),
        states={state.value: sum(line.state is state for line in lines) for state in State},
        identification=_months(line.planned_on for line in open_lines),
        unplanned=sum(line.planned_on is None for line in open_lines),
        improvement=_months(one.planned_on for one in open_measures),
        improvement_unplanned=sum(one.planned_on is None for one in open_measures),
        improved_schools=len(
            {
                one.school_code
                for one in material.assignments
                if one.state is MeasureState.DONE
                and one.school_code in codes
                and (one.done_on is None or one.done_on <= last_day or material.simulated)
            }
        ),
    )


def finding_lines(
    material: Material, confirmed: Mapping[str, Sequence[str]]
) -> tuple[FindingLine, ...]:
    """Findings that stand confirmed or are likely somewhere, the most frequent first."""
    schools: dict[str, list[str]] = {}
    for code, ids in sorted(confirmed.items()):
        for finding_id in ids:
            schools.setdefault(finding_id, []).append(code)
    likely = material.likely or {}
    known = set(schools) | {finding_id for finding_id, count in likely.items() if count}
    made = [_finding(material, one, schools.get(one, ())) for one in sorted(known)]
    return tuple(sorted(made, key=lambda one: (-len(one.confirmed), -(one.likely or 0))))


def _finding(material: Material, finding_id: str, codes: Sequence[str]) -> FindingLine:
    name = material.catalogues.findings.get(finding_id, _NO_NAME)
    answers = [
        one
        for one in material.assignments
        if finding_id in one.findings and one.state is not MeasureState.CANCELLED
    ]
    days = sorted(day for one in answers if (day := one.done_on or one.planned_on) is not None)
    return FindingLine(
        finding_id=finding_id,
        names=dict(name.names),
        segment=name.segment,
        owner=name.owner,
        confirmed=tuple(codes),
        likely=None if material.likely is None else material.likely.get(finding_id, 0),
        measures=tuple(sorted({one.measure_id for one in answers})),
        planned_schools=len({one.school_code for one in answers} & set(codes)),
        first_on=days[0] if days else None,
        last_on=days[-1] if days else None,
    )


def measure_lines(material: Material, lines: Sequence[SchoolLine]) -> tuple[MeasureLine, ...]:
    """Measures at schools, by school; each done one beside what was measured since."""
    codes = {line.code for line in lines}
    return tuple(
        _measure(material, one) for one in material.assignments if one.school_code in codes
    )


def _measure(material: Material, one: Assignment) -> MeasureLine:
    found = material.compared.get(one.assignment_id)
    return MeasureLine(
        assignment_id=one.assignment_id,
        school_code=one.school_code,
        measure_id=one.measure_id,
        names=dict(material.catalogues.measures.get(one.measure_id, {})),
        state=one.state,
        planned_on=one.planned_on,
        done_on=one.done_on,
        cost_yen=one.cost_yen,
        subsidy_yen=one.subsidy_yen,
        findings=one.findings,
        effect=_effect(found),
        compared=None if found is None else _comparison(found),
    )


def _effect(found: before_after.Comparison | None) -> Effect:
    if found is None or found.why is before_after.Why.TOO_FEW_AFTER:
        return Effect.WAITING
    return Effect(found.outcome.value)


def _comparison(found: before_after.Comparison) -> Comparison:
    return Comparison(
        days_before=found.days_before,
        days_after=found.days_after,
        runs_before=found.runs_before,
        runs_after=found.runs_after,
        before_bps=_whole(found.before_bps),
        after_bps=_whole(found.after_bps),
        shift_bps=_whole(found.shift_bps),
        low_bps=_whole(found.low_bps),
        high_bps=_whole(found.high_bps),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value)


def _months(days: Iterable[date | None]) -> tuple[Month, ...]:
    found = Counter(f"{day:%Y-%m}" for day in days if day is not None)
    return tuple(Month(month=month, count=found[month]) for month in sorted(found))
