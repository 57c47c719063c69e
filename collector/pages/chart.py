"""Data of the chart of one school, and the same by day for those who read tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from collector.judge.calendar import Window
from collector.judge.model import Requirement
from collector.judge.week import local
from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.pages.results import median_bps
from collector.views import Point

Column = list[float | None]
FAILURES: Final = frozenset({"failed", "invalid"})
"""Outcomes that are failures. A test that was put off is none, nor is one of the upload alone."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the table."""

    label: str
    quiet: str
    lesson: str
    failed: str


def chart_data(
    words: Words, points: Sequence[Point], requirement: Requirement
) -> Mapping[str, object]:
    """Give the columns of the chart: times in Unix seconds, speeds in bit/s, None for no point.

    A failed test has a time and no speed: it is drawn as a cross in a strip of its own, never
    as 0.
    """
    columns: dict[str, Column] = {"quiet": [], "lesson": [], "other": []}
    failed: list[str | None] = []
    drawn = [point for point in points if measured(point) or point.outcome in FAILURES]
    for point in drawn:
        ok = measured(point)
        for name, column in columns.items():
            column.append(point.download_bps if ok and _series(point) == name else None)
        failed.append(None if ok else words.either(f"failure.{point.failure_code}", _UNKNOWN))
    return {
        "x": [round(point.started_at.timestamp()) for point in drawn],
        **columns,
        "failed": failed,
        "required": requirement.required_bps,
        "upper": requirement.upper_bps,
        "labels": {
            name: words(f"school.series_{name}")
            for name in ("quiet", "lesson", "other", "failed", "required", "upper")
        },
        "language": words.language,
    }


def measured(point: Point) -> bool:
    """Say whether a test came to a download speed."""
    return point.outcome == "ok" and point.download_bps is not None


def by_day(words: Words, points: Sequence[Point]) -> list[Day]:
    """Median of each day and window, newest day first."""
    days: dict[date, list[Point]] = defaultdict(list)
    for point in points:
        days[local(point.started_at).date()].append(point)
    return [
        Day(
            fmt.day(words, day),
            _median(words, days[day], Window.QUIET),
            _median(words, days[day], Window.LESSON),
            str(sum(point.outcome in FAILURES for point in days[day])),
        )
        for day in sorted(days, reverse=True)
    ]


def summary(words: Words, points: Sequence[Point], requirement: Requirement) -> str:
    """Say in one sentence what the chart shows; empty where there is nothing."""
    if not points:
        return ""
    series = [_series(point) for point in points if measured(point)]
    return words(
        "school.chart_summary",
        start=fmt.day(words, local(points[0].started_at).date()),
        end=fmt.day(words, local(points[-1].started_at).date()),
        quiet=series.count("quiet"),
        lesson=series.count("lesson"),
        failed=sum(point.outcome in FAILURES for point in points),
        required=fmt.required(words, requirement.required_bps, requirement.upper_bps),
    )


_UNKNOWN = "failure.unknown"


def _series(point: Point) -> str:
    return point.window.value if point.window in (Window.QUIET, Window.LESSON) else "other"


def _median(words: Words, points: Sequence[Point], window: Window) -> str:
    bps = median_bps(
        point.download_bps
        for point in points
        if point.window is window and point.outcome == "ok" and point.download_bps is not None
    )
    if bps is not None:
        return fmt.mbps(words, bps)
    return f"{words('site.none')} {words('value.not_measured')}"
