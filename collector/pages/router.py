"""The pages over HTTP: addresses, language, headers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from collector.pages.city import city_page
from collector.pages.i18n import LANGUAGES, Words, phrases, words
from collector.pages.listing import Filter
from collector.pages.school import school_page
from collector.pages.sources import CITY_NAME, NoSuchWeek, PageSources, frame

HERE: Final = Path(__file__).resolve().parent
COOKIE: Final = "hakaru_language"
YEAR_SECONDS: Final = 365 * 86_400
MAX_QUERY_CHARACTERS: Final = 60
HEADERS: Final = {
    # nothing from elsewhere, nothing inline: a school's name can never become a script
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
}


def attach(app: FastAPI, sources: PageSources) -> None:
    """Serve the pages and their static files from ``app``."""
    app.mount("/static", _Static(directory=HERE / "static"), name="static")
    app.include_router(router(sources))


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


def router(sources: PageSources) -> APIRouter:
    """Make the routes ``/`` and ``/schools/{code}``."""
    templates = environment()
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.get("/")
    def city(request: Request) -> HTMLResponse:
        """Show the city."""
        text = _words(request)
        asked = request.query_params
        try:
            shown = frame(sources, text, asked.get("week", ""))
        except NoSuchWeek as error:
            return missing(request, text("error.no_week", week=_cut(str(error))))
        wanted = Filter(
            q=_cut(asked.get("q", "").strip()),
            status=_cut(asked.get("status", "")),
            region=_cut(asked.get("region", "")),
            band=_cut(asked.get("band", "")),
            sample=asked.get("sample") == "1",
            sort=_cut(asked.get("sort", "school")),
            descending=asked.get("order") == "desc",
        )
        page = city_page(sources, text, shown, wanted, _root(request))
        return answer(request, "city.html", {"page": page, "filter": wanted})

    @routes.get("/schools/{code}")
    def school(request: Request, code: str) -> HTMLResponse:
        """Show one school."""
        text = _words(request)
        try:
            shown = frame(sources, text, request.query_params.get("week", ""))
        except NoSuchWeek as error:
            return missing(request, text("error.no_week", week=_cut(str(error))))
        page = school_page(sources, text, shown, code, _root(request))
        if page is None:
            return missing(request, text("error.no_school", code=_cut(code)))
        return answer(request, "school.html", {"page": page})

    def missing(request: Request, message: str) -> HTMLResponse:
        return answer(request, "error.html", {"message": message}, status=404)

    def answer(
        request: Request, template: str, values: Mapping[str, object], status: int = 200
    ) -> HTMLResponse:
        text = _words(request)
        store = sources.store
        city_name = store.setting(CITY_NAME.format(language=text.language))
        body = templates.get_template(template).render(
            t=text,
            languages=[(code, words(code)(_LANGUAGE_NAMES[code])) for code in LANGUAGES],
            language_url=lambda code: _with_language(request, code),
            root=_root(request),
            simulated_city=sources.shown.simulated(),
            city_name=city_name or text("site.default_city"),
            **values,
        )
        response = HTMLResponse(body, status_code=status, headers=HEADERS)
        response.headers["Content-Language"] = text.language
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie(
                COOKIE, text.language, max_age=YEAR_SECONDS, httponly=True, samesite="lax"
            )
        return response

    return routes


def environment() -> Environment:
    """Make the template environment: everything is escaped, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["phrases"] = phrases
    return made


_LANGUAGE_NAMES: Final = {"ja": "site.japanese", "en": "site.english"}


def _words(request: Request) -> Words:
    asked = request.query_params.get("lang")
    return words(asked if asked in LANGUAGES else request.cookies.get(COOKIE, LANGUAGES[0]))


def _with_language(request: Request, code: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return "?" + urlencode([*kept, ("lang", code)])


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def _cut(text: str) -> str:
    return text[:MAX_QUERY_CHARACTERS]
