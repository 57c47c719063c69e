"""The page of plans: budgets in, the order of measures out; operators take it over from there."""

from collections import Counter
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from collector.judge.week import local
from collector.pages import format as fmt
from collector.pages.answer import Answers, cut, words_of
from collector.pages.i18n import Words
from collector.pages.measure_words import assumptions, measure_name, yen
from collector.pages.programme_ask import Busy, CityAsker
from collector.pages.programme_what_if import count_words
from collector.pages.sources import PageSources
from collector.programme.fiscal import fiscal_year_of, label, start_of
from collector.programme.plan import Plan, PlanYear, make_plan
from collector.programme.plan_model import By, CostPoint, Selection
from collector.programme.plan_options import Wishes
from collector.programme.subsidies import load_subsidies

PATH: Final = "/programme/plan"
YEARS: Final = 4
MOST_TEN_THOUSANDS: Final = 100_000_000
TEN_THOUSAND: Final = 10_000


class PlanRefused(Exception):
    """A plan that was asked for wrongly: the year, and what was found."""

    def __init__(self, year: int, found: str) -> None:
        self.year = year
        self.found = found
        super().__init__(f"fiscal {year}: found {found}")


class PlanPages:
    """The route: for viewers, it changes nothing."""

    def __init__(self, sources: PageSources, answers: Answers, asker: CityAsker) -> None:
        self._sources = sources
        self._answers = answers
        self._asker = asker
        self._subsidies = load_subsidies(asker.catalogue.measures)

    def router(self) -> APIRouter:
        """Make the route."""
        routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        routes.get(PATH)(self.ask)
        return routes

    def ask(self, request: Request) -> Response:
        """Answer ``?yYEAR=BUDGET``, in units of 10,000 yen as budgets are written."""
        words, asked = words_of(request), request.query_params
        first = fiscal_year_of(local(self._sources.shown.now()).date())
        years = list(range(first, first + YEARS))
        texts = {year: cut(asked.get(f"y{year}", "").strip()) for year in years}
        by, costs = cut(asked.get("by", "")), cut(asked.get("costs", ""))
        chosen = [one for one in asked.getlist("subsidy") if one in self._subsidies]
        values: dict[str, Any] = {
            "years": [(year, label(year, words.language), texts[year]) for year in years],
            "by": by if by in set(By) else By.SCHOOLS.value,
            "costs": costs if costs in set(CostPoint) else CostPoint.MIDDLE.value,
            "bys": [one.value for one in By],
            "points": [one.value for one in CostPoint],
            "subsidies": [
                (one.id, one.names[words.language], one.id in chosen, one.rate_ratio)
                for one in self._subsidies.values()
            ],
            "problem": "",
            "found": None,
        }
        status = 200
        if any(texts.values()):
            try:
                budgets = {year: _budget(year, text) for year, text in texts.items() if text}
                with self._asker.asked() as now:
                    wishes = Wishes(
                        budgets=budgets,
                        today=local(self._sources.shown.now()).date(),
                        by=By(values["by"]),
                        costs=CostPoint(values["costs"]),
                        committed=now.committed,
                    )
                    plan = make_plan(now.city, [self._subsidies[one] for one in chosen], wishes)
                    values["found"] = self._found(words, plan, now.week)
            except PlanRefused as refused:
                year = label(refused.year, words.language)
                values["problem"] = words("plan.bad_budget", year=year, found=refused.found)
                status = 422
            except Busy:
                values["problem"], status = words("what_if.busy"), 503
        return self._answers.page(request, "programme_plan.html", values, status)

    def _found(self, words: Words, plan: Plan, week: str) -> dict[str, Any]:
        catalogue = self._asker.catalogue
        names = {school.code: school.name for school in self._sources.store.schools()}
        selection = plan.solved.selection
        given = {one for option in selection.options for one in option.measures}
        reasons = Counter(plan.left_out.values())
        gap = plan.solved.gap_ratio
        return {
            "week": fmt.week_name(words, week),
            "before": count_words(words, plan.before),
            "years": [self._year(words, year, names) for year in plan.years],
            "compared": [
                _compared(words, plan, "plan", selection),
                _compared(words, plan, "greedy", plan.greedy),
            ],
            "method": plan.solved.method,
            "gap": words("site.none") if gap is None else f"{gap:.2%}",
            "status": plan.solved.status,
            "left_out": [
                (why.value, number, [code for code, one in plan.left_out.items() if one is why])
                for why, number in sorted(reasons.items())
            ],
            "assumptions": assumptions(words, catalogue, given),
            "want": [
                f"{option.code} {one} {start_of(option.year)}"
                for option in selection.options
                for one in option.measures
            ],
        }

    def _year(self, words: Words, year: PlanYear, names: dict[str, str]) -> dict[str, Any]:
        catalogue = self._asker.catalogue
        return {
            "label": label(year.year, words.language),
            "budget": yen(words, year.budget_yen),
            "one_off": yen(words, year.one_off_yen),
            "subsidy": yen(words, year.subsidy_yen),
            "per_year": yen(words, year.per_year_yen),
            "left": yen(words, year.left_yen),
            "after": count_words(words, year.after),
            "shared": [
                (one.upstream.group, measure_name(words, catalogue, one.upstream.measure_id))
                for one in year.shared
            ],
            "options": [
                (
                    option.code,
                    names.get(option.code, ""),
                    [measure_name(words, catalogue, one) for one in option.measures],
                    yen(words, option.price.one_off_yen),
                    f"{option.gain:.0%}",
                )
                for option in year.options
            ],
        }


def _compared(words: Words, plan: Plan, name: str, selection: Selection) -> dict[str, str]:
    rate = plan.per_million_yen(selection)
    return {
        "name": name,
        "reached": f"{selection.reached:.1f}",
        "yen": yen(words, plan.yen(selection)),
        "rate": words("site.none") if rate is None else f"{rate:.3f}",
        "value": f"{selection.value:.1f}",
    }


def _budget(year: int, text: str) -> int:
    number = text.replace(",", "").replace("，", "")
    if not (number.isascii() and number.isdecimal() and int(number) <= MOST_TEN_THOUSANDS):
        raise PlanRefused(year, text)
    return int(number) * TEN_THOUSAND
