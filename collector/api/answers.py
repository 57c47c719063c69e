"""Views of the city and of a school as answers of the API."""

from datetime import datetime

from collector.api.models import (
    BaselineOut,
    ComplianceOut,
    FigureOut,
    GroupOut,
    ResultOut,
    SchoolDetailOut,
    SchoolOut,
    VerdictOut,
)
from collector.judge.bands import band_of
from collector.judge.criteria import Criteria
from collector.judge.model import Verdict
from collector.judge.week import Week
from collector.schools.model import BaselineEntry, School
from collector.store.interface import StoredResult
from collector.views import CityView, FigureCount, GroupCount, SchoolView


def school(one: School, criteria: Criteria, baseline: BaselineEntry | None) -> SchoolOut:
    """Give one school."""
    requirement = criteria.requirement(one.pupils)
    return SchoolOut(
        code=one.code,
        name=one.name,
        kind=one.kind.value,
        region=one.region,
        pupils=one.pupils,
        line=one.line.value,
        contracted_mbps=one.contracted_mbps,
        sample=one.sample,
        latitude=one.latitude,
        longitude=one.longitude,
        aggregation_group=one.aggregation_group,
        size_band=band_of(one.pupils, criteria.bands).label,
        required_bps=requirement.required_bps,
        required_upper_bps=requirement.upper_bps,
        required_outside_table=requirement.outside_table,
        baseline_met=None if baseline is None else baseline.met,
    )


def school_detail(view: SchoolView, criteria: Criteria, now: datetime) -> SchoolDetailOut:
    """Give one school in one week; its history holds the weeks that have ended by ``now``."""
    return SchoolDetailOut(
        week=str(view.week),
        simulated=view.simulated,
        school=school(view.row.school, criteria, view.row.baseline),
        quiet=verdict(view.row.quiet),
        lesson=verdict(view.row.lesson),
        history=[verdict(one) for one in view.history if Week.parse(one.week).end <= now],
        latest=[result(one) for one in view.latest],
        failures=[result(one) for one in view.failures],
        agent_health=view.row.agent_health.value,
        agent_seen_at=view.row.agent_seen_at,
    )


def compliance(view: CityView) -> ComplianceOut:
    """Give the city in one week."""
    city = view.city
    return ComplianceOut(
        week=str(view.week),
        week_start=view.start,
        week_end=view.end,
        complete=view.complete,
        simulated=view.simulated,
        table_version=view.table_version,
        schools=city.schools,
        pupils=city.pupils,
        baseline=BaselineOut(
            met=city.surveyed_met,
            surveyed=city.baseline_surveyed,
            share_ratio=city.baseline_share,
            source=list(view.baseline_sources),
            surveyed_on=list(view.baseline_dates),
        ),
        quiet=_figure(city.quiet),
        lesson=_figure(city.lesson),
        by_size_band=[_group(group) for group in view.by_band],
        by_region=[_group(group) for group in view.by_region],
    )


def verdict(one: Verdict) -> VerdictOut:
    """Give one verdict."""
    return VerdictOut(
        week=one.week,
        figure=one.figure.value,
        status=one.status.value,
        reasons=[reason.value for reason in one.reasons],
        required_bps=one.requirement.required_bps,
        required_upper_bps=one.requirement.upper_bps,
        table_version=one.requirement.table_version,
        runs=one.runs,
        failed_runs=one.failed_runs,
        days=one.days,
        school_days=one.school_days,
        statistic=one.statistic,
        median_bps=one.median_bps,
        low_bps=one.low_bps,
        high_bps=one.high_bps,
        simulated=one.simulated,
    )


def result(one: StoredResult) -> ResultOut:
    """Give one stored result."""
    return ResultOut(
        result_id=one.result_id,
        probe=one.probe,
        target=one.target,
        segment=one.segment,
        started_at=one.started_at,
        received_at=one.received_at,
        outcome=one.outcome,
        failure_code=one.failure_code,
        failure_text=one.failure_text,
        download_bps=one.download_bps,
        upload_bps=one.upload_bps,
        simulated=one.simulated,
        clock_suspect=one.clock_suspect,
    )


def _figure(count: FigureCount) -> FigureOut:
    return FigureOut(
        met=count.met,
        not_met=count.not_met,
        undetermined=count.undetermined,
        share_ratio=count.met_share,
    )


def _group(group: GroupCount) -> GroupOut:
    return GroupOut(
        label=group.label,
        schools=group.schools,
        pupils=group.pupils,
        baseline_met=group.surveyed_met,
        quiet=_figure(group.quiet),
        lesson=_figure(group.lesson),
    )
