"""How far the programme is, what was found, what is done against it and what it brought. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from collector.judge.model import Figure, Verdict
from collector.judge.week import Week
from collector.programme.fiscal import days_left
from collector.programme.model import Assignment, MeasureState, State
from collector.report.catalogues import FindingName
from collector.report.document import (
    Effect,
    FindingLine,
    MeasureLine,
    Month,
    Programme,
    SchoolLine,
    Side,
)
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
                if one.state is MeasureState.DONE and one.school_code in codes
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
    weeks: list[tuple[str, Mapping[tuple[str, Figure], Verdict]]] = [
        *material.trend,
        (str(material.week), material.verdicts),
    ]
    found = []
    for one in material.assignments:
        if one.school_code not in codes:
            continue
        before, after = _sides(one, weeks)
        found.append(
            MeasureLine(
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
                effect=_effect(one, before, after),
                before=before,
                after=after,
            )
        )
    return tuple(found)


def _sides(
    one: Assignment, weeks: Sequence[tuple[str, Mapping[tuple[str, Figure], Verdict]]]
) -> tuple[Side | None, Side | None]:
    """The last whole week before the day it was done, and the newest whole week after it."""
    if one.state is not MeasureState.DONE or one.done_on is None:
        return None, None
    done_in = str(Week.of_day(one.done_on))
    sides = [
        side
        for label, verdicts in weeks
        if (side := _side(label, verdicts.get((one.school_code, Figure.QUIET)))) is not None
    ]
    before = [side for side in sides if side.week < done_in]
    after = [side for side in sides if side.week > done_in]
    return (before[-1] if before else None), (after[-1] if after else None)


def _side(label: str, verdict: Verdict | None) -> Side | None:
    if verdict is None or verdict.median_bps is None:
        return None
    values = (verdict.median_bps, verdict.low_bps, verdict.high_bps)
    if not all(value is None or 0 <= value < float("inf") for value in values):
        return None
    median, low, high = (None if value is None else round(value) for value in values)
    return Side(
        week=label,
        runs=verdict.runs,
        median_bps=median,
        low_bps=low,
        high_bps=high,
        status=verdict.status,
    )


def _effect(one: Assignment, before: Side | None, after: Side | None) -> Effect:
    if one.state is not MeasureState.DONE or after is None:
        return Effect.WAITING
    if before is None or before.high_bps is None or before.low_bps is None:
        return Effect.CANNOT_TELL
    if after.high_bps is None or after.low_bps is None:
        return Effect.CANNOT_TELL
    if after.low_bps > before.high_bps:
        return Effect.IMPROVED
    return Effect.WORSE if after.high_bps < before.low_bps else Effect.CANNOT_TELL


def _months(days: Iterable[date | None]) -> tuple[Month, ...]:
    found = Counter(f"{day:%Y-%m}" for day in days if day is not None)
    return tuple(Month(month=month, count=found[month]) for month in sorted(found))
