"""What the city page shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from urllib.parse import urlencode

from collector.compliance import city_view
from collector.judge.bands import Band
from collector.judge.model import Figure, Status, Verdict
from collector.pages import format as fmt
from collector.pages import listing
from collector.pages.i18n import Words
from collector.pages.results import RealPanel, real_panel
from collector.pages.sources import Frame, PageSources
from collector.revisions.rows import newest_number
from collector.views import CityView, FigureCount, GroupCount

WEEKS_OF_TREND: Final = 8


@dataclass(frozen=True, slots=True)
class Tally:
    """Schools by verdict."""

    met: int
    not_met: int
    undetermined: int

    @property
    def total(self) -> int:
        """All schools."""
        return self.met + self.not_met + self.undetermined

    @property
    def share(self) -> str:
        """Per cent that meet it, one decimal."""
        return fmt.percent(self.met, self.total)


@dataclass(frozen=True, slots=True)
class Group:
    """One line of the tables by size band and by region."""

    label: str
    quiet: Tally
    lesson_met: int
    baseline_met: str


@dataclass(frozen=True, slots=True)
class TrendWeek:
    """One week of the trend."""

    week: str
    label: str
    url: str
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPage:
    """Everything the template of the city page prints."""

    week: str
    """Empty where nothing has been judged yet."""
    weeks: Sequence[tuple[str, str]]
    running: bool
    """The week shown has not ended."""
    revised: tuple[str, str] | None
    """Words and address of the newest revision of this week's verdicts."""
    total: int
    quiet: Tally
    lesson: Tally
    change: str
    """Against the survey; empty where none was imported."""
    baseline_met: int | None
    baseline_surveyed: int
    """Schools of which the survey says anything."""
    baseline_share: str
    baseline_date: str
    trend: Sequence[TrendWeek]
    groups: Sequence[tuple[str, Sequence[Group]]]
    method: Sequence[str]
    real: RealPanel | None
    choices: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]
    columns: Sequence[dict[str, object]]
    reset_url: str
    rows: Sequence[listing.Line] = field(repr=False)


def city_page(
    sources: PageSources, words: Words, frame: Frame, wanted: listing.Filter, root: str
) -> CityPage:
    """Gather the city page. Reads only."""
    view = city_view(
        sources.store,
        sources.criteria,
        sources.calendars,
        week=frame.week,
        simulated=frame.simulated,
        now=frame.now,
        wall=frame.wall,
    )
    week = str(frame.week) if frame.weeks else ""
    query = f"?{urlencode({'week': week})}" if week else ""

    def school_url(code: str) -> str:
        return f"{root}/schools/{code}{query}"

    lines = [listing.line(words, row, frame.now, school_url(row.school.code)) for row in view.rows]
    bands = [
        _group(words, group, listing.band_words(words, band))
        for group, band in zip(view.by_band, sources.criteria.bands, strict=True)
        if group.schools
    ]
    return CityPage(
        week=week,
        weeks=week_choices(words, frame),
        running=bool(week) and frame.running(week),
        revised=_revised(sources, words, frame, root) if week else None,
        total=view.city.schools,
        quiet=_tally(view.city.quiet),
        lesson=_tally(view.city.lesson),
        change=_change(words, view),
        baseline_met=view.city.surveyed_met,
        baseline_surveyed=view.city.baseline_surveyed,
        baseline_share=fmt.percent(view.city.baseline_met, view.city.baseline_surveyed),
        baseline_date=words("site.separator").join(
            fmt.day(words, date.fromisoformat(text)) for text in view.baseline_dates
        ),
        trend=_trend(sources, words, frame, root),
        groups=[
            (words("city.by_band"), bands),
            (
                words("city.by_region"),
                [_group(words, group, group.label) for group in view.by_region],
            ),
        ],
        method=_method(words, sources, view, frame) if week else (),
        real=_real(sources, words, view, school_url),
        choices=_choices(words, view, sources.criteria.bands),
        columns=listing.columns(words, wanted, week, f"{root}/"),
        reset_url=f"{root}/{query}#schools",
        rows=listing.choose(lines, wanted),
    )


