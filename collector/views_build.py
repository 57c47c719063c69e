"""Build the views from what was read: counting only, no store, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.judge.bands import band_of
from collector.judge.calendar import Calendar
from collector.judge.criteria import Criteria
from collector.judge.model import Figure, Status, Verdict
from collector.judge.week import Week
from collector.schools.model import BaselineEntry, School
from collector.store.interface import Agent, StoredResult
from collector.views import (
    AgentHealth,
    CityView,
    FigureCount,
    GroupCount,
    Point,
    SchoolRow,
    SchoolView,
)

FRESH_WITHIN: Final = timedelta(hours=2)
LATE_WITHIN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What was read from the store for a view."""

    criteria: Criteria
    schools: Sequence[School]
    baseline: Mapping[str, BaselineEntry]
    verdicts: Mapping[tuple[str, Figure], Verdict]
    newest: Mapping[str, datetime]
    agents: Sequence[Agent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was read from the store of one school's past."""

    results: Sequence[StoredResult]
    """Throughput results for the chart, oldest first."""
    history: Sequence[Verdict]
    latest: Sequence[StoredResult]
    failures: Sequence[StoredResult]


def build_city(
    sources: Sources, *, week: Week, simulated: bool, now: datetime, wall: datetime
) -> CityView:
    """Count the city, its size bands and its regions."""
    agents = _agents_by_school(sources.agents)
    rows = tuple(
        _row(sources, school, agents.get(school.code, ()), now) for school in sources.schools
    )
    regions = sorted({row.school.region for row in rows})
    entries = [row.baseline for row in rows if row.baseline is not None]
    return CityView(
        week=week,
        start=week.start,
        end=week.end,
        complete=week.end <= wall,
        simulated=simulated,
        table_version=sources.criteria.version,
        city=_group("city", rows),
        baseline_sources=tuple(sorted({entry.source for entry in entries})),
        baseline_dates=tuple(sorted({entry.surveyed_on for entry in entries})),
        by_band=tuple(
            _group(band.label, [row for row in rows if row.band == band])
            for band in sources.criteria.bands
        ),
        by_region=tuple(
            _group(region, [row for row in rows if row.school.region == region])
            for region in regions
        ),
        rows=rows,
    )


def build_school(
    sources: Sources,
    calendar: Calendar,
    *,
    week: Week,
    simulated: bool,
    now: datetime,
    past: Past,
) -> SchoolView:
    """Put together one school; ``sources.schools`` holds just that one."""
    (school,) = sources.schools
    agents = _agents_by_school(sources.agents)
    return SchoolView(
        week=week,
        start=week.start,
        end=week.end,
        simulated=simulated,
        row=_row(sources, school, agents.get(school.code, ()), now),
        history=tuple(past.history),
        points=tuple(_point(item, calendar) for item in past.results),
        latest=tuple(past.latest),
        failures=tuple(past.failures),
    )


def agent_health(seen_at: datetime | None, now: datetime) -> AgentHealth:
    """Name how long ago an agent was heard; None: there is no agent."""
    if seen_at is None:
        return AgentHealth.NEVER_ENROLLED
    if now - seen_at <= FRESH_WITHIN:
        return AgentHealth.FRESH
    return AgentHealth.LATE if now - seen_at <= LATE_WITHIN else AgentHealth.SILENT


def _row(sources: Sources, school: School, agents: Sequence[Agent], now: datetime) -> SchoolRow:
    newest = sources.newest.get(school.code)
    seen_at = max((agent.last_seen_at or agent.enrolled_at for agent in agents), default=None)
    return SchoolRow(
        school=school,
        band=band_of(school.pupils, sources.criteria.bands),
        requirement=sources.criteria.requirement(school.pupils),
        baseline=sources.baseline.get(school.code),
        quiet=sources.verdicts[school.code, Figure.QUIET],
        lesson=sources.verdicts[school.code, Figure.LESSON],
        newest_result_at=newest,
        newest_result_age_seconds=None if newest is None else (now - newest).total_seconds(),
        agents=tuple(agents),
        agent_health=agent_health(seen_at, now),
        agent_seen_at=seen_at,
    )


def _group(label: str, rows: Sequence[SchoolRow]) -> GroupCount:
    return GroupCount(
        label=label,
        schools=len(rows),
        pupils=sum(row.school.pupils for row in rows),
        baseline_met=sum(row.baseline is not None and row.baseline.met for row in rows),
        baseline_surveyed=sum(row.baseline is not None for row in rows),
        quiet=_count(rows, Figure.QUIET),
        lesson=_count(rows, Figure.LESSON),
    )


def _count(rows: Sequence[SchoolRow], figure: Figure) -> FigureCount:
    statuses = [row.verdict(figure).status for row in rows]
    return FigureCount(
        schools=len(rows),
        met=statuses.count(Status.MET),
        not_met=statuses.count(Status.NOT_MET),
        undetermined=statuses.count(Status.UNDETERMINED),
    )


def _point(result: StoredResult, calendar: Calendar) -> Point:
    return Point(
        started_at=result.started_at,
        window=calendar.classify(result.started_at),
        outcome=result.outcome,
        failure_code=result.failure_code,
        download_bps=result.download_bps,
        upload_bps=result.upload_bps,
    )


def _agents_by_school(agents: Sequence[Agent]) -> dict[str, list[Agent]]:
    result: dict[str, list[Agent]] = {}
    for agent in agents:
        result.setdefault(agent.school_code, []).append(agent)
    return result
