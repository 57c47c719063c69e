"""The page of an on-site assessment: checklist, photographs, measurements beside, decisions."""

import random
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.week import local
from collector.operators.forms import Form, form_of
from collector.operators.multipart import files_of
from collector.operators.signed_in import actor_of
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.assessment_view import assessment
from collector.pages.sources import PageSources
from collector.programme import attachment_rows
from collector.programme.attach import AttachmentRefused, Given, attach, take_away
from collector.programme.decision_change import DecisionRefused, decide
from collector.programme.fact_change import FactRefused, Noted, Visit, note_facts
from collector.programme.facts_catalogue import FactDefinition, Section, load_facts
from collector.programme.findings_catalogue import FindingDefinition, load_findings
from collector.programme.model import Decided, Decision, EditedMeanwhile, Grade

MAX_FILES_AT_ONCE: Final = 10
_FILE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class AssessmentPages:
    """The routes: reading for viewers, changing for operators."""

    def __init__(
        self,
        sources: PageSources,
        answers: Answers,
        chance: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._sources = sources
        self._store = sources.store
        self._clock = sources.clock
        self._answers = answers
        self._chance = chance

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/schools/{code}/assessment")(self.show)
        routes.post("/schools/{code}/assessment")(self.note)
        routes.post("/schools/{code}/assessment/attachments")(self.attach)
        routes.post("/schools/{code}/assessment/decisions")(self.decide)
        routes.get("/schools/{code}/attachments/{attachment_id}")(self.file)
        routes.post("/schools/{code}/attachments/{attachment_id}/remove")(self.remove)
        return routes

    def show(self, request: Request, code: str) -> Response:
        """Show the checklist of a school."""
        return self._page(request, code)

    def note(self, request: Request, code: str) -> Response:
        """Keep what was noted in one section of the checklist."""
        given = form_of(request)
        section = given.get("section", "")
        keys = [
            key
            for key, one in catalogues()[0].items()
            if one.section.value == section and one.section.is_asked
        ]
        if self._store.school(code) is None or not keys:
            return self._page(request, code, status=422)
        try:
            noted = [
                Noted(key=key, text=given.get(f"fact:{key}", ""), version=_version(given, key))
                for key in keys
                if f"fact:{key}" in given
            ]
            visit = Visit(
                school_code=code,
                grade=Grade.ON_SITE,
                source=given.get("source", ""),
                actor=actor_of(request),
                now=self._clock.now(),
            )
            note_facts(self._store, catalogues()[0], noted, visit)
        except FactRefused as refused:
            return self._page(request, code, problem=str(refused), kept=given, status=422)
        except EditedMeanwhile as edited:
            return self._meanwhile(request, code, edited, given)
        return self._back(request, code, section)

    def attach(self, request: Request, code: str) -> Response:
        """Keep photographs and documents."""
        given, words = form_of(request), words_of(request)
        files = files_of(given, "file")
        if self._store.school(code) is None or not 1 <= len(files) <= MAX_FILES_AT_ONCE:
            problem = words("assessment.no_file", most=MAX_FILES_AT_ONCE)
            return self._page(request, code, problem=problem, status=422)
        section = given.get("section", "")
        try:
            for one in files:
                sent = Given(
                    school_code=code,
                    item=section if section in set(Section) else "",
                    file_name=one.file_name,
                    content=one.content,
                    note=given.get("note", ""),
                )
                attach(self._store, sent, actor_of(request), self._clock.now(), self._chance())
        except AttachmentRefused as refused:
            return self._page(request, code, problem=str(refused), status=422)
        return self._back(request, code, "attachments")

    def decide(self, request: Request, code: str) -> Response:
        """Keep what a person decided of a finding."""
        given = form_of(request)
        finding_id = given.get("finding", "")
        try:
            new = Decided(
                school_code=code,
                finding_id=finding_id,
                decision=Decision(given.get("decision", "")),
                grade=Grade(given.get("grade", "")),
                evidence=given.get("evidence", ""),
                decided_on=date.fromisoformat(given.get("decided_on", "")),
                decided_by=actor_of(request),
                version=_version(given, "decision"),
            )
            decide(self._store, new, catalogues()[1], self._clock.now())
        except EditedMeanwhile as edited:
            return self._meanwhile(request, code, edited, given)
        except (DecisionRefused, FactRefused) as refused:
            return self._page(request, code, problem=str(refused), kept=given, status=422)
        except ValueError:
            problem = words_of(request)("assessment.bad_decision")
            return self._page(request, code, problem=problem, kept=given, status=422)
        return self._back(request, code, f"finding-{finding_id}")

    def file(self, request: Request, code: str, attachment_id: str) -> Response:
        """Give a file: to be saved, never to be run in a page."""
        found = self._store.read(lambda sql: attachment_rows.content(sql, code, attachment_id))
        if found is None:
            return self._answers.missing(request, words_of(request)("assessment.no_such_file"))
        about, content = found
        name = quote(about.file_name, safe="")
        headers = _FILE_HEADERS | {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Type": about.media_type.value,
        }
        return Response(content, headers=headers)

    def remove(self, request: Request, code: str, attachment_id: str) -> Response:
        """Delete a file."""
        done = take_away(self._store, code, attachment_id, actor_of(request), self._clock.now())
        if not done:
            return self._answers.missing(request, words_of(request)("assessment.no_such_file"))
        return self._back(request, code, "attachments")

    # --- inside -----------------------------------------------------------------------------

    def _meanwhile(
        self, request: Request, code: str, edited: EditedMeanwhile, given: Form
    ) -> Response:
        problem = words_of(request)("assessment.meanwhile", what=edited.what)
        return self._page(request, code, problem=problem, kept=given, status=409)

    def _back(self, request: Request, code: str, place: str) -> Response:
        path = f"/schools/{quote(code, safe='')}/assessment#{quote(place, safe='')}"
        return RedirectResponse(root_of(request) + path, 303)

    def _page(
        self,
        request: Request,
        code: str,
        *,
        problem: str = "",
        kept: Form | None = None,
        status: int = 200,
    ) -> Response:
        words = words_of(request)
        school = self._store.school(code)
        if school is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        facts, findings = catalogues()
        today = local(self._clock.now()).date()
        values = assessment(self._sources, words, school, (facts, findings), today, kept)
        return self._answers.page(
            request, "assessment.html", {**values, "problem": problem, "school": school}, status
        )


@cache
def catalogues() -> tuple[Mapping[str, FactDefinition], Mapping[str, FindingDefinition]]:
    """Give the packaged lists of facts and findings."""
    return load_facts(), load_findings()


def _version(given: Form, key: str) -> int:
    text = given.get(f"version:{key}", "")
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise FactRefused("version", text, "what the page gave")
