"""One line a school, whatever its data hold. Pure.

Odd data make the school's figures UNDETERMINED and its line says what was found; the report goes
on. So every school is on the list and the counts add up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from collector.judge.bands import band_of
from collector.judge.criteria import MAX_PUPILS
from collector.judge.model import Figure, Reason, Requirement, Status, Verdict
from collector.programme.model import Progress, State
from collector.report.clean import clean
from collector.report.document_schools import FigureLine, Odd, OddKind, SchoolLine
from collector.report.gather import Material
from collector.schools.model import School

_NOTHING: Final = FigureLine(
    status=Status.UNDETERMINED,
    reasons=(Reason.NO_RESULTS,),
    runs=0,
    failed_runs=0,
    days=0,
    school_days=0,
    median_bps=None,
    low_bps=None,
    high_bps=None,
)
_MAX_FOUND_CHARACTERS: Final = 80


def school_lines(
    material: Material,
    progress: Mapping[str, Progress],
    confirmed: Mapping[str, Sequence[str]],
    before: Mapping[tuple[str, Figure], Verdict],
) -> tuple[SchoolLine, ...]:
    """Give the lines of all schools, by code."""
    lines = []
    for school in sorted(material.schools, key=lambda one: one.code):
        stands = progress.get(school.code)
        try:
            lines.append(_line(material, school, stands, confirmed.get(school.code, ()), before))
        except Exception as error:  # noqa: BLE001 - whatever one school's data are, the others are reported
            lines.append(_unreadable(school, f"{type(error).__name__}: {error}"))
    return tuple(lines)


def _line(
    material: Material,
    school: School,
    stands: Progress | None,
    findings: Sequence[str],
    before: Mapping[tuple[str, Figure], Verdict],
) -> SchoolLine:
    odd: list[Odd] = []
    if school.code in material.unreadable:
        odd.append(_odd(OddKind.UNREADABLE, material.unreadable[school.code]))
    name = clean(school.name) or "?"
    if name != school.name:
        odd.append(_odd(OddKind.NAME_CLEANED, ascii(school.name)[1:-1]))
    requirement = _requirement(material, school, odd)
    figures = {
        figure: _figure(material.verdicts.get((school.code, figure)), figure, odd)
        for figure in Figure
    }
    if requirement is None:  # a saved verdict was against another number of pupils
        figures = {
            figure: replace(one, status=Status.UNDETERMINED, reasons=())
            for figure, one in figures.items()
        }
    entry = material.baseline.get(school.code)
    last = before.get((school.code, Figure.QUIET))
    return SchoolLine(
        code=clean(school.code) or "?",
        name=name,
        kind=str(school.kind),
        region=clean(school.region),
        band="" if requirement is None else band_of(school.pupils, material.criteria.bands).label,
        pupils=None if requirement is None else school.pupils,
        line=str(school.line),
        contracted_bps=None if not school.contracted_mbps else school.contracted_mbps * 1_000_000,
        sample=school.sample,
        aggregation_group=clean(school.aggregation_group),
        required_bps=None if requirement is None else requirement.required_bps,
        upper_bps=None if requirement is None else requirement.upper_bps,
        baseline_met=None if entry is None else entry.met,
        quiet=figures[Figure.QUIET],
        lesson=figures[Figure.LESSON],
        quiet_before=None if last is None else last.status,
        state=State.NOT_STARTED if stands is None else stands.state,
        planned_on=None if stands is None else stands.planned_on,
        findings=tuple(findings),
        odd=tuple(odd),
    )


def _requirement(material: Material, school: School, odd: list[Odd]) -> Requirement | None:
    if not 1 <= school.pupils <= MAX_PUPILS:
        odd.append(_odd(OddKind.PUPILS_UNUSABLE, str(school.pupils)))
        return None
    return material.criteria.requirement(school.pupils)


def _figure(verdict: Verdict | None, figure: Figure, odd: list[Odd]) -> FigureLine:
    if verdict is None:
        odd.append(_odd(OddKind.VERDICT_MISSING, figure.value))
        return _NOTHING
    values = (verdict.median_bps, verdict.low_bps, verdict.high_bps)
    if any(value is not None and not (math.isfinite(value) and value >= 0) for value in values):
        wrong = " ".join("-" if value is None else f"{value:g}" for value in values)
        odd.append(_odd(OddKind.FIGURE_NOT_A_NUMBER, f"{figure.value}: {wrong}"))
        return _NOTHING
    median, low, high = (None if value is None else round(value) for value in values)
    return FigureLine(
        status=verdict.status,
        reasons=tuple(verdict.reasons),
        runs=verdict.runs,
        failed_runs=verdict.failed_runs,
        days=verdict.days,
        school_days=verdict.school_days,
        median_bps=median,
        low_bps=low,
        high_bps=high,
    )


def _unreadable(school: School, found: str) -> SchoolLine:
    """A line for a school of which nothing else can be said."""
    return SchoolLine(
        code=clean(str(school.code)) or "?",
        name=clean(str(school.name)) or "?",
        kind="",
        region="",
        band="",
        pupils=None,
        line="",
        contracted_bps=None,
        sample=school.sample is True,
        aggregation_group="",
        required_bps=None,
        upper_bps=None,
        baseline_met=None,
        quiet=_NOTHING,
        lesson=_NOTHING,
        quiet_before=None,
        state=State.NOT_STARTED,
        planned_on=None,
        findings=(),
        odd=(_odd(OddKind.UNREADABLE, found),),
    )


def _odd(kind: OddKind, found: str) -> Odd:
    return Odd(kind=kind, found=clean(found, _MAX_FOUND_CHARACTERS))
