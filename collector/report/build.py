"""From what was read to the document of a report: counting only, no store, no clock."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from collector.judge.model import Figure, Status, Verdict
from collector.programme.burn_down import corrected
from collector.programme.model import Decided, Decision, Progress
from collector.report.clean import clean
from collector.report.document import SCHEMA_VERSION, Report
from collector.report.document_programme import FindingEvent, RuledOut
from collector.report.document_schools import (
    AgentLine,
    Agents,
    Baseline,
    Group,
    Method,
    SchoolLine,
    WeekPoint,
)
from collector.report.evidence import evidence_of
from collector.report.gather import Material
from collector.report.programme_part import finding_lines, measure_lines, programme
from collector.report.school_lines import school_lines
from collector.views import AgentHealth
from collector.views_build import agent_health

MOST_EVIDENCE: Final = 200
"""Schools with a part of their own on the evidence pages; the tables hold all."""
Verdicts = Mapping[tuple[str, Figure], Verdict]


def build(material: Material, *, stated_at: datetime, revision: int = 1) -> Report:
    """Make the document. The same material gives the same document."""
    week, codes = material.week, {school.code for school in material.schools}
    last_day = week.days[-1]
    standing = _standing(material, last_day)
    confirmed: dict[str, list[str]] = {}
    for decided in standing:
        if decided.decision is Decision.CONFIRMED:
            confirmed.setdefault(decided.school_code, []).append(decided.finding_id)
    progress = _progress(material, last_day)
    earlier = dict(material.trend)
    before = earlier.get(str(week.plus(-1)), {})
    lines = school_lines(material, progress, confirmed, before)
    measures = measure_lines(material, lines)
    of_week = _of_week(material, codes)
    not_met = [line for line in lines if line.quiet.status is Status.NOT_MET]
    return Report(
        schema_version=SCHEMA_VERSION,
        week=str(week),
        start=week.start,
        end=week.end,
        complete=week.end <= material.wall,
        simulated=material.simulated,
        city_names={key: clean(name) for key, name in sorted(material.city_names.items())},
        stated_at=stated_at.replace(microsecond=0),
        revision=revision,
        city=_group("city", lines),
        baseline=_baseline(material, codes),
        before=_point(str(week.plus(-1)), before, codes) if before else None,
        weeks=(
            *(_point(label, verdicts, codes) for label, verdicts in material.trend),
            _this_week(str(week), lines),
        ),
        bands=tuple(
            _group(band.label, [line for line in lines if line.band == band.label])
            for band in material.criteria.bands
        ),
        regions=tuple(
            _group(region, [line for line in lines if line.region == region])
            for region in sorted({line.region for line in lines})
        ),
        method=_method(material, lines),
        programme=programme(material, lines, last_day),
        findings=finding_lines(material, confirmed),
        events=_events(material, of_week),
        ruled_out=_ruled_out(of_week),
        measures=measures,
        agents=_agents(material, lines),
        schools=lines,
        evidence=tuple(evidence_of(material, line) for line in not_met[:MOST_EVIDENCE]),
        evidence_left_out=max(0, len(not_met) - MOST_EVIDENCE),
        troubles=tuple(clean(text, 200) for text in material.troubles),
        differences=(),
    )


def _standing(material: Material, last_day: date) -> list[Decided]:
    """What stood decided at the end of the week; of a simulated city, what stands."""
    found: dict[tuple[str, str], Decided] = {}
    for event in material.decisions:
        decided = event.decided
        if material.simulated or decided.decided_on <= last_day:
            found[decided.school_code, decided.finding_id] = decided
    return [found[key] for key in sorted(found)]


def _progress(material: Material, last_day: date) -> dict[str, Progress]:
    """Where schools stood at the end of the week; of a simulated city, where they stand."""
    return {
        event.progress.school_code: event.progress
        for event in corrected(material.progress)
        if material.simulated or event.progress.since_on <= last_day
    }


def _of_week(material: Material, codes: set[str]) -> list[tuple[Decided, bool]]:
    """Give the decisions of the week, each with whether the finding stood confirmed before it."""
    days = material.week.days
    confirmed: set[tuple[str, str]] = set()
    found = []
    for event in material.decisions:
        one = event.decided
        key = (one.school_code, one.finding_id)
        in_week = one.decided_on >= days[0] and (material.simulated or one.decided_on <= days[-1])
        if in_week and one.school_code in codes:
            found.append((one, key in confirmed))
        if one.decision is Decision.CONFIRMED:
            confirmed.add(key)
        else:
            confirmed.discard(key)
    return found


def _events(
    material: Material, of_week: Sequence[tuple[Decided, bool]]
) -> tuple[FindingEvent, ...]:
    known = material.catalogues.findings
    found = [
        FindingEvent(
            school_code=one.school_code,
            finding_id=one.finding_id,
            names=dict(known[one.finding_id].names) if one.finding_id in known else {},
            decision=one.decision,
            grade=one.grade,
            decided_on=one.decided_on,
        )
        for one, was_confirmed in of_week
        if one.decision is not Decision.REJECTED or was_confirmed
    ]
    return tuple(sorted(found, key=lambda one: (one.decided_on, one.school_code, one.finding_id)))


def _ruled_out(of_week: Sequence[tuple[Decided, bool]]) -> RuledOut:
    found = [
        one
        for one, was_confirmed in of_week
        if one.decision is Decision.REJECTED and not was_confirmed
    ]
    return RuledOut(findings=len(found), schools=len({one.school_code for one in found}))


def _group(label: str, lines: Sequence[SchoolLine]) -> Group:
    status = Counter(line.quiet.status for line in lines)
    surveyed = [line.baseline_met for line in lines if line.baseline_met is not None]
    return Group(
        label=label,
        schools=len(lines),
        pupils=sum(line.pupils or 0 for line in lines),
        met=status[Status.MET],
        not_met=status[Status.NOT_MET],
        undetermined=status[Status.UNDETERMINED],
        lesson_met=sum(line.lesson.status is Status.MET for line in lines),
        baseline_met=sum(surveyed) if surveyed else None,
    )


def _baseline(material: Material, codes: set[str]) -> Baseline | None:
    entries = [entry for code, entry in sorted(material.baseline.items()) if code in codes]
    if not entries:
        return None
    return Baseline(
        met=sum(entry.met for entry in entries),
        surveyed=len(entries),
        sources=tuple(sorted({clean(entry.source) for entry in entries})),
        dates=tuple(sorted({clean(entry.surveyed_on) for entry in entries})),
    )


def _point(label: str, verdicts: Verdicts, codes: Iterable[str]) -> WeekPoint:
    """A former week over today's schools; one without a verdict then is undetermined."""
    found = Counter(
        Status.UNDETERMINED if verdict is None else verdict.status
        for verdict in (verdicts.get((code, Figure.QUIET)) for code in codes)
    )
    return WeekPoint(
        week=label,
        met=found[Status.MET],
        not_met=found[Status.NOT_MET],
        undetermined=found[Status.UNDETERMINED],
    )


