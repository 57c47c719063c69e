"""The page of spreadsheets: tables out as CSV and XLSX, and in again."""

import posixpath
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.operators.forms import form_of
from collector.operators.multipart import files_of
from collector.operators.signed_in import actor_of
from collector.pages.answer import Answers, cut, words_of
from collector.pages.sources import PageSources
from collector.programme.exchange.files import SHEETS, SheetName, export_file, import_file
from collector.programme.exchange.write import Format
from collector.schools.table import ImportRefused

_PATH: Final = "/programme/spreadsheets"
MISTAKES_SHOWN: Final = 50


class SpreadsheetPages:
    """The routes: files out for viewers, in for operators."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._store = sources.store
        self._clock = sources.clock
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(_PATH)(self.show)
        routes.post(_PATH)(self.take)
        routes.get(f"{_PATH}/{{name}}")(self.give)
        return routes

    def show(self, request: Request) -> Response:
        """Show what can go out and come in."""
        return self._page(request)

    def give(self, request: Request, name: str) -> Response:
        """Give a table as a file."""
        stem, suffix = posixpath.splitext(name)
        form = suffix.removeprefix(".")
        if stem not in set(SheetName) or form not in set(Format):
            return self._answers.missing(request, words_of(request)("assessment.no_such_file"))
        raw = export_file(self._store, SheetName(stem), Format(form))
        headers = {"Content-Disposition": f'attachment; filename="{stem}.{form}"'}
        return Response(raw, media_type=Format(form).media_type, headers=headers)

    def take(self, request: Request) -> Response:
        """Take a table in."""
        words, form = words_of(request), form_of(request)
        files, table = files_of(form, "file"), form.get("table", "")
        if len(files) != 1 or table not in set(SheetName):
            return self._page(request, problems=[words("spreadsheets.no_file")], status=422)
        name = cut(files[0].file_name) or "file"
        try:
            taken = import_file(
                self._store,
                SheetName(table),
                files[0].content,
                name,
                actor_of(request),
                self._clock.now(),
            )
        except ImportRefused as refused:
            problems = [str(one) for one in refused.mistakes]
            return self._page(request, problems=problems, status=422)
        said = words(
            "spreadsheets.taken", changed=len(taken.changed), unchanged=taken.unchanged_count
        )
        return self._page(request, said=said)

    def _page(
        self,
        request: Request,
        *,
        problems: "list[str] | tuple[str, ...]" = (),
        said: str = "",
        status: int = 200,
    ) -> Response:
        values = {
            "tables": [(name.value, SHEETS[name]) for name in SheetName],
            "formats": [form.value for form in Format],
            "problems": problems[:MISTAKES_SHOWN],
            "more": max(0, len(problems) - MISTAKES_SHOWN),
            "said": said,
        }
        return self._answers.page(request, "programme_spreadsheets.html", values, status)
