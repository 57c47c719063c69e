"""The page of a school's network: drawing, devices, ports, what changed, edits by hand, files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.operators.forms import Form, form_of
from collector.operators.signed_in import actor_of, signed_in
from collector.pages import format as fmt
from collector.pages.answer import HEADERS, Answers, cut, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.pages.topology_changes import change_lines
from collector.pages.topology_drawing import drawing
from collector.pages.topology_forms import edit_asked, forms, refusal_text, version_seen
from collector.pages.topology_ports import ports_part
from collector.pages.topology_view import (
    device_lines,
    link_lines,
    silent_strangers,
    summary,
)
from collector.programme.model import EditedMeanwhile
from collector.schools.model import School
from collector.store.sql import Sql
from collector.topology import export, rows
from collector.topology.change import change
from collector.topology.edits import Edits
from collector.topology.model import Role, Topology
from collector.topology.refusal import EditRefused
from collector.topology.rows import Kept, Silence
from collector.topology.weekly import Compared, compared, network
from collector.topology.withheld import changes_withheld, withheld

PATH: Final = "/schools/{code}/network"
FILES: Final[Mapping[str, str]] = {
    "network.json": "application/json",
    "network.graphml": "application/xml",
    "devices.csv": "text/csv; charset=utf-8",
    "links.csv": "text/csv; charset=utf-8",
    "ports.csv": "text/csv; charset=utf-8",
    "changes.csv": "text/csv; charset=utf-8",
}
"""What can be downloaded, with its media type."""
_MARK: Final = "\N{BYTE ORDER MARK}"
"""Spreadsheets read a CSV file as UTF-8 only with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What a page or a file is made of, as its reader may see it."""

    topology: Topology
    kept: Kept
    silent: Mapping[str, Silence]
    """By id of the device."""
    weeks: Compared | None


class TopologyPages:
    """The routes: reading for viewers, editing for operators."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._sources = sources
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.page)
        routes.post(PATH)(self.change)
        routes.get(PATH + "/{name}")(self.file)
        return routes

    def page(self, request: Request, code: str) -> Response:
        """Show the network."""
        return self._page(request, code)

    def change(self, request: Request, code: str) -> Response:
        """Keep an edit; one that is refused stays in its form."""
        words, given, store = words_of(request), form_of(request), self._sources.store
        if store.school(code) is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        now = self._sources.clock.now()
        try:
            seen = version_seen(given)
            standing = store.read(lambda sql: rows.edits(sql, code)).edits
            edit, what = edit_asked(given, standing)
            change(store, code, edit, what, actor_of(request), now, seen)
        except EditRefused as refused:
            problem = refusal_text(words, refused)
            return self._page(request, code, problem=problem, given=given, status=422)
        except EditedMeanwhile:
            kept = store.read(lambda sql: rows.edits(sql, code))
            problem = words("topology.meanwhile", last=_last(words, kept))
            return self._page(request, code, problem=problem, given=given, status=409)
        return self._page(request, code, said=words("topology.kept"))

    def file(self, request: Request, code: str, name: str) -> Response:
        """Give one file of :data:`FILES`."""
        words = words_of(request)
        if self._sources.store.school(code) is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        if name not in FILES:
            allowed = words("site.separator").join(FILES)
            return self._answers.missing(request, words("topology.no_file", allowed=allowed))
        text = _written(name, self._read(request, code))
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(text.encode(), media_type=FILES[name], headers=headers)

    def _read(self, request: Request, code: str) -> _Read:
        shown = self._sources.shown
        simulated, now = shown.simulated(), shown.now()

        def work(sql: Sql) -> _Read:
            topology, kept = network(sql, code, now, simulated=simulated)
            asked = rows.silent(sql, code, now, simulated=simulated)
            silent = {f"address:{one.target}": one for one in asked}
            weeks = compared(sql, code, simulated=simulated)
            return _Read(topology=topology, kept=kept, silent=silent, weeks=weeks)

        found = self._sources.store.read(work)
        return found if signed_in(request) is not None else _withheld(found)

    def _page(
        self,
        request: Request,
        code: str,
        *,
        said: str = "",
        problem: str = "",
        given: Form | None = None,
        status: int = 200,
    ) -> Response:
        words, school = words_of(request), self._sources.store.school(code)
        if school is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        found = self._read(request, code)
        values = self._values(request, words, school, found, given)
        values |= {"said": said, "problem": problem}
        return self._answers.page(request, "school_network.html", values, status)

    def _values(
        self, request: Request, words: Words, school: School, found: _Read, given: Form | None
    ) -> dict[str, object]:
        topology, asked = found.topology, request.query_params
        return {
            "school": school,
            "code_url": quote(school.code, safe=""),
            "summary": summary(words, topology),
            "drawing": drawing(words, topology) if topology.devices else None,
            "devices": device_lines(words, topology, found.silent, self._sources.shown.now()),
            "strangers": silent_strangers(words, list(found.silent.values())),
            "links": link_lines(words, topology),
            "ports": ports_part(
                words,
                topology,
                device=_number(asked.get("device", "")),
                page=_number(asked.get("page", "")) or 1,
            ),
            "ports_left_off": topology.ports_left_off_count,
            "compared": change_lines(words, found.weeks),
            "files": list(FILES),
            "staff": signed_in(request) is not None,
            "forms": forms(
                words,
                topology,
                found.kept.edits,
                found.kept.version,
                correct=asked.get("correct", ""),
                given=given,
            ),
            "roles": [one.value for one in Role],
            "last": _last(words, found.kept),
        }


def _withheld(found: _Read) -> _Read:
    weeks = found.weeks
    if weeks is not None:
        weeks = Compared(
            before=weeks.before, after=weeks.after, changes=changes_withheld(weeks.changes)
        )
    topology = withheld(found.topology)
    silent = {
        shown.id: found.silent[known.id]
        for shown, known in zip(topology.devices, found.topology.devices, strict=True)
        if known.id in found.silent
    }
    kept = Kept(edits=Edits(), version=found.kept.version)
    return _Read(topology=topology, kept=kept, silent=silent, weeks=weeks)


def _written(name: str, found: _Read) -> str:
    if name == "network.json":
        return export.as_json(found.topology)
    if name == "network.graphml":
        return export.as_graphml(found.topology)
    if name == "changes.csv":
        weeks = found.weeks
        if weeks is None:
            return _MARK + export.changes_as_csv("", "", ())
        return _MARK + export.changes_as_csv(weeks.before, weeks.after, weeks.changes)
    return _MARK + export.as_csv(found.topology, name.removesuffix(".csv"))


def _last(words: Words, kept: Kept) -> str:
    if kept.changed_at is None:
        return ""
    return words(
        "topology.last_edit",
        version=kept.version,
        time=fmt.moment(words, kept.changed_at),
        who=kept.changed_by,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
