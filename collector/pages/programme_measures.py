"""Pages of measures: the catalogue, what schools have, one measure with its effect, changes."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.operators.forms import Form, form_of
from collector.operators.signed_in import actor_of
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.measure_words import finding_names, measure_line, yen_range
from collector.pages.sources import PageSources
from collector.policy.change import Author
from collector.programme import assignment_rows
from collector.programme.assign import Details, MeasureRefused, Measures
from collector.programme.before_after import Comparison
from collector.programme.effects import MeasureEffect, effects
from collector.programme.measures_catalogue import MeasureDefinition, load_measures
from collector.programme.model import Assignment, EditedMeanwhile, MeasureState

PATH: Final = "/programme/measures"
MOST_AT_ONCE: Final = 500
_SHOWN: Final = (
    *("school", "measure", "state", "planned_on", "done_on", "cost_yen", "subsidy_yen"),
    *("findings", "note", "version"),
)


class MeasurePages:
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
        self._catalogue = load_measures()
        self._chance = chance

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.listing)
        routes.post(PATH)(self.assign)
        routes.post(f"{PATH}/several")(self.assign_several)
        routes.get(f"{PATH}/{{assignment_id}}")(self.one)
        routes.post(f"{PATH}/{{assignment_id}}")(self.change)
        return routes

    def listing(self, request: Request) -> Response:
        """Show what schools have, and what there is."""
        return self._listing(request)

    def one(self, request: Request, assignment_id: str) -> Response:
        """Show one measure at a school, and what measurements say of it."""
        return self._one(request, assignment_id)

    def assign(self, request: Request) -> Response:
        """Give a school a measure."""
        given = form_of(request)
        try:
            details = _details(given, MeasureState.PLANNED)
            made = self._measures().assign(
                given.get("school", "").strip(), given.get("measure", ""), details,
                self._author(request),
            )  # fmt: skip
        except MeasureRefused as refused:
            return self._listing(request, problem=str(refused), kept=given, status=422)
        return RedirectResponse(f"{root_of(request)}{PATH}/{made.assignment_id}", 303)

    def assign_several(self, request: Request) -> Response:
        """Give schools what a what-if or a plan holds: fields ``want`` of CODE MEASURE [DAY]."""
        wanted = form_of(request).every("want")
        try:
            self._measures().assign_all(_several(wanted), self._author(request))
        except MeasureRefused as refused:
            return self._listing(request, problem=str(refused), status=422)
        query = urlencode({"state": MeasureState.PLANNED.value})
        return RedirectResponse(f"{root_of(request)}{PATH}?{query}", 303)

    def change(self, request: Request, assignment_id: str) -> Response:
        """Change what is said of a measure at a school."""
        given = form_of(request)
        try:
            self._measures().change(
                assignment_id, _version(given), _details(given, None), self._author(request)
            )
        except MeasureRefused as refused:
            return self._one(request, assignment_id, problem=str(refused), kept=given, status=422)
        except EditedMeanwhile as edited:
            words = words_of(request)
            problem = words("measure.meanwhile", found=edited.found, expected=edited.expected)
            return self._one(request, assignment_id, problem=problem, kept=given, status=409)
        return RedirectResponse(f"{root_of(request)}{PATH}/{assignment_id}", 303)

    # --- inside -----------------------------------------------------------------------------

    def _measures(self) -> Measures:
        return Measures(self._store, self._catalogue, self._chance())

    def _author(self, request: Request) -> Author:
        return Author(actor_of(request), self._clock.now())

    def _listing(
        self,
        request: Request,
        *,
        problem: str = "",
        kept: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        words, asked = words_of(request), request.query_params
        school, state = cut(asked.get("school", "").strip()), cut(asked.get("state", ""))
        names = {one.code: one.name for one in self._store.schools()}
        found = self._store.read(assignment_rows.assignments)
        values: dict[str, Any] = {
            "lines": [
                measure_line(words, self._catalogue, one, names.get(one.school_code, ""))
                for one in found
                if (not school or one.school_code == school)
                and (not state or one.state.value == state)
            ],
            "total": len(found),
            "school": school,
            "state": state,
            "states": [one.value for one in MeasureState],
            "catalogue": [_definition(words, one) for one in self._catalogue.measures.values()],
            "version": self._catalogue.version,
            "school_codes": sorted(names.items()),
            "problem": problem,
            "kept": _filled(kept or {"school": school}),
        }
        return self._answers.page(request, "programme_measures.html", values, status)

    def _one(
        self,
        request: Request,
        assignment_id: str,
        *,
        problem: str = "",
        kept: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        words = words_of(request)
        found = self._store.read(assignment_rows.assignments)
        one = next((each for each in found if each.assignment_id == assignment_id), None)
        if one is None:
            return self._answers.missing(request, words("measure.no_such"))
        school = self._store.school(one.school_code)
        name = "" if school is None else school.name
        values: dict[str, Any] = {
            "one": one,
            "line": measure_line(words, self._catalogue, one, name),
            "fields": _filled(kept or _fields(one)),
            "states": [each.value for each in MeasureState],
            "effect": self._effect(words, one),
            "school_path": f"/schools/{quote(one.school_code, safe='')}",
            "problem": problem,
            "conflict": status == 409,
        }
        return self._answers.page(request, "programme_measure.html", values, status)

    def _effect(self, words: Words, one: Assignment) -> dict[str, Any] | None:
        found = effects(
            self._store,
            self._sources.calendars,
            simulated=self._sources.shown.simulated(),
            school_code=one.school_code,
        )
        mine = next(
            (each for each in found if each.assignment.assignment_id == one.assignment_id), None
        )
        return None if mine is None else effect_words(words, mine)


def effect_words(words: Words, effect: MeasureEffect) -> dict[str, Any]:
    """Put before and after into words."""
    catalogue = load_measures()
    beside = [
        catalogue.measures[one].names[words.language] if one in catalogue.measures else one
        for one in effect.beside
    ]
    return {
        "weeks": effect.weeks,
        "beside": words("site.separator").join(beside),
        "rows": [_comparison(words, each) for each in effect.comparisons],
    }


def _comparison(words: Words, each: Comparison) -> dict[str, Any]:
    shift = words("site.none")
    if each.shift_bps is not None and each.low_bps is not None and each.high_bps is not None:
        shift = words(
            "effect.shift",
            shift=fmt.signed_mbps(words, each.shift_bps),
            low=fmt.signed_mbps(words, each.low_bps),
            high=fmt.signed_mbps(words, each.high_bps),
        )
    p_value = each.p_value
    return {
        "figure": each.figure.value,
        "before": fmt.mbps(words, each.before_bps),
        "after": fmt.mbps(words, each.after_bps),
        "shift": shift,
        "p_value": words("site.none")
        if p_value is None
        else ("< 0.001" if p_value < 0.001 else f"{p_value:.3f}"),
        "days": words("effect.days", before=each.days_before, after=each.days_after),
        "outcome": each.outcome.value,
        "why": each.why.value,
        "capacity": each.capacity,
    }


def _definition(words: Words, one: MeasureDefinition) -> dict[str, Any]:
    low, high = one.lead_weeks
    return {
        "id": one.id,
        "name": one.names[words.language],
        "explanation": one.explanations[words.language],
        "answers": finding_names(words, sorted(one.answers | one.helps)),
        "one_off": yen_range(words, one.one_off_yen),
        "per_year": yen_range(words, one.per_year_yen),
        "assumption": one.assumption,
        "cost_source": one.cost_source,
        "weeks": words("measure.weeks", low=low, high=high),
        "shared": one.shared,
        "basis": one.effect.basis[words.language],
    }


def _fields(one: Assignment) -> dict[str, str]:
    """What the form of a measure holds at first."""
    return {
        "state": one.state.value,
        "planned_on": "" if one.planned_on is None else one.planned_on.isoformat(),
        "done_on": "" if one.done_on is None else one.done_on.isoformat(),
        "cost_yen": "" if one.cost_yen is None else str(one.cost_yen),
        "subsidy_yen": "" if one.subsidy_yen is None else str(one.subsidy_yen),
        "findings": " ".join(one.findings),
        "note": one.note,
        "version": str(one.version),
    }


def _filled(given: Mapping[str, str]) -> dict[str, str]:
    """Every field that the forms show, empty where nothing was written."""
    return {name: given.get(name, "") for name in _SHOWN}


def _details(given: Form, state: MeasureState | None) -> Details:
    """Read a form. Raises MeasureRefused."""
    if state is None:
        word = given.get("state", "")
        if word not in set(MeasureState):
            raise MeasureRefused(
                f"state: found {cut(word)!r}, allowed is one of {', '.join(MeasureState)}"
            )
        state = MeasureState(word)
    return Details(
        state=state,
        planned_on=_day(given, "planned_on"),
        done_on=_day(given, "done_on"),
        cost_yen=_yen(given, "cost_yen"),
        subsidy_yen=_yen(given, "subsidy_yen"),
        findings=tuple(given.get("findings", "").split()),
        note=given.get("note", ""),
    )


def _day(given: Mapping[str, str], name: str) -> date | None:
    text = given.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise MeasureRefused(
            f"{name}: found {cut(text)!r}, allowed is a day such as 2027-08-01"
        ) from None


def _yen(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "").strip().replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise MeasureRefused(f"{name}: found {cut(text)!r}, allowed is a whole number of yen")
    return int(text)


def _version(given: Mapping[str, str]) -> int:
    text = given.get("version", "")
    if not (text.isdecimal() and len(text) < 9):
        raise MeasureRefused(f"version: found {cut(text)!r}, allowed is that of the page")
    return int(text)


def _several(wanted: Sequence[str]) -> list[tuple[str, str, Details]]:
    if not 0 < len(wanted) <= MOST_AT_ONCE:
        raise MeasureRefused(f"want: found {len(wanted)}, allowed are 1 to {MOST_AT_ONCE}")
    return [_wanted(text) for text in wanted]


def _wanted(text: str) -> tuple[str, str, Details]:
    parts = text.split()
    if len(parts) not in (2, 3):
        raise MeasureRefused(f"want: found {cut(text)!r}, allowed is SCHOOL MEASURE [DAY]")
    planned_on = _day({"day": parts[2]}, "day") if len(parts) == 3 else None
    return parts[0], parts[1], Details(planned_on=planned_on)
