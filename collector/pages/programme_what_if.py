"""The page of what-if: name measures and schools, read what to expect, give them from there."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.pages import format as fmt
from collector.pages.answer import Answers, words_of
from collector.pages.i18n import Words
from collector.pages.measure_words import assumptions, finding_names, measure_name
from collector.pages.programme_ask import Busy, CityAsker
from collector.pages.sources import PageSources
from collector.programme.city_state import CityNow
from collector.programme.measures_catalogue import MeasureCatalogue
from collector.programme.path_draws import REST, UNKNOWN
from collector.programme.what_if import CityExpectation, SchoolExpectation
from collector.programme.whom import MAX_CHARACTERS, WhomRefused, read_chosen

PATH: Final = "/programme/what-if"
ROWS: Final = 4


class WhatIfPages:
    """The route: for viewers, it changes nothing."""

    def __init__(self, sources: PageSources, answers: Answers, asker: CityAsker) -> None:
        self._store = sources.store
        self._answers = answers
        self._asker = asker

    def router(self) -> APIRouter:
        """Make the route."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.ask)
        return routes

    def ask(self, request: Request) -> Response:
        """Answer ``?measure=ID&schools=TEXT``, each up to four times."""
        words, asked = words_of(request), request.query_params
        measures = asked.getlist("measure")[:ROWS]
        schools = [text[:MAX_CHARACTERS] for text in asked.getlist("schools")[:ROWS]]
        rows = [
            (measure.strip(), text.strip())
            for measure, text in zip(measures, schools, strict=False)
            if measure.strip() and text.strip()
        ]
        values: dict[str, Any] = {
            "rows": [*rows, *[("", "")] * (ROWS - len(rows))],
            "measures": [
                (one.id, one.names[words.language])
                for one in self._asker.catalogue.measures.values()
            ],
            "groups": sorted({one.aggregation_group for one in self._store.schools()} - {""}),
            "problem": "",
            "found": None,
        }
        status = 200
        if rows:
            try:
                with self._asker.asked() as now:
                    values["found"] = self._found(words, now, rows)
            except WhomRefused as refused:
                values["problem"], status = str(refused), 422
            except Busy:
                values["problem"], status = words("what_if.busy"), 503
        return self._answers.page(request, "programme_what_if.html", values, status)

    def _found(self, words: Words, now: CityNow, rows: list[tuple[str, str]]) -> dict[str, Any]:
        schools = self._store.schools()
        status = {code: state.status for code, state in now.city.states.items()}
        texts = [f"{measure}={whom}" for measure, whom in rows]
        chosen = read_chosen(texts, self._asker.catalogue, schools, status)
        before, after = now.city.expect({}), now.city.expect(chosen)
        names = {school.code: school.name for school in schools}
        given = {one for ids in chosen.values() for one in ids}
        return {
            "week": fmt.week_name(words, now.week),
            "met_now": before.met_now,
            "total": len(before.schools),
            "before": count_words(words, before),
            "after": count_words(words, after),
            "silent": [(why.value, number) for why, number in sorted(after.cannot_tell.items())],
            "schools": [
                school_words(words, self._asker.catalogue, one, names.get(one.code, ""))
                for one in after.schools.values()
                if one.measures
            ],
            "assumptions": assumptions(words, self._asker.catalogue, given),
            "want": [f"{code} {one}" for code, ids in chosen.items() for one in sorted(ids)],
        }


def count_words(words: Words, found: CityExpectation) -> str:
    """Say how many schools to expect."""
    return words(
        "what_if.count",
        expected=f"{found.met_expected:.1f}",
        low=found.met_low,
        high=found.met_high,
        told=found.told,
    )


def school_words(
    words: Words, catalogue: MeasureCatalogue, one: SchoolExpectation, name: str
) -> dict[str, Any]:
    """Put what to expect of a school into words."""
    limit = one.limits[0][0] if one.limits else ""
    return {
        "code": one.code,
        "name": name,
        "measures": [measure_name(words, catalogue, each) for each in one.measures],
        "status": one.status_now.value,
        "cannot_tell": None if one.cannot_tell is None else one.cannot_tell.value,
        "met": f"{one.met_ratio:.0%}",
        "not_met": f"{one.not_met_ratio:.0%}",
        "undetermined": f"{one.undetermined_ratio:.0%}",
        "speed": fmt.mbps(words, one.median_bps),
        "interval": fmt.mbps_range(words, one.low_bps, one.high_bps),
        "limit": limit_words(words, limit),
    }


def limit_words(words: Words, limit: str) -> str:
    """Name what limits."""
    if limit in ("", REST, UNKNOWN):
        return words(f"limit.{limit or 'none'}")
    name = finding_names(words, [limit])
    return name if "." not in limit else words("limit.fact", fact=name)
