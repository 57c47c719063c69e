"""The page of one stored measurement: what evidence links to."""

import json
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.results import result_line
from collector.pages.sources import PageSources
from collector.store import rows_results
from collector.store.interface import StoredResult
from wire.codec import Refused, decode
from wire.measurement import Json

MOST_CHARACTERS: Final = 20_000
"""Of one value that holds many: a report of a large switch is longer."""


def router(sources: PageSources, answers: Answers) -> APIRouter:
    """Make the route."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    store = sources.store

    @routes.get("/schools/{code}/results/{result_id}")
    def result(request: Request, code: str, result_id: str) -> HTMLResponse:
        """Show one measurement of a school with all its values."""
        text = words_of(request)
        school = store.school(code)
        if school is None:
            return answers.missing(request, text("error.no_school", code=cut(code)))
        found = store.read(lambda sql: rows_results.by_id(sql, code, result_id))
        if found is None:
            return answers.missing(request, text("one_result.none", id=cut(result_id)))
        values = {
            "name": school.name,
            "school_url": f"{root_of(request)}/schools/{quote(code, safe='')}",
            "result": found,
            "line": result_line(text, found),
            "tables": list(_tables(text, found)),
        }
        return answers.page(request, "result.html", values)

    return routes


def _tables(text: Words, found: StoredResult) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
    """Headings with their rows: name, value, whether the value is of several lines."""
    try:
        record = decode(found.record)
    except Refused:
        return  # stored by another release; its columns are shown all the same
    for title, values in (
        (text("one_result.values"), record.values),
        (text("one_result.context"), record.context),
    ):
        if values:
            yield title, list(_rows(values))


def _rows(values: Mapping[str, Json]) -> Iterator[tuple[str, str, bool]]:
    for name, value in sorted(values.items()):
        several = isinstance(value, dict | list | tuple | Mapping)
        told = json.dumps(value, ensure_ascii=False, indent=2, default=dict)
        if isinstance(value, str):
            told = value
        yield name, told[:MOST_CHARACTERS] + ("…" if len(told) > MOST_CHARACTERS else ""), several
