"""The first pages: what a board of education reads, and the ministry's four blocks."""

from collections import Counter
from statistics import median
from typing import Final

from collector.judge.model import Reason, Status
from collector.pages import format as fmt
from collector.programme.model import MeasureState
from collector.report import charts
from collector.report.document import Report
from collector.report.elements import Element, bullets, column, heading, paragraph, table
from collector.report.say import Say

NEAR_RATIO: Final = 0.8


def board(say: Say, band_labels: dict[str, str]) -> list[Element]:
    """Count, share, change, and what it takes."""
    report, words = say.report, say.words
    city = report.city
    return [
        heading(words("report.for_board"), 1),
        {
            "t": "headline",
            "title": words("report.headline"),
            "value": words("report.of_schools", met=city.met, total=city.schools),
            "share": words("report.share", share=fmt.percent(city.met, city.schools)),
            "tiles": _tiles(say),
        },
        {"t": "side_by_side", "items": [charts.trend(say), charts.bands(say, band_labels)]},
        heading(words("report.takes"), 2),
        bullets(_takes(say)),
        {"t": "bars", "title": words("report.progress"), "bars": _bars(say)},
    ]


def _tiles(say: Say) -> list[dict[str, str]]:
    report, words = say.report, say.words
    city, total = report.city, report.city.schools
    before, survey = report.before, report.baseline
    nothing = words("report.no_comparison")
    return [
        {
            "title": words("report.tile_week"),
            "value": nothing if before is None else _change(say, city.met - before.met),
            "note": ""
            if before is None
            else words("report.tile_week_note", met=before.met, total=total),
        },
        {
            "title": words("report.tile_survey"),
            "value": nothing if survey is None else _change(say, _met_now(report) - survey.met),
            "note": ""
            if survey is None
            else words("report.tile_survey_note", met=survey.met, total=survey.surveyed),
        },
        {
            "title": words("report.tile_open"),
            "value": words("report.schools_count", n=city.undetermined),
            "note": words("report.tile_open_note"),
        },
        {
            "title": words("report.tile_lesson"),
            "value": words("report.schools_count", n=city.lesson_met),
            "note": words("report.tile_lesson_note"),
        },
    ]


def _met_now(report: Report) -> int:
    """Schools that meet it now, of those of which the survey says anything."""
    return sum(
        one.quiet.status is Status.MET for one in report.schools if one.baseline_met is not None
    )


def _change(say: Say, difference: int) -> str:
    sign = "+" if difference > 0 else "\N{MINUS SIGN}" if difference < 0 else "±"
    return say.words("report.schools_change", sign=sign, n=abs(difference))


def _bars(say: Say) -> list[dict[str, object]]:
    part = say.report.programme
    return [
        {
            "label": say.words("report.progress_sample"),
            "done": part.sample_identified,
            "total": part.sample,
        },
        {
            "label": say.words("report.progress_desk"),
            "done": part.desk_identified,
            "total": part.desk,
        },
    ]


def _takes(say: Say) -> list[str]:
    report, words = say.report, say.words
    said = []
    not_met = [line for line in report.schools if line.quiet.status is Status.NOT_MET]
    gaps = [-line.margin_bps for line in not_met if line.margin_bps is not None]
    if not_met:
        said.append(
            words(
                "report.takes_not_met",
                schools=len(not_met),
                pupils=f"{sum(line.pupils or 0 for line in not_met):,}",
                gap=say.speed(round(median(gaps)) if gaps else None),
            )
        )
        near = sum(
            (line.quiet.median_bps or 0) >= NEAR_RATIO * (line.required_bps or float("inf"))
            for line in not_met
        )
        if near:
            said.append(words("report.takes_near", n=near))
    else:
        said.append(words("report.takes_all"))
    said += _undetermined(say)
    part = report.programme
    said.append(
        words(
            "report.takes_assess",
            done=part.sample_identified + part.desk_identified,
            total=part.sample + part.desk,
            deadline=say.deadline(part),
        ).strip()
    )
    states = Counter(one.state for one in report.measures)
    if report.measures:
        said.append(
            words(
                "report.takes_measures",
                done=states[MeasureState.DONE],
                planned=states[MeasureState.PLANNED] + states[MeasureState.ORDERED],
            )
        )
    else:
        said.append(words("report.takes_no_measures"))
    return said


def _undetermined(say: Say) -> list[str]:
    lines = [one for one in say.report.schools if one.quiet.status is Status.UNDETERMINED]
    reasons: Counter[Reason] = Counter(
        line.quiet.reasons[0] for line in lines if line.quiet.reasons
    )
    if not lines or not reasons:
        return []
    reason, count = min(reasons.items(), key=lambda item: (-item[1], item[0].value))
    return [
        say.words(
            "report.takes_open",
            schools=len(lines),
            reason=say.words(f"reason.{reason.value}"),
            n=count,
        )
    ]


def blocks(say: Say) -> list[Element]:
    """The ministry's four blocks (様式の 4 項目), in its order."""
    words, part = say.words, say.report.programme
    identify = [
        words(
            "report.block_2_1_text",
            sample_done=part.sample_identified,
            sample=part.sample,
            desk_done=part.desk_identified,
            desk=part.desk,
            deadline=say.deadline(part),
        ).strip()
    ]
    if part.identification or part.unplanned:
        months = say.months(part.identification, part.unplanned)
        identify.append(words("report.block_2_1_plan", months=months))
    else:
        identify.append(words("report.block_2_1_done"))
    if part.improvement or part.improvement_unplanned:
        months = say.months(part.improvement, part.improvement_unplanned)
        improve = words("report.block_2_2_text", done=part.improved_schools, months=months)
    else:
        improve = words("report.block_2_2_none", done=part.improved_schools)
    return [
        heading(words("report.blocks"), 1, new_page=True),
        heading(words("report.block_1"), 2),
        *(paragraph(text) for text in _block_1(say.report, say)),
        heading(words("report.block_2_1"), 2),
        *(paragraph(text) for text in identify),
        heading(words("report.block_2_2"), 2),
        paragraph(improve),
        heading(words("report.block_2_3"), 2),
        _solutions(say),
    ]


def _block_1(report: Report, say: Say) -> list[str]:
    words, city, survey = say.words, report.city, report.baseline
    now = words(
        "report.block_1_text",
        met=city.met,
        total=city.schools,
        share=fmt.percent(city.met, city.schools),
        week=say.week(report.week),
        runs=f"{report.method.quiet_runs:,}",
    )
    if survey is None:
        return [now, words("report.block_1_no_survey")]
    separator = words("site.separator")
    then = words(
        "report.block_1_survey",
        met=survey.met,
        total=survey.surveyed,
        share=fmt.percent(survey.met, survey.surveyed),
        dates=separator.join(survey.dates),
        sources=separator.join(survey.sources),
    )
    return [now, then]


def _solutions(say: Say) -> Element:
    words = say.words
    clear = [one for one in say.report.findings if one.confirmed]
    if not clear:
        return paragraph(words("report.block_2_3_none"))
    return table(
        [
            column(words("report_column.finding"), 3),
            column(words("report_column.schools"), number=True),
            column(words("report_column.measures"), 3),
            column(words("report_column.schedule"), 2),
        ],
        [
            [
                say.finding(one.finding_id),
                f"{len(one.confirmed)}",
                say.some([say.measure(measure) for measure in one.measures], 4),
                say.span(one.first_on, one.last_on),
            ]
            for one in clear
        ],
        label=words("report.block_2_3"),
    )
