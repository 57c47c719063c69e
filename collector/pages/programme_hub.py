"""The hub of the programme: where the city stands, its burn-down, each school's progress."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.week import local
from collector.operators.forms import form_of
from collector.operators.signed_in import actor_of
from collector.pages import burn_down_chart
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme import progress_rows
from collector.programme.burn_down import Point, Rate, open_days, rate, series_days
from collector.programme.fiscal import fiscal_year_of, label
from collector.programme.model import Progress, State
from collector.programme.progress_change import ProgressRefused, set_deadline
from collector.programme.standing import DEADLINE, Standing, deadline_of, standing
from collector.schools.model import School

POINTS_IN_TABLE: Final = 60


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
        routes.post("/programme/deadline")(self.deadline)
        return routes

    def overview(self, request: Request) -> Response:
        """Show where the city stands against its deadline."""
        return self._page(request)

    def deadline(self, request: Request) -> Response:
        """Set the city's deadline; an empty field: the end of the running fiscal year."""
        found = form_of(request).get("deadline", "").strip()
        try:
            day = date.fromisoformat(found) if found else None
            set_deadline(self._store, day, actor_of(request), self._clock.now())
        except ValueError:
            problem = words_of(request)("progress.bad_day", found=cut(found))
            return self._page(request, problem=problem, status=422)
        except ProgressRefused as refused:
            return self._page(request, problem=str(refused), status=422)
        return RedirectResponse(f"{root_of(request)}/programme", 303)

    def _page(self, request: Request, *, problem: str = "", status: int = 200) -> Response:
        words = words_of(request)
        today = local(self._clock.now()).date()
        setting = self._store.setting(DEADLINE)
        schools = self._store.schools()
        held, events = self._store.read(
            lambda sql: (progress_rows.progress(sql), progress_rows.progress_events(sql))
        )
        stand = standing(schools, held, today, deadline_of(setting, today))
        points = open_days(schools, events, series_days(events, today, stand.deadline))
        wanted = request.query_params.get("state", "")
        values: dict[str, Any] = {
            "stand": stand,
            "deadline": deadline_words(words, stand),
            "setting": setting or "",
            "rates": rate_words(words, rate(points, stand), stand),
            "chart": burn_down_chart.draw(points, stand.all.total, stand.deadline),
            "size": (burn_down_chart.WIDTH, burn_down_chart.HEIGHT),
            "points": _table(words, points),
            "schools": _schools(words, schools, held, wanted),
            "states": list(State),
            "wanted": wanted,
            "problem": problem,
        }
        return self._answers.page(request, "programme.html", values, status)


def deadline_words(words: Words, stand: Standing) -> str:
    """Say the deadline and how far away it is."""
    year = label(fiscal_year_of(stand.deadline), words.language)
    day = words("programme.deadline", day=fmt.day(words, stand.deadline), year=year)
    if stand.days_left > 0:
        return f"{day} {words('programme.days_left', n=stand.days_left)}"
    if stand.days_left == 0:
        return f"{day} {words('programme.last_day')}"
    return f"{day} {words('programme.overdue', n=-stand.days_left)}"


def rate_words(words: Words, speed: Rate, stand: Standing) -> list[str]:
    """Say which rate is needed and which there was."""
    recent = words("progress.recent", rate=f"{float(speed.recent):.1f}")
    if stand.all.open == 0:
        return [words("progress.all_done"), recent]
    if speed.needed is None:
        return [words("progress.too_late", n=stand.all.open), recent]
    needed = words("progress.needed", n=stand.all.open, rate=f"{float(speed.needed):.1f}")
    return [needed, recent, words("progress.enough" if speed.enough else "progress.not_enough")]


def _table(words: Words, points: Sequence[Point]) -> list[tuple[str, int, int, int]]:
    step = -(-len(points) // POINTS_IN_TABLE)
    chosen = [point for number, point in enumerate(reversed(points)) if number % step == 0]
    return [
        (fmt.day(words, point.day), point.samples_open, point.others_open, point.open)
        for point in chosen
    ]


def _schools(
    words: Words, schools: Sequence[School], held: Sequence[Progress], wanted: str
) -> list[Mapping[str, object]]:
    of_school = {one.school_code: one for one in held}
    rows: list[Mapping[str, object]] = []
    for school in sorted(schools, key=lambda one: (not one.sample, one.code)):
        one = of_school.get(school.code)
        state = one.state if one else State.NOT_STARTED
        if wanted and state.value != wanted:
            continue
        rows.append(
            {
                "school": school,
                "state": state.value,
                "since": fmt.day(words, one.since_on) if one else "",
                "planned": fmt.day(words, one.planned_on) if one and one.planned_on else "",
                "assessor": one.assessor if one else "",
                "note": one.note if one else "",
            }
        )
    return rows
