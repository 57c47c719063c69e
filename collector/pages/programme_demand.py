"""The page of a what-if: whether each line carries a lesson, and how many devices at once."""

from collections import Counter
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.judge.model import Figure
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme.plans.demand import Answer, Demand, DevicesFrom, Lesson
from collector.programme.plans.demand_file import load_lessons
from collector.programme.plans.read_demand import demands
from collector.programme.plans.relations import number_text
from collector.views import SchoolRow

PATH: Final = "/programme/demand"
LEAST_SHARE_DIGITS: Final = 9
"""Places after the point: 1e-999999999 as a fraction takes a processor for hours."""


class DemandPages:
    """The route."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._sources = sources
        self._answers = answers
        self._lessons = load_lessons()

    def router(self) -> APIRouter:
        """Make the route."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.listing)
        return routes

    def listing(self, request: Request) -> Response:
        """Show what a lesson asks of each school."""
        words, asked, shown = words_of(request), request.query_params, self._sources.shown
        lessons = self._lessons
        lesson = lessons.find(cut(asked.get("lesson", ""))) or lessons.lessons[0]
        share = _share(asked.get("concurrency", ""))
        concurrency = share or lessons.usual_concurrency
        figure = Figure.LESSON if asked.get("figure") == Figure.LESSON.value else Figure.QUIET
        week = shown.week()
        found = demands(
            self._sources.store,
            self._sources.criteria,
            self._sources.calendars,
            lesson,
            concurrency=concurrency,
            figure=figure,
            week=week,
            simulated=shown.simulated(),
            now=shown.now(),
        )
        counted = Counter(one.answer for _, one in found)
        values = {
            "lessons": [(one.lesson_id, _name(words, one)) for one in lessons.lessons],
            "lesson": lesson.lesson_id,
            "name": _name(words, lesson),
            "rate": _rate(words, lesson),
            "source": lesson.source,
            "published": fmt.day(words, lesson.published_on),
            "confirmed": lesson.confirmed,
            "concurrency": number_text(concurrency),
            "wrong": bool(asked.get("concurrency")) and share is None,
            "figure": figure.value,
            "figures": [(one.value, words(f"figure.{one.value}")) for one in Figure],
            "week": fmt.week_name(words, str(week)),
            "counts": [(answer.value, counted[answer]) for answer in Answer],
            "rows": [_row(words, root_of(request), row, one) for row, one in found],
        }
        return self._answers.page(request, "programme_demand.html", values)


def _row(words: Words, root: str, row: SchoolRow, one: Demand) -> dict[str, object]:
    capacity = one.capacity
    measured = fmt.mbps(words, capacity.median_bps)
    interval = fmt.mbps_range(words, capacity.low_bps, capacity.high_bps)
    if interval and capacity.high_open:
        interval = words("demand.or_more", interval=interval)
    return {
        "name": row.school.name,
        "url": f"{root}/schools/{quote(row.school.code, safe='')}",
        "devices": words(
            "demand.devices_fact" if one.devices_from is DevicesFrom.FACT else "demand.devices",
            n=f"{one.devices:,}",
        ),
        "at_once": f"{one.at_once:,}",
        "down": fmt.mbps(words, one.down_bps),
        "up": "" if one.up_bps is None else fmt.mbps(words, one.up_bps),
        "measured": measured,
        "interval": interval,
        "runs": capacity.runs,
        "upload": ""
        if one.upload is None
        else fmt.mbps_range(words, one.upload.low_bps, one.upload.high_bps)
        or words("value.not_measured"),
        "answer": one.answer.value,
        "why": words(f"demand_why.{one.why.value}"),
        "carries": _carries(words, one),
    }


def _carries(words: Words, one: Demand) -> str:
    if one.carries_low is None:
        return "—"
    if one.carries_high is None:
        return words("demand.at_least", low=f"{one.carries_low:,}")
    return words("demand.carries", low=f"{one.carries_low:,}", high=f"{one.carries_high:,}")


def _rate(words: Words, lesson: Lesson) -> str:
    down = number_text(lesson.down_mbps)
    if lesson.up_mbps is None:
        return words("demand.rate", down=down)
    return words("demand.rate_both", down=down, up=number_text(lesson.up_mbps))


def _name(words: Words, lesson: Lesson) -> str:
    return lesson.name[0] if words.language == "ja" else lesson.name[1]


def _share(text: str) -> Fraction | None:
    try:
        share = Decimal(text[:12])
    except InvalidOperation:
        return None
    usable = share.is_finite() and 0 < share <= 1 and share.adjusted() >= -LEAST_SHARE_DIGITS
    return Fraction(share) if usable else None
