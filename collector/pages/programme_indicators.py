"""The page of the four plans: figures, whether they agree, and where each indicator stands."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from collector.judge.reading import ConfigRefused
from collector.judge.week import local
from collector.operators.forms import Form, form_of
from collector.operators.signed_in import actor_of
from collector.pages import format as fmt
from collector.pages.answer import Answers, root_of, words_of
from collector.pages.i18n import Words
from collector.pages.sources import PageSources
from collector.programme.fiscal import label
from collector.programme.plans.actuals import (
    MAX_SOURCE_CHARACTERS,
    Actual,
    ActualStands,
    put_actuals,
)
from collector.programme.plans.adopted import adopted
from collector.programme.plans.exchange import number_of
from collector.programme.plans.model import CityPlans, Figure, Indicator, Pair, Unit
from collector.programme.plans.read import tracked
from collector.programme.plans.relations import (
    Disagreement,
    check,
    half_up,
    number_text,
    observe,
)
from collector.programme.plans.tracking import Standing, Tracked

PATH: Final = "/programme/indicators"
_FIELDS: Final = ("indicator", "value", "on", "source")


class IndicatorPages:
    """The routes."""

    def __init__(self, sources: PageSources, answers: Answers) -> None:
        self._sources = sources
        self._store = sources.store
        self._answers = answers

    def router(self) -> APIRouter:
        """Make the routes."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.listing)
        routes.post(PATH)(self.note)
        return routes

    def listing(self, request: Request) -> Response:
        """Show the plans."""
        return self._page(request, {}, None, 200)

    def note(self, request: Request) -> Response:
        """Note what an indicator was on a day."""
        words, form = words_of(request), form_of(request)
        plans = adopted(self._store)
        if plans is None:
            return self._page(request, form, words("plans.none"), 409)
        one = self._read(form, plans, actor_of(request))
        if isinstance(one, str):
            return self._page(request, form, words(one, most=MAX_SOURCE_CHARACTERS), 422)
        replace = form.get("replace") == "yes"
        try:
            self._store.write(lambda sql: put_actuals(sql, [one], replace=replace))
        except ActualStands as stands:
            return self._page(request, form, _stands(words, plans, stands), 409, stands=True)
        return RedirectResponse(f"{root_of(request)}{PATH}#i-{one.indicator_id}", 303)

    def _read(self, form: Form, plans: CityPlans, actor: str) -> Actual | str:
        """Give what was sent, or the key of what is wrong with it."""
        indicator = plans.indicators.get(form.get("indicator", ""))
        if indicator is None:
            return "plans_wrong.indicator"
        value = number_of(indicator.unit, form.get("value", "")[:40])
        if value is None:
            yes_no = indicator.unit is Unit.YES_NO
            return "plans_wrong.yes_no" if yes_no else "plans_wrong.value"
        now = self._sources.clock.now()
        try:
            day = date.fromisoformat(form.get("on", ""))
        except ValueError:
            return "plans_wrong.day"
        if day > local(now).date():
            return "plans_wrong.day"
        source = form.get("source", "").strip()
        if not 0 < len(source) <= MAX_SOURCE_CHARACTERS or not source.isprintable():
            return "plans_wrong.source"
        return Actual(
            indicator_id=indicator.indicator_id,
            observed_on=day,
            value=value,
            source=source,
            noted_at=now,
            noted_by=actor,
        )

    def _page(
        self,
        request: Request,
        given: Mapping[str, str],
        problem: str | None,
        status: int,
        *,
        stands: bool = False,
    ) -> HTMLResponse:
        words = words_of(request)
        values: dict[str, object] = {
            "problem": problem,
            "stands": stands,
            "given": {name: given.get(name, "")[:400] for name in _FIELDS},
            "today": local(self._sources.clock.now()).date().isoformat(),
            "most_source": MAX_SOURCE_CHARACTERS,
            "refused": None,
            "plans": None,
        }
        try:
            plans = adopted(self._store)
        except ConfigRefused as refused:
            values["refused"] = refused.mistakes
            plans = None
        if plans is not None:
            values |= self._shown(words, plans)
        return self._answers.page(request, "programme_indicators.html", values, status)

    def _shown(self, words: Words, plans: CityPlans) -> dict[str, object]:
        sources, shown = self._sources, self._sources.shown
        found = tracked(
            self._store,
            plans,
            sources.criteria,
            sources.calendars,
            week=shown.week(),
            simulated=shown.simulated(),
            now=shown.now(),
        )
        checked = check(plans, observe(self._store.schools(), self._store.baseline()))
        return {
            "source": plans.source,
            "counts": {
                standing.value: sum(one.standing is standing for one in found)
                for standing in Standing
            },
            "holds": len(checked.holds),
            "not_checked": [_in(words, one.why) for one in checked.not_checked],
            "disagreements": [disagreement(words, plans, one) for one in checked.disagreements],
            "week": fmt.week_name(words, str(shown.week())),
            "plans": [
                {
                    "id": plan.plan_id,
                    "name": _in(words, plan.name),
                    "figures": [
                        _figure(words, one)
                        for one in plans.figures.values()
                        if one.plan_id == plan.plan_id
                    ],
                    "indicators": [
                        row(words, one) for one in found if one.indicator.plan_id == plan.plan_id
                    ],
                }
                for plan in plans.plans
            ],
            "choices": [
                (name, f"{_in(words, one.name)}（{words(f'plans_unit_name.{one.unit.value}')}）")
                for name, one in plans.indicators.items()
            ],
        }


