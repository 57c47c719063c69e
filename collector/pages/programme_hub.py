"""The hub of the programme: where the city stands, and the tabs to everything else."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.judge.week import local
from collector.pages import format as fmt
from collector.pages.answer import Answers, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme import progress_rows
from collector.programme.fiscal import fiscal_year_of, label
from collector.programme.standing import DEADLINE, Standing, deadline_of, standing


class ProgrammeHub:
    """The routes."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._store = sources.store
        self._clock = sources.clock
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get("/programme")(self.overview)
        return routes

    def overview(self, request: Request) -> Response:
        """Show where the city stands against its deadline."""
        words = words_of(request)
        today = local(self._clock.now()).date()
        stand = standing(
            self._store.schools(),
            self._store.read(progress_rows.progress),
            today,
            deadline_of(self._store.setting(DEADLINE), today),
        )
        values = {"stand": stand, "deadline": deadline_words(words, stand)}
        return self._answers.page(request, "programme.html", values)


def deadline_words(words: Words, stand: Standing) -> str:
    """Say the deadline and how far away it is."""
    year = label(fiscal_year_of(stand.deadline), words.language)
    day = words("programme.deadline", day=fmt.day(words, stand.deadline), year=year)
    if stand.days_left > 0:
        return f"{day} {words('programme.days_left', n=stand.days_left)}"
    if stand.days_left == 0:
        return f"{day} {words('programme.last_day')}"
    return f"{day} {words('programme.overdue', n=-stand.days_left)}"