def _this_week(label: str, lines: Sequence[SchoolLine]) -> WeekPoint:
    group = _group(label, lines)
    return WeekPoint(
        week=label, met=group.met, not_met=group.not_met, undetermined=group.undetermined
    )


def _method(material: Material, lines: Sequence[SchoolLine]) -> Method:
    codes = [school.code for school in material.schools]
    verdicts = [
        verdict
        for code in codes
        for figure in Figure
        if (verdict := material.verdicts.get((code, figure))) is not None
    ]
    days = [line.quiet.school_days for line in lines if line.quiet.school_days]
    return Method(
        table_name=material.criteria.name,
        table_version=material.criteria.version,
        issued_by=material.criteria.issued_by,
        calendars=tuple(sorted({material.calendars.for_school(code).version for code in codes})),
        statistics=tuple(sorted({_statistic(verdict) for verdict in verdicts if verdict.runs})),
        quiet_runs=sum(line.quiet.runs for line in lines),
        lesson_runs=sum(line.lesson.runs for line in lines),
        quiet_failed=sum(line.quiet.failed_runs for line in lines),
        lesson_failed=sum(line.lesson.failed_runs for line in lines),
        school_days_least=min(days, default=0),
        school_days_most=max(days, default=0),
    )


def _statistic(verdict: Verdict) -> str:
    """Whether the traffic of others was counted: of all runs, of some, or of none."""
    named = verdict.statistic.removeprefix("median of ")
    if named.startswith("left-over"):
        return "left_over"
    return "capacity" if named.startswith("capacity,") else "mixed"


def _agents(material: Material, lines: Sequence[SchoolLine]) -> Agents:
    heard: dict[str, datetime] = {}
    for agent in material.agents:
        if agent.revoked_at is None:
            seen = agent.last_seen_at or agent.enrolled_at
            heard[agent.school_code] = max(seen, heard.get(agent.school_code, seen))
    of_school = {line.code: agent_health(heard.get(line.code), material.now) for line in lines}
    return Agents(
        as_of=material.now.replace(microsecond=0),
        counts={health.value: list(of_school.values()).count(health) for health in AgentHealth},
        lines=tuple(
            AgentLine(school_code=code, health=health, last_heard_at=heard.get(code))
            for code, health in of_school.items()
            if health is not AgentHealth.FRESH
        ),
    )
