"""The page of rehearsals: begin one, watch it, stop it at a word."""

import random
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.calendar import Calendars
from collector.judge.week import local
from collector.operators.forms import form_of
from collector.operators.signed_in import actor_of
from collector.pages.answer import Answers, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.slots import rehearsals, rows
from collector.slots.rehearsals import LONGEST_MINUTES, Rehearsal
from collector.slots.rehearse import RehearsalRefused, Wanted, begin, groups, stop_all
from collector.slots.seen import seen

SHOWN: Final = 5
REFRESH_SECONDS: Final = 10
_PATH: Final = "/rehearsals"


class RehearsalPages:
    """The routes."""

    def __init__(
        self,
        sources: PageSources,
        answers: Answers,
        chance: Callable[[], random.Random] = random.SystemRandom,
    ) -> None:
        self._store = sources.store
        self._calendars: Calendars = sources.calendars
        self._clock = sources.clock
        self._answers = answers
        self._chance = chance

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(_PATH)(self.listing)
        routes.post(_PATH)(self.start)
        routes.post(f"{_PATH}/stop")(self.stop)
        return routes

    def listing(self, request: Request) -> Response:
        """Show the newest rehearsals, and the form of a new one."""
        return self._page(request, None)

    def start(self, request: Request) -> Response:
        """Begin a rehearsal."""
        given = form_of(request)
        minutes = given.get("minutes", "")
        usable = minutes.isascii() and minutes.isdecimal() and len(minutes) < 9
        wanted = Wanted(
            group=given.get("group", ""),
            responder=given.get("responder") or None,
            minutes=int(minutes) if usable else 0,
            in_lessons=given.get("in_lessons") == "yes",
        )
        try:
            begin(
                self._store,
                self._calendars,
                wanted,
                actor_of(request),
                self._clock.now(),
                self._chance(),
            )
        except RehearsalRefused as error:
            return self._page(request, error.reason)
        return RedirectResponse(root_of(request) + _PATH, 303)

    def stop(self, request: Request) -> Response:
        """Stop all that waits or runs."""
        stop_all(self._store, actor_of(request), self._clock.now())
        return RedirectResponse(root_of(request) + _PATH, 303)

    def _page(self, request: Request, problem: str | None) -> HTMLResponse:
        words, now = words_of(request), self._clock.now()
        found = self._store.read(lambda sql: rehearsals.newest(sql, SHOWN))
        shown = [self._shown(words, one) for one in found]
        live = any(one.state(now) in ("waiting", "running") for one in found)
        values: dict[str, object] = {
            "rehearsals": shown,
            "live": live,
            "groups": groups(self._store.schools()),
            "responders": [one.name for one in self._store.read(rows.responders)],
            "most_minutes": LONGEST_MINUTES,
            "problem": None if problem is None else words(f"rehearsal_refused.{problem}"),
        }
        page = self._answers.page(request, "rehearsals.html", values, 200 if not problem else 409)
        if live and not problem:  # without script: the browser asks again by itself
            page.headers["Refresh"] = str(REFRESH_SECONDS)
        return page

    def _shown(self, words: Words, one: Rehearsal) -> dict[str, Any]:
        shares, together = seen(self._store, one)
        return {
            "upstream": one.upstream,
            "responder": one.responder,
            "state": words(f"rehearsal_state.{one.state(self._clock.now())}"),
            "from": f"{local(one.starts_at):%Y-%m-%d %H:%M:%S}",
            "to": f"{local(one.over_at()):%H:%M:%S}",
            "verdict": words(
                f"rehearsal_verdict.{together.verdict.value}",
                group=one.upstream,
                sum=_mbps(together.sum_bps),
                alone=_mbps(together.alone_sum_bps),
                responder=one.responder,
            ),
            "kind": together.verdict.value,
            "sum": _mbps(together.sum_bps),
            "alone_sum": _mbps(together.alone_sum_bps),
            "rounds": [
                (number + 1, count, _mbps(total))
                for number, (count, total) in together.rounds.items()
            ],
            "schools": [
                (share.code, share.name, _mbps(share.middle_bps), _mbps(share.alone_bps))
                for share in shares
            ],
        }


def _mbps(bps: float | None) -> str:
    return "–" if bps is None else f"{bps / 1e6:,.1f}"
