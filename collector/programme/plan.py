"""A plan: which measures in which fiscal year, what they cost, whom they reach, what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.programme.path_state import CannotTell
from collector.programme.plan_greedy import choose_greedily
from collector.programme.plan_model import LeftOut, Option, Selection, SharedOption
from collector.programme.plan_options import Offer, Wishes, offer
from collector.programme.plan_solve import TIME_LIMIT_SECONDS, Solved, solve
from collector.programme.subsidies import Subsidy
from collector.programme.what_if import Chosen, City, CityExpectation


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanYear:
    """One fiscal year of a plan. Money in yen."""

    year: int
    budget_yen: int
    one_off_yen: int
    """Before subsidies."""
    subsidy_yen: int
    per_year_yen: int
    """Yearly costs of all that was bought by then."""
    options: tuple[Option, ...]
    shared: tuple[SharedOption, ...]
    after: CityExpectation
    """At its end, with what is in use by then."""

    @property
    def spent_yen(self) -> int:
        """What the board pays."""
        return self.one_off_yen - self.subsidy_yen + self.per_year_yen

    @property
    def left_yen(self) -> int:
        """What is not spent; it is not carried over."""
        return self.budget_yen - self.spent_yen


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan with its comparison."""

    wishes: Wishes
    before: CityExpectation
    """Without it, with what is committed."""
    years: tuple[PlanYear, ...]
    solved: Solved
    greedy: Selection
    left_out: Mapping[str, LeftOut]
    silent: Mapping[str, CannotTell]

    @property
    def reached(self) -> float:
        """Schools it is expected to bring to MET, beyond those that are without it."""
        return self.solved.selection.reached

    def yen(self, selection: Selection) -> int:
        """What the board pays for a selection over all years."""
        return sum(selection.spent_yen(year) for year in self.wishes.budgets)

    def per_million_yen(self, selection: Selection) -> float | None:
        """Schools expected per million yen; None where nothing is spent."""
        yen = self.yen(selection)
        return selection.reached / (yen / 1e6) if yen else None

    @property
    def chosen(self) -> Chosen:
        """The measures it adds, by school."""
        return {one.code: frozenset(one.measures) for one in self.solved.selection.options}


def make_plan(
    city: City,
    subsidies: Sequence[Subsidy],
    wishes: Wishes,
    *,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
) -> Plan:
    """Choose a plan for a city. Raises KeyError where a committed school or measure is unknown."""
    offered = offer(city, subsidies, wishes)
    solved = solve(offered.problem, time_limit_seconds=time_limit_seconds)
    chosen = solved.selection
    left_out = dict(offered.left_out)
    for option in offered.problem.options:
        left_out.setdefault(option.code, LeftOut.NO_MONEY)
    for option in chosen.options:
        left_out.pop(option.code, None)
    return Plan(
        wishes=wishes,
        before=city.expect(wishes.committed),
        years=tuple(_year(city, offered, wishes, chosen, year) for year in offered.problem.budgets),
        solved=solved,
        greedy=choose_greedily(offered.problem),
        left_out=left_out,
        silent=offered.silent,
    )


def _year(city: City, offered: Offer, wishes: Wishes, chosen: Selection, year: int) -> PlanYear:
    last = max(offered.problem.budgets)
    in_use = {
        one.code: frozenset(one.measures)
        for one in chosen.options
        if last - one.years_in_force + 1 <= year
    }
    together = {
        code: frozenset(wishes.committed.get(code, ())) | in_use.get(code, frozenset())
        for code in {*wishes.committed, *in_use}
    }
    bought = [one for one in chosen.bought if one.year == year]
    return PlanYear(
        year=year,
        budget_yen=offered.problem.budgets[year],
        one_off_yen=sum(one.price.one_off_yen for one in bought),
        subsidy_yen=sum(one.price.subsidy_yen for one in bought),
        per_year_yen=sum(one.price.per_year_yen for one in chosen.bought if one.year <= year),
        options=tuple(one for one in chosen.options if one.year == year),
        shared=tuple(one for one in chosen.shared if one.year == year),
        after=city.expect(together),
    )
