"""The pages over HTTP: their addresses."""

import os
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from collector.causes.kept import KeptCauses
from collector.judge.week import local
from collector.pages import late, result
from collector.pages.answer import HERE, Answers, cut, root_of, words_of
from collector.pages.asked_view import fresh
from collector.pages.causes_view import causes_part
from collector.pages.city import city_page
from collector.pages.fleet_view import summary
from collector.pages.listing import Filter
from collector.pages.measure_words import measures_of_school
from collector.pages.policy_view import on_school
from collector.pages.school import school_page
from collector.pages.school_network import TopologyPages
from collector.pages.segments_view import picture_of_school
from collector.pages.sources import NoSuchWeek, PageSources, frame
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import load_measures


def page_routers(sources: PageSources, answers: Answers, kept: KeptCauses) -> Iterator[APIRouter]:
    """Give the routes of what anybody who may see the city sees."""
    yield router(sources, answers, kept)
    yield late.router(sources, answers)
    yield result.router(sources, answers)
    yield TopologyPages(sources, answers).router()


def static_files() -> StaticFiles:
    """Style sheets, scripts and pictures of the pages."""
    return _Static(directory=HERE / "static")


class _Static(StaticFiles):
    """Static files, kept by browsers and asked about again each time (a release changes them)."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer as usual, with leave to keep it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def router(sources: PageSources, answers: Answers, kept: KeptCauses) -> APIRouter:
    """Make the routes ``/`` and ``/schools/{code}``."""
    definitions = load_facts()
    catalogues = definitions, load_findings(None, definitions)
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.get("/")
    def city(request: Request) -> HTMLResponse:
        """Show the city."""
        text = words_of(request)
        asked = request.query_params
        try:
            shown = frame(sources, text, asked.get("week", ""))
        except NoSuchWeek as error:
            return answers.missing(request, text("error.no_week", week=cut(str(error))))
        wanted = Filter(
            q=cut(asked.get("q", "").strip()),
            status=cut(asked.get("status", "")),
            region=cut(asked.get("region", "")),
            band=cut(asked.get("band", "")),
            sample=asked.get("sample") == "1",
            sort=cut(asked.get("sort", "school")),
            descending=asked.get("order") == "desc",
        )
        page = city_page(sources, text, shown, wanted, root_of(request))
        fleet = summary(sources.store, text, shown.now)
        values = {"page": page, "filter": wanted, "fleet": fleet}
        return answers.page(request, "city.html", values)

    @routes.get("/schools/{code}")
    def school(request: Request, code: str) -> HTMLResponse:
        """Show one school."""
        text = words_of(request)
        try:
            shown = frame(sources, text, request.query_params.get("week", ""))
        except NoSuchWeek as error:
            return answers.missing(request, text("error.no_week", week=cut(str(error))))
        page = school_page(sources, text, shown, code, root_of(request))
        if page is None:
            return answers.missing(request, text("error.no_school", code=cut(code)))
        held = on_school(text, sources.store, sources.store.school(code), sources.clock.now())
        measures = measures_of_school(text, sources.store, code)
        causes = kept.of(code, shown.now, simulated=shown.simulated)
        day = local(shown.now).date()
        picture = picture_of_school(sources, text, catalogues, code, day, causes)
        values = {
            "page": page,
            "held": held,
            "asked": fresh(text, sources.store, code, sources.clock.now(), root_of(request)),
            "code": code,
            "measures": measures,
            "picture": picture,
            "causes": causes_part(text, catalogues[1], load_measures(), causes, page.results_url),
        }
        return answers.page(request, "school.html", values)

    return routes
