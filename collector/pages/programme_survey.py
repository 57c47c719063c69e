"""Pages of the desk survey: the city's matrix, one school with its decisions, the catalogue."""

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.operators.forms import Form, form_of
from collector.operators.signed_in import actor_of
from collector.pages import format as fmt
from collector.pages import survey_view
from collector.pages.answer import HEADERS, Answers, cut, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme.cells import csv_bytes
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.model import Decision, EditedMeanwhile, Grade
from collector.programme.survey_change import (
    MAX_EVIDENCE,
    Author,
    DecisionRefused,
    JudgedOtherwise,
    Wanted,
    confirm_school,
    decide_findings,
    fingerprint,
)
from collector.programme.survey_state import (
    Catalogues,
    CitySurvey,
    SchoolSurvey,
    city_survey,
    counts,
)
from collector.programme.survey_table import survey_sheet

ONLY: Final = ("open", "contradictions", "unexplained", "sample")


class SurveyPages:
    """The routes: reading for viewers, deciding for operators."""

    def __init__(
        self, sources: PageSources, answers: Answers, catalogues: Catalogues | None = None
    ) -> None:
        self._sources = sources
        self._answers = answers
        facts = load_facts() if catalogues is None else catalogues.facts
        self._catalogues = catalogues or Catalogues(
            facts=facts, findings=load_findings(None, facts)
        )

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/programme/survey")(self.city)
        routes.get("/programme/survey.csv")(self.export)
        routes.get("/programme/findings")(self.findings)
        routes.get("/schools/{code}/survey")(self.school)
        routes.post("/schools/{code}/survey")(self.change)
        return routes

    def city(self, request: Request) -> Response:
        """Show the matrix, contradictions first."""
        words, asked, survey = words_of(request), request.query_params, self._survey()
        wanted = survey_view.Wanted(
            q=cut(asked.get("q", "").strip()),
            only=asked.get("only", "") if asked.get("only") in ONLY else "",
            region=cut(asked.get("region", "")),
            finding=cut(asked.get("finding", "")),
        )
        findings = survey.catalogues.findings
        values = {
            "done": sum(one.surveyed for one in survey.others),
            "total": len(survey.others),
            "contradictions": survey_view.contradictions(words, survey),
            "unexplained": [one.school for one in survey.schools if one.unexplained],
            "rows": survey_view.matrix(words, survey, wanted),
            "findings": [(key, it.names[words.language]) for key, it in findings.items()],
            "marks": survey_view.marks(words),
            "regions": sorted({one.school.region for one in survey.schools}),
            "only": ONLY,
            "wanted": wanted,
        }
        return self._answers.page(request, "programme_survey.html", values)

    def export(self, request: Request) -> Response:
        """Give the whole survey as CSV."""
        sheet = survey_sheet(self._survey(), words_of(request).language)
        headers = HEADERS | {"Content-Disposition": 'attachment; filename="survey.csv"'}
        return Response(csv_bytes(sheet), media_type="text/csv; charset=utf-8", headers=headers)

    def findings(self, request: Request) -> Response:
        """Show the catalogue with its counts."""
        words, survey = words_of(request), self._survey()
        found = [survey_view.catalogue_line(words, survey, one) for one in counts(survey)]
        return self._answers.page(request, "programme_findings.html", {"findings": found})

    def school(self, request: Request, code: str) -> Response:
        """Show a school's findings with their evidence."""
        return self._school(request, code)

    def change(self, request: Request, code: str) -> Response:
        """Keep decisions, or confirm the survey of the school."""
        words, given, survey = words_of(request), form_of(request), self._survey()
        one = survey.school(code)
        if one is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        author = Author(actor_of(request), self._sources.clock.now())
        try:
            if given.get("do") == "confirm":
                version = _version(given, "progress_version")
                note = given.get("note", "").strip()
                kept = confirm_school(
                    self._sources.store,
                    one.judgements,
                    version,
                    author,
                    note,
                    given.get("shown", ""),
                )
                said = words("survey.confirmed", n=len(kept.decided), open=len(kept.open))
            else:
                wanted = _wanted(given, one, words)
                findings = self._catalogues.findings
                decide_findings(self._sources.store, findings, code, wanted, author)
                key = "survey.kept" if wanted else "survey.nothing_kept"
                said = words(key, n=len(wanted))
        except DecisionRefused as refused:
            return self._school(request, code, problem=str(refused), given=given, status=422)
        except (EditedMeanwhile, JudgedOtherwise) as refused:
            edited = isinstance(refused, EditedMeanwhile)
            problem = words("survey.meanwhile" if edited else "survey.judged_otherwise")
            return self._school(request, code, problem=problem, given=given, status=409)
        return self._school(request, code, said=said)

    def _survey(self) -> CitySurvey:
        sources = self._sources
        return city_survey(sources.store, sources.criteria, self._catalogues, sources.shown)

    def _school(
        self,
        request: Request,
        code: str,
        *,
        said: str = "",
        problem: str = "",
        given: Form | None = None,
        status: int = 200,
    ) -> Response:
        words, survey = words_of(request), self._survey()
        one = survey.school(code)
        if one is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        progress = one.progress
        values = {
            "school": one.school,
            "code_url": quote(one.school.code, safe=""),
            "row": survey_view.row(words, one),
            "lines": survey_view.lines(words, survey, one),
            "unexplained": one.unexplained,
            "surveyed": ""
            if progress is None or not one.surveyed
            else words(
                "survey.confirmed_already",
                state=words(f"progress_state.{progress.state.value}"),
                day=fmt.day(words, progress.since_on),
            ),
            "shown": fingerprint(one.judgements),
            "progress_version": 0 if progress is None else progress.version,
            "decisions": [it.value for it in Decision],
            "grades": [it.value for it in Grade],
            "most": MAX_EVIDENCE,
            "said": said,
            "problem": problem,
            "given": given,
        }
        return self._answers.page(request, "school_survey.html", values, status)


def _wanted(given: Form, one: SchoolSurvey, words: Words) -> list[Wanted]:
    """Read the decisions of a form: those that were chosen. Raises DecisionRefused."""
    found = []
    for finding_id in one.judgements:
        choice = given.get(f"decision.{finding_id}", "")
        if not choice:
            continue
        try:
            decision = Decision(choice)
            grade = Grade(given.get(f"grade.{finding_id}", ""))
        except ValueError:
            allowed = ", ".join(it.value for it in (*Decision, *Grade))
            raise DecisionRefused(
                f"{finding_id}: found {choice[:20]!r}, allowed is {allowed}"
            ) from None
        if not given.get(f"evidence.{finding_id}", "").strip():
            raise DecisionRefused(words("survey.evidence_missing"))
        found.append(
            Wanted(
                finding_id=finding_id,
                decision=decision,
                grade=grade,
                evidence=given.get(f"evidence.{finding_id}", "").strip(),
                version=_version(given, f"version.{finding_id}"),
            )
        )
    return found


def _version(given: Form, field: str) -> int:
    text = given.get(field, "")
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise DecisionRefused(f"{field}: found {text[:20]!r}, allowed is the number on the page")
