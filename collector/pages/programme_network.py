"""The page of what the network tells the plans: the administration system, and days of updates."""

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.compliance import city_view
from collector.judge.statistics import MedianInterval
from collector.pages import format as fmt
from collector.pages.answer import Answers, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme.plans.adopted import adopted
from collector.programme.plans.cloud import Cloud, CloudFigures
from collector.programme.plans.read import clouds_of
from collector.programme.plans.read_demand import update_days
from collector.programme.plans.update_days import DAYS_EACH, MIN_RELEASES, SchoolRatio

PATH: Final = "/programme/network"
WEEKS: Final = 13
SHOWN: Final = 20


class NetworkPages:
    """The route."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._sources = sources
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the route."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.listing)
        return routes

    def listing(self, request: Request) -> Response:
        """Show both."""
        words, sources, shown = words_of(request), self._sources, self._sources.shown
        week, simulated = shown.week(), shown.simulated()
        plans = adopted(sources.store)
        clouds: dict[str, Cloud] = {}
        if plans is not None:
            view = city_view(
                sources.store,
                sources.criteria,
                sources.calendars,
                week=week,
                simulated=simulated,
                now=shown.now(),
            )
            clouds = clouds_of(sources.store, plans, view)
        updates = update_days(
            sources.store, sources.calendars, until=week.end, weeks=WEEKS, simulated=simulated
        )
        names = {school.code: school.name for school in sources.store.schools()}
        root = root_of(request)
        values = {
            "week": fmt.week_name(words, str(week)),
            "clouds": [_cloud(words, root, names, one) for one in clouds.values()],
            "days": [fmt.day(words, day) for day in updates.days],
            "releases": updates.releases,
            "least_releases": MIN_RELEASES,
            "days_each": DAYS_EACH,
            "weeks": WEEKS,
            "effect": updates.effect.value,
            "ratio": _ratio(words, updates.ratio),
            "schools": [_school(words, root, names, one) for one in updates.schools[:SHOWN]],
        }
        return self._answers.page(request, "programme_network.html", values)


def _cloud(words: Words, root: str, names: dict[str, str], one: Cloud) -> dict[str, object]:
    worst = sorted(
        one.schools.items(),
        key=lambda item: (
            item[1].reached_percent or 0,
            -(item[1].response.median if item[1].response else 0.0),
            item[0],
        ),
    )
    return {
        "target": one.target,
        "city": _figures(words, one.city),
        "schools": [
            {"name": names.get(code, code), "url": f"{root}/schools/{quote(code, safe='')}"}
            | _figures(words, figures)
            for code, figures in worst[:SHOWN]
        ],
    }


def _figures(words: Words, one: CloudFigures) -> dict[str, object]:
    interval = ""
    if one.response is not None and one.response.low is not None and one.response.high is not None:
        interval = words(
            "network.interval",
            low=fmt.milliseconds(words, one.response.low),
            high=fmt.milliseconds(words, one.response.high),
        )
    return {
        "tests": one.tests,
        "reached": fmt.percent(one.reached, one.tests),
        "response": fmt.milliseconds(words, None if one.response is None else one.response.median),
        "interval": interval,
    }


def _school(words: Words, root: str, names: dict[str, str], one: SchoolRatio) -> dict[str, object]:
    return {
        "name": names.get(one.school_code, one.school_code),
        "url": f"{root}/schools/{quote(one.school_code, safe='')}",
        "on_update": fmt.mbps(words, one.update_bps),
        "update_results": one.update_results,
        "on_other": fmt.mbps(words, one.other_bps),
        "other_results": one.other_results,
        "change": _change(words, one.ratio),
    }


def _ratio(words: Words, ratio: MedianInterval | None) -> str:
    if ratio is None:
        return words("value.not_measured")
    median = _change(words, ratio.median)
    if ratio.low is None or ratio.high is None:
        return median
    return words(
        "network.ratio",
        median=median,
        low=_change(words, ratio.low),
        high=_change(words, ratio.high),
        n=ratio.values,
    )


def _change(words: Words, ratio: float) -> str:
    """A ratio as a change in per cent with one decimal and its sign; nothing has none."""
    percent = round((ratio - 1) * 100, 1)
    sign = "" if not percent else "+" if percent > 0 else "\N{MINUS SIGN}"
    return words("value.percent_change", number=f"{sign}{abs(percent):,.1f}")
