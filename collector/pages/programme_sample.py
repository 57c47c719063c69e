"""The page of the sample: the one in force, a proposal, a list by hand, a swap, adopting one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.operators.forms import form_of
from collector.operators.model import Role
from collector.operators.signed_in import actor_of, may
from collector.pages import format as fmt
from collector.pages import sample_view
from collector.pages.answer import Answers, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme.model import EditedMeanwhile
from collector.programme.sample import rows
from collector.programme.sample.adopt import Wanted, adopt, judge_of
from collector.programme.sample.judge import Judged, swapped
from collector.programme.sample.propose import propose
from collector.programme.sample.strata import SampleRefused

_PATH: Final = "/programme/sample"
HISTORY_SHOWN: Final = 10
DEFAULT_SIZE: Final = 9
MAX_CODES_CHARACTERS: Final = 8_000


class SamplePages:
    """The routes: reading and judging for viewers, proposing and adopting for operators."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._store = sources.store
        self._bands = sources.criteria.bands
        self._clock = sources.clock
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(_PATH)(self.show)
        routes.post(_PATH)(self.adopt)
        return routes

    def show(self, request: Request) -> Response:
        """Show the sample in force, or the one that the query asks to be judged."""
        asked = request.query_params
        schools = self._store.schools()
        marked = [school.code for school in schools if school.sample]
        try:
            if asked.get("do") == "propose":
                _require_operator(request)  # it costs seconds of a processor
                seed = _whole(asked.get("seed", ""), "seed")
                size = _whole(asked.get("size", ""), "size")
                codes = [one.code for one in propose(schools, self._bands, size, seed)]
                return self._page(request, codes, seed=seed)
            if asked.get("do") == "judge":
                return self._page(request, asked.get("codes", "")[:MAX_CODES_CHARACTERS].split())
            if asked.get("do") == "swap":
                base = asked.get("base", "")[:MAX_CODES_CHARACTERS].split() or marked
                out, into = asked.get("out", "").strip(), asked.get("into", "").strip()
                return self._page(request, swapped(base, out, into), swap=(base, out, into))
        except SampleRefused as refused:
            return self._page(request, marked, problem=str(refused), status=422)
        return self._page(request, marked)

    def adopt(self, request: Request) -> Response:
        """Adopt a list of schools."""
        given, text = form_of(request), words_of(request)
        codes = given.get("codes", "")[:MAX_CODES_CHARACTERS].split()
        seed_text = given.get("seed", "")
        try:
            wanted = Wanted(
                codes=codes,
                seed=_whole(seed_text, "seed") if seed_text else None,
                note=given.get("note", "").strip(),
                expected=_whole(given.get("version", ""), "version"),
            )
            adopt(self._store, self._bands, wanted, actor_of(request), self._clock.now())
        except SampleRefused as refused:
            marked = [school.code for school in self._store.schools() if school.sample]
            return self._page(request, marked, problem=str(refused), status=422)
        except EditedMeanwhile as edited:
            problem = text("sample.meanwhile", found=edited.found)
            return self._page(request, codes, problem=problem, status=409)
        return RedirectResponse(root_of(request) + _PATH, 303)

    def _page(
        self,
        request: Request,
        codes: Sequence[str],
        *,
        seed: int | None = None,
        swap: tuple[Sequence[str], str, str] | None = None,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        words = words_of(request)
        found = self._store.read(lambda sql: rows.adopted(sql, HISTORY_SHOWN))
        schools = self._store.schools()
        marked = sorted(school.code for school in schools if school.sample)
        values: dict[str, Any] = {
            "history": [_adopted(words, one) for one in found],
            "version": found[0].revision if found else 0,
            "differs": found and sorted(found[0].codes) != marked and marked,
            "marked": marked,
            "codes": list(codes),
            "is_current": sorted(codes) == marked,
            "seed": seed,
            "size": len(codes) or DEFAULT_SIZE,
            "schools": schools,
            "problem": problem,
            "judged": None,
            "effect": None,
        }
        try:
            if codes:
                judged = judge_of(self._store, self._bands, codes)
                values["judged"] = self._judged(words, judged)
                if swap is not None:
                    before = judge_of(self._store, self._bands, swap[0])
                    values["effect"] = _effect(words, before, judged, swap)
        except SampleRefused as refused:
            values |= {"problem": problem or str(refused), "codes": []}
            status = 422 if status == 200 else status
        return self._answers.page(request, "programme_sample.html", values, status)

    def _judged(self, words: Words, judged: Judged) -> Mapping[str, object]:
        return {
            "of_city": sample_view.of_city(words, judged),
            "distance": sample_view.distance(words, judged),
            "choices": [
                (one.school, sample_view.why(words, one), one.nearest_schools)
                for one in judged.choices
            ],
            "misses": sample_view.misses(words, judged),
            "unseen": sample_view.unseen(words, judged),
            "strata": [
                {
                    "margin": sample_view.margin_name(words, line.margin),
                    "value": sample_view.value_name(words, line),
                    "schools": line.schools,
                    "chosen": line.chosen,
                    "share": f"{line.share:.1f}",
                    "missed": sample_view.missed_percent(line),
                }
                for line in judged.strata
            ],
        }


def _require_operator(request: Request) -> None:
    if not may(request, Role.OPERATOR):
        raise SampleRefused(words_of(request)("sample.operators_only"))


def _adopted(words: Words, one: rows.Adopted) -> Mapping[str, object]:
    origin = words(f"sample_origin.{one.origin.value}", seed=one.document["seed"])
    who = words(
        "sample.current_note",
        revision=one.revision,
        when=fmt.moment(words, one.adopted_at),
        who=one.adopted_by,
    )
    return {"who": who, "origin": origin, "codes": one.codes, "note": one.document["note"]}


def _effect(
    words: Words, before: Judged, after: Judged, swap: tuple[Sequence[str], str, str]
) -> Mapping[str, object]:
    return {
        "title": words("sample.effect_line", out=swap[1], into=swap[2]),
        "distance": sample_view.effect_distance(words, before, after),
        "lines": sample_view.effects(words, before, after),
    }


def _whole(text: str, what: str) -> int:
    """Read a whole number from a form. Raises SampleRefused."""
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return int(text)
    raise SampleRefused(f"{what}: found {text[:20]!r}, allowed is a whole number from 0")
