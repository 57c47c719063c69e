"""The page of one school's progress: where it stands, the next step, its history."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.week import local
from collector.operators.forms import Form, form_of
from collector.operators.signed_in import actor_of
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme import progress_rows
from collector.programme.model import EditedMeanwhile, Progress, ProgressEvent, State
from collector.programme.progress_change import (
    NEXT,
    ProgressRefused,
    not_started,
    set_progress,
)


class ProgressPages:
    """The routes: reading for viewers, changing for operators."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._store = sources.store
        self._clock = sources.clock
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/schools/{code}/progress")(self.show)
        routes.post("/schools/{code}/progress")(self.change)
        return routes

    def show(self, request: Request, code: str) -> Response:
        """Show where a school stands."""
        return self._page(request, code)

    def change(self, request: Request, code: str) -> Response:
        """Change where a school stands."""
        words, given = words_of(request), form_of(request)
        try:
            new = read_form(given, code, local(self._clock.now()).date())
            set_progress(self._store, new, actor_of(request), self._clock.now())
        except ProgressRefused as refused:
            return self._page(request, code, problem=str(refused), kept=given, status=422)
        except EditedMeanwhile:
            problem = words("progress.meanwhile")
            return self._page(request, code, problem=problem, kept=given, status=409)
        back = "/programme" if given.get("then") == "city" else f"/schools/{code}/progress"
        return RedirectResponse(root_of(request) + back, 303)

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
        held, events = self._store.read(
            lambda sql: (
                progress_rows.progress(sql, code),
                progress_rows.progress_events(sql, code),
            )
        )
        today = local(self._clock.now()).date()
        now = held[0] if held else not_started(code, today)
        allowed = NEXT[now.state] | {now.state}
        values: dict[str, Any] = {
            "school": school,
            "now": now,
            "since": fmt.day(words, now.since_on) if held else "",
            "allowed": [state.value for state in State if state in allowed],
            "fields": _fields(now if held else replace(now, since_on=today), kept),
            "today": today.isoformat(),
            "history": [_event(words, one) for one in reversed(events)],
            "problem": problem,
            "edited": status == 409,
        }
        return self._answers.page(request, "school_progress.html", values, status)


def read_form(given: Form, code: str, today: date) -> Progress:
    """Read a change from its form. Raises ProgressRefused."""
    version = given.get("version", "")
    if not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise ProgressRefused("version", repr(version[:20]), "what the page gave")
    state = given.get("state", "")
    if state not in {one.value for one in State}:
        names = ", ".join(one.value for one in State)
        raise ProgressRefused("state", repr(state[:40]), f"one of {names}")
    return Progress(
        school_code=code,
        state=State(state),
        since_on=_day(given, "since_on") or today,
        planned_on=_day(given, "planned_on"),
        assessor=given.get("assessor", ""),
        note=given.get("note", ""),
        version=int(version),
    )


def _day(given: Form, name: str) -> date | None:
    text = given.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ProgressRefused(name, repr(text[:20]), "a day such as 2026-05-18") from None


def _fields(now: Progress, kept: Form | None) -> Mapping[str, str]:
    held = {
        "state": now.state.value,
        "since_on": now.since_on.isoformat(),
        "planned_on": now.planned_on.isoformat() if now.planned_on else "",
        "assessor": now.assessor,
        "note": now.note,
    }
    return held if kept is None else {name: kept.get(name, held[name]) for name in held}


def _event(words: Words, one: ProgressEvent) -> Mapping[str, str]:
    return {
        "state": one.progress.state.value,
        "since": fmt.day(words, one.progress.since_on),
        "assessor": one.progress.assessor,
        "note": one.progress.note,
        "when": fmt.moment(words, one.changed_at),
        "who": one.changed_by,
    }