def row(words: Words, one: Tracked) -> dict[str, object]:
    """One line of the table, as plain texts."""
    indicator = one.indicator
    done = None if one.done_ratio is None else float(one.done_ratio)
    return {
        "id": indicator.indicator_id,
        "name": _in(words, indicator.name),
        "note": None if indicator.note is None else _in(words, indicator.note),
        "passage": indicator.passage,
        "value": value_words(words, indicator.unit, one.value),
        "origin": _origin(words, one),
        "target": _target(words, indicator),
        "target_from": words(f"plans_from.{indicator.target_from.value}"),
        "due": "" if indicator.due_on is None else fmt.day(words, indicator.due_on),
        "due_from": ""
        if indicator.due_from is None
        else words(f"plans_from.{indicator.due_from.value}"),
        "standing": one.standing.value,
        "late": words("plans.late", n=one.days_overdue) if one.days_overdue else "",
        "done": done,
        "percent": "" if done is None else f"{done * 100:.1f}",
    }


def disagreement(words: Words, plans: CityPlans, one: Disagreement) -> str:
    """Say which figures disagree, in the language of the page."""

    def told(name: str, value: Fraction) -> str:
        figure = plans.figures.get(name)
        shown = words(f"plans_city.{name[5:]}") if figure is None else _in(words, figure.name)
        return words("plans.told", name=shown, value=number_text(value), id=name)

    right = words("plans.impossible") if one.right is None else number_text(one.right)
    return words(
        f"plans_disagree.{one.relation.comparison.value}",
        left=told(one.left.name, one.left.value),
        parts=words("site.separator").join(told(part.name, part.value) for part in one.operands),
        right=right,
        why=_in(words, one.relation.why),
    )


def value_words(words: Words, unit: Unit, value: Fraction | None) -> str:
    """A value with its unit, or the word for 'none yet'."""
    if value is None:
        return words("plans.no_value")
    if unit is Unit.YES_NO:
        return words("plans_unit.yes" if value else "plans_unit.no")
    return words(f"plans_unit.{unit.value}", n=number_text(half_up(value, 2)))


def _target(words: Words, indicator: Indicator) -> str:
    text = value_words(words, indicator.unit, indicator.target)
    if indicator.unit is Unit.YES_NO:
        return text
    return words(f"plans_comparison.{indicator.comparison.value}", value=text)


def _origin(words: Words, one: Tracked) -> str:
    if one.by_collector:
        return words("plans.computed")
    missing = None if one.computed is None else one.computed.missing
    if one.noted is not None:
        day = fmt.short_day(words, one.noted.observed_on)
        text = words(
            "plans.noted", year=one.noted.observed_on.year, day=day, source=one.noted.source
        )
    else:
        text = ""
    if missing is not None:
        why = words(f"plans_missing.{missing.value}")
        return f"{text} {why}" if text else why
    return text


def _figure(words: Words, one: Figure) -> dict[str, str]:
    year = "" if one.fiscal_year is None else label(one.fiscal_year, words.language)
    plain = one.unit is Unit.YEAR
    return {
        "name": _in(words, one.name),
        "value": str(one.value) if plain else value_words(words, one.unit, one.value),
        "year": year,
        "passage": one.passage,
    }


def _stands(words: Words, plans: CityPlans, stands: ActualStands) -> str:
    indicator = plans.indicators[stands.new.indicator_id]
    standing, new = stands.standing, stands.new
    return words(
        "plans.stands",
        name=_in(words, indicator.name),
        day=fmt.day(words, standing.observed_on),
        standing=value_words(words, indicator.unit, Fraction(standing.value)),
        source=standing.source,
        by=standing.noted_by,
        new=value_words(words, indicator.unit, Fraction(new.value)),
    )


def _in(words: Words, pair: Pair) -> str:
    return pair[0] if words.language == "ja" else pair[1]


__all__: Sequence[str] = ["PATH", "IndicatorPages", "disagreement", "row", "value_words"]