def _revised(sources: PageSources, words: Words, frame: Frame, root: str) -> tuple[str, str] | None:
    week = str(frame.week)
    number = sources.store.read(lambda sql: newest_number(sql, week, simulated=frame.simulated))
    if number is None:
        return None
    return words("late.link", number=number), f"{root}/weeks/{week}/revisions"


def week_choices(words: Words, frame: Frame) -> list[tuple[str, str]]:
    """The weeks of the menu; the running one says so."""
    return [
        (
            week,
            f"{week_label(words, week)} ({words('value.running')})"
            if frame.running(week)
            else week_label(words, week),
        )
        for week in frame.weeks
    ]


def week_label(words: Words, week: str) -> str:
    """第20週 with its first and last day."""
    first, last = fmt.week_days(week)
    span = words("city.week_span", start=fmt.day(words, first), end=fmt.short_day(words, last))
    return f"{fmt.week_name(words, week)}  {span}"


def _tally(count: FigureCount) -> Tally:
    return Tally(count.met, count.not_met, count.undetermined)


def _group(words: Words, group: GroupCount, label: str) -> Group:
    surveyed = words("site.none") if group.surveyed_met is None else str(group.surveyed_met)
    return Group(label, _tally(group.quiet), group.lesson.met, surveyed)


def _change(words: Words, view: CityView) -> str:
    """Against the survey, over the schools of which it says anything."""
    if view.city.surveyed_met is None:
        return ""
    now = [row.quiet.status is Status.MET for row in view.rows if row.baseline is not None]
    difference = sum(now) - view.city.surveyed_met
    if difference == 0:
        return words("city.change_same")
    key = "city.change_more" if difference > 0 else "city.change_less"
    return words(key, n=abs(difference))


def _trend(sources: PageSources, words: Words, frame: Frame, root: str) -> list[TrendWeek]:
    result = []
    ended = [week for week in frame.weeks if not frame.running(week)]
    for week in reversed(ended[:WEEKS_OF_TREND]):
        verdicts = sources.store.verdicts(week, simulated=frame.simulated)
        first, _ = fmt.week_days(week)
        result.append(
            TrendWeek(
                week,
                fmt.short_day(words, first)
                if first.year == frame.week.monday.year
                else fmt.day(words, first),
                f"{root}/?{urlencode({'week': week})}",
                _of_verdicts([item for (_, f), item in verdicts.items() if f is Figure.QUIET]),
            )
        )
    return result


def _of_verdicts(verdicts: Sequence[Verdict]) -> Tally:
    statuses = [item.status for item in verdicts]
    return Tally(
        statuses.count(Status.MET),
        statuses.count(Status.NOT_MET),
        statuses.count(Status.UNDETERMINED),
    )


def _method(words: Words, sources: PageSources, view: CityView, frame: Frame) -> list[str]:
    lines = [
        words(
            "method.runs",
            city=frame.city_name,
            week=week_label(words, str(view.week)),
            quiet_runs=f"{sum(row.quiet.runs for row in view.rows):,}",
            lesson_runs=f"{sum(row.lesson.runs for row in view.rows):,}",
        ),
        words("method.windows"),
        words("method.statistic"),
        words("method.rule"),
        words("method.criteria", version=view.table_version, source=sources.criteria.issued_by),
    ]
    if frame.simulated:
        lines.append(words("method.as_of", time=fmt.moment(words, frame.now)))
    return lines


def _real(
    sources: PageSources, words: Words, view: CityView, school_url: Callable[[str], str]
) -> RealPanel | None:
    result = sources.store.latest_real_result(probe="throughput")
    if result is None:
        return None
    names = {row.school.code: row.school.name for row in view.rows}
    return real_panel(words, result, names, school_url(result.school_code))


def _choices(
    words: Words, view: CityView, bands: Sequence[Band]
) -> list[tuple[str, str, Sequence[tuple[str, str]]]]:
    return [
        (
            "status",
            words("column.verdict"),
            [(status.value, words(f"status.{status.value}")) for status in Status],
        ),
        ("region", words("column.region"), [(g.label, g.label) for g in view.by_region]),
        (
            "band",
            words("column.pupils"),
            [(band.label, listing.band_words(words, band)) for band in bands],
        ),
    ]
