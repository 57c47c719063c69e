"""What the page of one school shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from collector.compliance import school_view
from collector.judge.calendar import Window
from collector.judge.model import Figure, Verdict
from collector.pages import format as fmt
from collector.pages.chart import Day, by_day, chart_data, measured, summary
from collector.pages.city import week_choices
from collector.pages.i18n import Words
from collector.pages.results import ResultLine, result_line
from collector.pages.sources import Frame, PageSources
from collector.views import SchoolView


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLine:
    """A verdict with its evidence, in words."""

    figure: str
    status: str
    week: str
    required: str
    median: str
    interval: str
    runs: int
    failed: int
    days: str
    evidence: str
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolPage:
    """Everything the template of the school page prints."""

    name: str
    region: str
    sample: bool
    back_url: str
    clocks_url: str
    results_url: str
    """Before the id of a result."""
    week: str
    weeks: Sequence[tuple[str, str]]
    running: bool
    """The week shown has not ended."""
    required: str
    required_how: str
    required_interval: bool
    verdicts: Sequence[VerdictLine]
    chart: Mapping[str, object] = field(repr=False)
    chart_has_other: bool
    chart_summary: str
    days: Sequence[Day] = field(repr=False)
    history: Sequence[VerdictLine] = field(repr=False)
    results: Sequence[tuple[str, str, Sequence[ResultLine]]] = field(repr=False)
    facts: Sequence[tuple[str, str]]


def school_page(
    sources: PageSources, words: Words, frame: Frame, code: str, root: str
) -> SchoolPage | None:
    """Gather the page of one school; None where there is no such school. Reads only."""
    view = school_view(
        sources.store,
        sources.criteria,
        sources.calendars,
        code,
        week=frame.week,
        simulated=frame.simulated,
        now=frame.now,
    )
    if view is None:
        return None
    school, requirement = view.row.school, view.row.requirement
    query = f"?{urlencode({'week': str(frame.week)})}" if frame.weeks else ""
    required = fmt.required(words, requirement.required_bps, requirement.upper_bps)
    how = words(
        "school.required_how", pupils=f"{school.pupils:,}", version=requirement.table_version
    )
    if requirement.outside_table:
        how += words("site.separator") + words("value.outside_table")
    return SchoolPage(
        name=school.name,
        region=school.region,
        sample=school.sample,
        back_url=f"{root}/{query}",
        clocks_url=f"{root}/schools/{quote(school.code, safe='')}/clocks",
        results_url=f"{root}/schools/{quote(school.code, safe='')}/results/",
        week=str(frame.week) if frame.weeks else "",
        weeks=week_choices(words, frame),
        running=bool(frame.weeks) and frame.running(str(frame.week)),
        required=required,
        required_how=how,
        required_interval=requirement.upper_bps > requirement.required_bps,
        verdicts=[_verdict(words, view.row.verdict(figure)) for figure in Figure],
        chart=chart_data(words, view.points, requirement),
        chart_has_other=any(
            measured(point) and point.window not in (Window.QUIET, Window.LESSON)
            for point in view.points
        ),
        chart_summary=summary(words, view.points, requirement),
        days=by_day(words, view.points),
        history=[
            _verdict(words, verdict) for verdict in view.history if not frame.running(verdict.week)
        ],
        results=[
            (
                words("school.results"),
                words("school.no_results"),
                [result_line(words, item) for item in view.latest],
            ),
            (
                words("school.failures"),
                words("school.no_failures"),
                [result_line(words, item) for item in view.failures],
            ),
        ],
        facts=_facts(words, view),
    )


def _verdict(words: Words, verdict: Verdict) -> VerdictLine:
    requirement = verdict.requirement
    days = words("value.days", days=verdict.days, school_days=verdict.school_days)
    return VerdictLine(
        figure=verdict.figure.value,
        status=verdict.status.value,
        week=fmt.week_name(words, verdict.week),
        required=fmt.required(words, requirement.required_bps, requirement.upper_bps),
        median=fmt.mbps(words, verdict.median_bps)
        if verdict.median_bps is not None
        else f"{words('site.none')} {words('value.not_measured')}",
        interval=fmt.mbps_range(words, verdict.low_bps, verdict.high_bps),
        runs=verdict.runs,
        failed=verdict.failed_runs,
        days=days,
        evidence=words(
            "school.evidence",
            runs=verdict.runs,
            failed=verdict.failed_runs,
            days=words("school.evidence_days", days=verdict.days, school_days=verdict.school_days),
        ),
        reasons=[words(f"reason.{reason.value}") for reason in verdict.reasons],
    )


def _facts(words: Words, view: SchoolView) -> list[tuple[str, str]]:
    school, none = view.row.school, words("site.none")
    contracted = None if school.contracted_mbps is None else school.contracted_mbps * 1e6
    place = none
    if school.latitude is not None and school.longitude is not None:
        place = f"{school.latitude:.4f}, {school.longitude:.4f}"
    return [
        (words("school.code"), school.code),
        (words("school.kind"), words(f"kind.{school.kind.value}")),
        (words("column.region"), school.region),
        (words("column.pupils"), words("value.pupils", number=f"{school.pupils:,}")),
        (words("school.line"), words(f"line.{school.line.value}")),
        (words("school.contracted"), fmt.mbps(words, contracted) if contracted else none),
        (words("school.aggregation"), school.aggregation_group or none),
        (words("value.sample"), words("value.yes" if school.sample else "value.no")),
        (words("school.coordinates"), place),
        (words("school.survey"), _survey(words, view)),
        (words("column.agent"), _agent(words, view)),
    ]


def _survey(words: Words, view: SchoolView) -> str:
    entry = view.row.baseline
    if entry is None:
        return words("baseline.none")
    result = words("baseline.met" if entry.met else "baseline.not_met")
    if entry.measured_bps is not None:
        result += " " + fmt.mbps(words, entry.measured_bps)
    return words("school.surveyed", result=result, date=entry.surveyed_on, source=entry.source)


def _agent(words: Words, view: SchoolView) -> str:
    row = view.row
    state = words(f"agent.{row.agent_health.value}")
    if row.agent_seen_at is None:
        return state
    seen = words("agent.last_seen", time=fmt.moment(words, row.agent_seen_at))
    return f"{state}{words('site.separator')}{seen}"
