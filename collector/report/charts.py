"""The charts of the report as numbers: PDF and HTML each draw them in their own way."""

from datetime import timedelta
from math import ceil, floor, log10
from typing import Final

from collector.judge.model import Figure
from collector.judge.week import local
from collector.pages import format as fmt
from collector.report.document_schools import Evidence, Group, SchoolLine
from collector.report.elements import Element
from collector.report.say import Say

_STATUSES: Final = ("met", "undetermined", "not_met")
_MARGIN_ENDS: Final = (-75, -50, -25, 0, 25, 50, 100)
"""Ends of the bars of the margin chart, in per cent of the required speed."""


def legend(say: Say) -> list[dict[str, str]]:
    """Each verdict with the fill that stands for it."""
    return [{"fill": one, "text": say.words(f"status.{one}")} for one in _STATUSES]


def trend(say: Say) -> Element:
    """Schools by verdict, a bar a week, with the survey as a line."""
    report, words = say.report, say.words
    baseline = None if report.baseline is None else report.baseline.met
    first, last = report.weeks[0], report.weeks[-1]
    return {
        "t": "trend",
        "title": words("report.trend"),
        "alt": words(
            "report.trend_alt",
            weeks=len(report.weeks),
            first=first.week,
            first_met=first.met,
            last=last.week,
            last_met=last.met,
            baseline=words("site.none") if baseline is None else baseline,
        ),
        "bars": [
            {
                "label": say.short_week(one.week),
                "parts": [one.met, one.undetermined, one.not_met],
            }
            for one in report.weeks
        ],
        "total": max(1, report.city.schools),
        "line": baseline,
        "line_label": "" if baseline is None else words("report.survey_line", n=baseline),
        "legend": legend(say),
    }


def bands(say: Say, labels: dict[str, str]) -> Element:
    """Schools by verdict and size band, with what the survey said."""
    groups = [group for group in say.report.bands if group.schools]
    surveyed = any(group.baseline_met is not None for group in groups)
    return {
        "t": "bands",
        "title": say.words("report.bands"),
        "alt": say.words("report.bands_alt"),
        "bars": [_band(group, labels[group.label]) for group in groups],
        "most": max((group.schools for group in groups), default=1),
        "legend": legend(say),
        "mark": say.words("report.survey_mark") if surveyed else "",
    }


def _band(group: Group, label: str) -> dict[str, object]:
    return {
        "label": label,
        "parts": [group.met, group.undetermined, group.not_met],
        "schools": group.schools,
        "mark": group.baseline_met,
    }


def margin(say: Say) -> Element:
    """How many schools are how far over or under the required speed."""
    ratios = [
        100 * line.margin_bps / line.required_bps
        for line in say.report.schools
        if line.margin_bps is not None and line.required_bps
    ]
    lows, highs = (None, *_MARGIN_ENDS), (*_MARGIN_ENDS, None)
    bars = []
    for low, high in zip(lows, highs, strict=True):
        count = sum(
            (low is None or ratio >= low) and (high is None or ratio < high) for ratio in ratios
        )
        above = low is not None and low >= 0
        bars.append({"count": count, "fill": "met" if above else "not_met"})
    return {
        "t": "margin",
        "title": say.words("report.margin"),
        "alt": say.words("report.margin_alt"),
        "bars": bars,
        "ends": [f"{end:+d}" if end else "0" for end in _MARGIN_ENDS],
        "zero": _MARGIN_ENDS.index(0),
        "most": max([1, *(int(str(bar["count"])) for bar in bars)]),
        "axis": say.words("report.margin_axis"),
        "note": say.words("report.margin_note", n=len(say.report.schools) - len(ratios)),
    }


def strip(say: Say, line: SchoolLine, evidence: Evidence) -> Element:
    """The tests of a school over the days of the week; 0..1 across, bit/s upwards."""
    start = say.report.start
    days = [local(start).date() + timedelta(days=n) for n in range(7)]
    used = max((local(one.started_at).date() for one in evidence.tests), default=days[4])
    shown = days[: max(5, days.index(used) + 1)] if used in days else days
    width = len(shown) * 86_400
    points = [
        {
            "x": (one.started_at - start).total_seconds() / width,
            "y": one.download_bps,
            "kind": "quiet" if one.window is Figure.QUIET else "lesson",
        }
        for one in evidence.tests
        if one.download_bps is not None
    ]
    highest = max([line.upper_bps or 0, *(one.download_bps or 0 for one in evidence.tests)])
    top, step = _scale(highest)
    return {
        "t": "strip",
        "alt": say.words(
            "report.strip_alt",
            name=line.name,
            n=len(points),
            required=say.speed(line.required_bps),
        ),
        "days": [
            f"{day.day}（{say.words(f'weekday.{day.weekday()}')}）"
            if say.words.language == "ja"
            else f"{say.words(f'weekday.{day.weekday()}')} {day.day}"
            for day in shown
        ],
        "points": points,
        "required": line.required_bps,
        "top": top,
        "ticks": [
            {"y": step * n, "label": fmt.mbps_number(step * n) if n else "0"}
            for n in range(floor(top / step) + 1)
        ],
    }


def _scale(highest: float) -> tuple[float, float]:
    """The end of an axis and the step of its ticks: 1, 2 or 5 times a power of ten."""
    rough = max(highest, 1e6) * 1.08 / 4
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return step * ceil(highest * 1.02 / step), step
