"""The table for the ministry's survey, to download."""

from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from collector.pages.answer import HEADERS, Answers, words_of
from collector.pages.ministry_table import FORMATS, MEDIA_TYPES, file_bytes, file_name
from collector.pages.sources import PageSources
from collector.programme.ministry import ministry_table


class MinistryPages:
    """The route."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._sources = sources
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the route."""
        routes = APIRouter(include_in_schema=False)
        routes.get("/programme/survey-table")(self.download)
        return routes

    def download(self, request: Request) -> Response:
        """Give the table as ``format=xlsx`` (default) or ``csv``."""
        words, sources = words_of(request), self._sources
        form = request.query_params.get("format", FORMATS[0])
        if form not in FORMATS:
            return self._answers.missing(request, words("ministry.no_format"))
        table = ministry_table(sources.store, sources.criteria, sources.calendars, sources.shown)
        name = quote(file_name(table, form))
        return Response(
            file_bytes(words, table, form),
            media_type=MEDIA_TYPES[form],
            headers=HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'},
        )
