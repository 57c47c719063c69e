"""Pages of the fleet: all agents, one agent with its history, and what operators change."""

import random
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup
from starlette.responses import Response

from collector.fleet import qr
from collector.fleet.changes import ChangeRefused, FleetChanges
from collector.fleet.enrolment import DEFAULT_LIFETIME
from collector.fleet.health import NEEDS_ATTENTION, State
from collector.fleet.roster import common_offset_seconds, member, roster
from collector.fleet.watch import history
from collector.operators.forms import form_of
from collector.operators.signed_in import actor_of
from collector.pages import fleet_view
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.sources import PageSources
from collector.store.interface import Enrolment


class FleetPages:
    """The routes: reading for viewers, changing for operators."""

    def __init__(
        self,
        sources: PageSources,
        answers: Answers,
        chance: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._store = sources.store
        self._shown = sources.shown
        self._answers = answers
        self._changes = FleetChanges(sources.store, sources.clock, chance())

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/fleet")(self.listing)
        routes.post("/fleet/codes")(self.code)
        routes.get("/fleet/{agent_id}")(self.agent)
        routes.post("/fleet/{agent_id}/revoke")(self.revoke)
        routes.post("/fleet/{agent_id}/replace")(self.replace)
        routes.post("/fleet/{agent_id}/confirm-move")(self.confirm_move)
        return routes

    def listing(self, request: Request) -> Response:
        """Show all agents."""
        return self._listing(request)

    def agent(self, request: Request, agent_id: str) -> Response:
        """Show one agent."""
        return self._agent(request, agent_id)

    def code(self, request: Request) -> Response:
        """Make a one-time code, shown once."""
        school = form_of(request).get("school", "")
        try:
            code = self._changes.code_for(actor_of(request), school)
        except Enrolment:
            problem = words_of(request)("fleet_refused.no_school")
            return self._listing(request, problem=problem, status=404)
        return self._listing(request, once=_once(request, school, code))

    def revoke(self, request: Request, agent_id: str) -> Response:
        """Withdraw an agent's secret."""
        return self._done(request, agent_id, self._changes.revoke)

    def confirm_move(self, request: Request, agent_id: str) -> Response:
        """Say that an agent is at home where it stands."""
        return self._done(request, agent_id, self._changes.confirm_move)

    def replace(self, request: Request, agent_id: str) -> Response:
        """Make a code for the appliance that takes its place, shown once."""
        try:
            school, code = self._changes.replace(actor_of(request), agent_id)
        except ChangeRefused as refused:
            return self._refused(request, agent_id, refused)
        return self._agent(request, agent_id, once=_once(request, school, code))

    def _done(
        self, request: Request, agent_id: str, change: Callable[[str, str], None]
    ) -> Response:
        try:
            change(actor_of(request), agent_id)
        except ChangeRefused as refused:
            return self._refused(request, agent_id, refused)
        return RedirectResponse(f"{root_of(request)}/fleet/{agent_id}", 303)

    def _refused(self, request: Request, agent_id: str, refused: ChangeRefused) -> Response:
        problem = words_of(request)(f"fleet_refused.{refused.reason}")
        return self._agent(request, agent_id, problem=problem, status=422)

    def _listing(
        self,
        request: Request,
        *,
        problem: str = "",
        once: dict[str, object] | None = None,
        status: int = 200,
    ) -> Response:
        words, now = words_of(request), self._shown.now()
        wanted = cut(request.query_params.get("state", ""))
        members = self._store.read(roster)
        common = common_offset_seconds(members, now)
        chosen = [each for each in members if wanted in ("", each.state.value)]
        chosen.sort(key=lambda each: each.state not in NEEDS_ATTENTION)  # those first
        values = {
            "rows": [fleet_view.row(words, each, now) for each in chosen],
            "total": len(members),
            "states": [state.value for state in State],
            "wanted": wanted,
            "collector_clock": None if common is None else f"{common:+.0f}",
            "schools": self._store.schools(),
            "problem": problem,
            "once": once,
        }
        return self._answers.page(request, "fleet.html", values, status)

    def _agent(
        self,
        request: Request,
        agent_id: str,
        *,
        problem: str = "",
        once: dict[str, object] | None = None,
        status: int = 200,
    ) -> Response:
        words, now = words_of(request), self._shown.now()
        found = self._store.read(lambda sql: member(sql, agent_id))
        if found is None:
            return self._answers.missing(request, words("fleet.no_agent", id=cut(agent_id)))
        moved = ["confirm-move"] if found.state is State.WRONG_PLACE else []
        values = {
            "row": fleet_view.row(words, found, now),
            "facts": fleet_view.facts(words, found, now),
            "history": [
                fleet_view.change(words, each)
                for each in self._store.read(lambda sql: history(sql, agent_id))
            ],
            "actions": [*moved, "replace", "revoke"],
            "problem": problem,
            "once": once,
        }
        return self._answers.page(request, "fleet_agent.html", values, status)


def _once(request: Request, school: str, code: str) -> dict[str, object]:
    """A code with where to enrol: the address that the operator reached us at."""
    collector = str(request.base_url).rstrip("/")
    return {
        "school": school,
        "code": code,
        "collector": collector,
        "days": DEFAULT_LIFETIME.days,
        "svg": Markup(qr.svg(collector, code)),  # noqa: S704 - segno's, of our own text
    }
