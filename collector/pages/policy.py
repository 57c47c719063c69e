"""Pages of policies: the city's, a school's with its preview, and what changes them."""

import random
from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.week import JST, local
from collector.operators.forms import form_of
from collector.operators.signed_in import actor_of
from collector.pages import asked_view, policy_view
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.sources import PageSources
from collector.policy import change, describe, measure_now, suppression, table
from collector.policy.change import Author, ChangeRefused
from collector.policy.effective import Policies
from collector.policy.file import read_bytes
from collector.policy.model import Effective, Scope, ScopeKind
from collector.schools.model import School
from wire.policy import PolicyRefused

HISTORY_SHOWN = 50


class PolicyPages:
    """The routes: reading for viewers, changing for operators."""

    def __init__(
        self,
        sources: PageSources,
        answers: Answers,
        policies: Policies,
        chance: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._store = sources.store
        self._clock = sources.clock
        self._answers = answers
        self._policies = policies
        self._chance = chance

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/policy")(self.city)
        routes.post("/policy")(self.lay_down)
        routes.post("/policy/suppress")(self.suppress)
        routes.post("/policy/lift")(self.lift)
        routes.get("/schools/{code}/policy")(self.school)
        routes.post("/schools/{code}/measure")(self.measure)
        return routes

    def city(self, request: Request) -> Response:
        """Show every layer in force, suppressions and the history."""
        return self._city(request)

    def school(self, request: Request, code: str) -> Response:
        """Show what a school goes by, and what was asked of it."""
        return self._school(request, code)

    def lay_down(self, request: Request) -> Response:
        """Check a document, or put it in force."""
        given, words = form_of(request), words_of(request)
        text, scope_text = given.get("document", ""), given.get("scope", "")
        kept = {"document": text, "scope": scope_text, "note": given.get("note", "")}
        try:
            scope = _scope(scope_text)
            document = read_bytes(text.encode(), "policy.toml") if text.strip() else {}
            if given.get("do") == "set":
                author = self._author(request, kept["note"])
                change.set_layer(self._store, self._policies, scope, document, author)
                return self._city(request, said=words("policy.kept"))
            if document:
                change.check(self._store, self._policies, scope, document, self._clock.now())
            before = self._store.read(lambda sql: table.current_layer(sql, scope))
        except PolicyRefused as refused:
            return self._city(request, problems=refused.mistakes, kept=kept, status=422)
        except (ChangeRefused, UnicodeEncodeError) as refused:
            problems = str(refused).splitlines()
            return self._city(request, problems=problems, kept=kept, status=422)
        lines = describe.difference(before, document, "new")
        return self._city(request, difference=lines, kept=kept, said=words("policy.checked"))

    def suppress(self, request: Request) -> Response:
        """Have a scope measure nothing until a time."""
        given, words = form_of(request), words_of(request)
        try:
            until = datetime.fromisoformat(given.get("until", "")).replace(tzinfo=JST)
        except ValueError:
            return self._refused(request, [words("suppress.bad_until")])
        try:
            scope = _scope(given.get("scope", ""))
            author = self._author(request)
            suppression.suppress(self._store, scope, until, given.get("reason", ""), author)
        except ChangeRefused as refused:
            return self._refused(request, [str(refused)])
        return self._back(request)

    def lift(self, request: Request) -> Response:
        """Have a scope measure again."""
        try:
            scope = _scope(form_of(request).get("scope", ""))
        except ChangeRefused as refused:
            return self._refused(request, [str(refused)])
        suppression.lift(self._store, scope, self._author(request))
        return self._back(request)

    def measure(self, request: Request, code: str) -> Response:
        """Have a school's agent measure one test of its policy once."""
        school, words = self._store.school(code), words_of(request)
        if school is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        found, _ = self._effective(school)
        tests = () if found is None else found.policy.tests
        wanted = form_of(request).get("test", "")
        if not (wanted.isdecimal() and len(wanted) < 4 and int(wanted) < len(tests)):
            return self._school(request, code, problems=[words("now.no_tests")], status=422)
        author = self._author(request)
        try:
            measure_now.ask(self._store, code, tests[int(wanted)], author, self._chance())
        except ChangeRefused as refused:
            return self._school(request, code, problems=[str(refused)], status=409)
        return RedirectResponse(f"{root_of(request)}/schools/{code}/policy#now", 303)

    # --- inside -----------------------------------------------------------------------------

    def _author(self, request: Request, note: str = "") -> Author:
        return Author(actor_of(request), self._clock.now(), note)

    def _back(self, request: Request) -> Response:
        """To the page that the form was on: the school's, where the form names one."""
        code = form_of(request).get("school", "")
        school = self._store.school(code) if code else None
        place = "/policy" if school is None else f"/schools/{school.code}/policy"
        return RedirectResponse(f"{root_of(request)}{place}", 303)

    def _refused(self, request: Request, problems: list[str]) -> Response:
        code = form_of(request).get("school", "")
        if code and self._store.school(code) is not None:
            return self._school(request, code, problems=problems, status=422)
        return self._city(request, problems=problems, status=422)

    def _effective(self, school: School) -> tuple[Effective | None, tuple[str, ...]]:
        today = local(self._clock.now()).date()
        try:
            found = self._store.read(lambda sql: self._policies.of_school(sql, school, today))
        except PolicyRefused as refused:
            return None, refused.mistakes
        return found, ()

    def _city(
        self,
        request: Request,
        *,
        problems: "list[str] | tuple[str, ...]" = (),
        difference: list[str] | None = None,
        kept: dict[str, str] | None = None,
        said: str = "",
        status: int = 200,
    ) -> Response:
        words, now = words_of(request), self._clock.now()
        current = self._store.read(table.current_layers)
        values = {
            "layers": policy_view.layers(
                words, sorted(current.values(), key=lambda layer: str(layer.scope))
            ),
            "history": policy_view.layers(
                words, self._store.read(lambda sql: table.history(sql, None, HISTORY_SHOWN))
            ),
            "held": policy_view.held(
                words, self._store.read(lambda sql: suppression.in_force(sql, now))
            ),
            "scopes": self._scopes(),
            "problems": problems,
            "difference": difference,
            "kept": kept or {"document": "", "scope": "city", "note": ""},
            "said": said,
        }
        return self._answers.page(request, "policy.html", values, status)

    def _school(
        self,
        request: Request,
        code: str,
        *,
        problems: "list[str] | tuple[str, ...]" = (),
        status: int = 200,
    ) -> Response:
        words, now = words_of(request), self._clock.now()
        school = self._store.school(code)
        if school is None:
            return self._answers.missing(request, words("error.no_school", code=cut(code)))
        found, broken = self._effective(school)
        values = {
            "school": school,
            "effective": found,
            "broken": broken,
            "sources": [] if found is None else policy_view.sources(found),
            "days": [] if found is None else policy_view.days(words, found, code, now),
            "document": "" if found is None else policy_view.document(found),
            "choices": policy_view.choices(words, found),
            "agents": policy_view.agents(words, self._store, school),
            "held": policy_view.on_school(words, self._store, school, now),
            "approvals": policy_view.approvals(words, self._store, school, now),
            "asked": asked_view.asked(words, self._store, code, now, root_of(request)),
            "problems": problems,
        }
        return self._answers.page(request, "school_policy.html", values, status)

    def _scopes(self) -> list[str]:
        groups = {school.aggregation_group for school in self._store.schools()} - {""}
        lists = self._store.read(table.lists)
        return [
            "city",
            *(f"group:{name}" for name in sorted(groups)),
            *(f"list:{n}" for n in lists),
        ]


def _scope(text: str) -> Scope:
    kind, _, name = text.strip().partition(":")
    try:
        return Scope(ScopeKind(kind), name)
    except ValueError:
        raise ChangeRefused(
            f"scope: found {text[:40]!r}, allowed is city, group:NAME, list:NAME or school:CODE"
        ) from None
