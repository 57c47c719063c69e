"""The solver: equal to trying everything on small plans, never worse than greed, rules kept."""

from itertools import product
from random import Random

import pytest

from collector.programme.plan_greedy import choose_greedily
from collector.programme.plan_model import (
    Option,
    Price,
    Problem,
    Selection,
    SharedOption,
    Upstream,
    faults_of,
)
from collector.programme.plan_solve import solve

YEARS = (2027, 2028)
NORTH = Upstream("north", "aggregation_upgrade")


def a_price(once: int, yearly: int = 0, subsidy: int = 0) -> Price:
    """A price, its subsidy paid by ``half``."""
    paid = (("half", subsidy),) if subsidy else ()
    return Price(one_off_yen=once, subsidy_yen=subsidy, per_year_yen=yearly, subsidies=paid)


def an_option(code: str, year: int, once: int, gain: float, **changes: object) -> Option:
    """A line for one school, in force from the year it is bought in."""
    given: dict[str, object] = {
        "code": code,
        "measures": ("line_10g",),
        "needs": (),
        "year": year,
        "price": a_price(once),
        "gain": gain,
        "weight": 1.0,
        "years_in_force": YEARS[-1] - year + 1,
    }
    return Option(**given | changes)  # type: ignore[arg-type]


def a_problem(chance: Random, schools: int = 4) -> Problem:
    """A random plan, small enough to try everything."""
    options = []
    for number in range(schools):
        needs = (NORTH,) if chance.random() < 0.4 else ()
        for _ in range(chance.randint(1, 2)):
            once, yearly = chance.randint(1, 30) * 10_000, chance.choice((0, 0, 20_000))
            subsidy = chance.choice((0, once // 2))
            gain = round(chance.uniform(0.05, 0.95), 3)
            options += [
                an_option(
                    f"S{number}",
                    year,
                    once,
                    gain,
                    price=a_price(once, yearly, subsidy),
                    needs=needs,
                )
                for year in YEARS
            ]
    shared = [
        SharedOption(upstream=NORTH, year=year, price=a_price(chance.randint(5, 40) * 10_000))
        for year in YEARS
    ]
    return Problem(
        budgets={year: chance.randint(5, 60) * 10_000 for year in YEARS},
        options=options,
        shared=shared,
        subsidy_totals={"half": chance.randint(0, 30) * 10_000},
    )


def by_trying(problem: Problem) -> float:
    """The best value there is: every choice of every school with every year of the upstream."""
    codes = sorted({one.code for one in problem.options})
    choices = [[None, *(one for one in problem.options if one.code == code)] for code in codes]
    best = 0.0
    for shared in (None, *problem.shared):
        for picked in product(*choices):
            chosen = Selection(
                options=tuple(one for one in picked if one), shared=(shared,) if shared else ()
            )
            if chosen.value > best and not faults_of(problem, chosen):
                best = chosen.value
    return best


@pytest.mark.parametrize("seed", range(40))
def test_the_solver_finds_what_trying_everything_finds(seed: int) -> None:
    """And is never worse than greed; both keep every rule."""
    problem = a_problem(Random(seed))
    found = solve(problem, gap_ratio=0.0)
    greedy = choose_greedily(problem)
    assert faults_of(problem, found.selection) == []
    assert faults_of(problem, greedy) == []
    assert found.selection.value == pytest.approx(by_trying(problem), abs=1e-4)
    assert found.selection.value >= greedy.value - 1e-9


def test_greed_loses_somewhere() -> None:
    """The comparison is not idle: over these plans the solver is better several times."""
    better = 0
    for seed in range(40):
        problem = a_problem(Random(seed))
        gain = solve(problem, gap_ratio=0.0).selection.value - choose_greedily(problem).value
        better += gain > 1e-6
    assert better >= 5


def test_early_goes_before_late() -> None:
    """With money for both in the first year neither waits."""
    options = [an_option(code, year, 100, 0.9) for code in "AB" for year in YEARS]
    problem = Problem(budgets={2027: 200, 2028: 200}, options=options, shared=[])
    assert {one.year for one in solve(problem).selection.options} == {2027}


def test_yearly_costs_bind_the_years_after() -> None:
    """A line that is cheap at first but not paid for in the second year is not taken."""
    dear = an_option("A", 2027, 100, 0.9, price=a_price(100, 50))
    problem = Problem(budgets={2027: 1_000, 2028: 40}, options=[dear], shared=[])
    assert solve(problem).selection.options == ()
    assert choose_greedily(problem).options == ()
    enough = Problem(budgets={2027: 1_000, 2028: 50}, options=[dear], shared=[])
    assert solve(enough).selection.options == (dear,)


def test_an_upstream_is_bought_only_where_enough_schools_share_it() -> None:
    """Two schools do not pay for it, ten do; it is paid once."""

    def plan(schools: int) -> Selection:
        options = [
            an_option(f"S{n}", 2027, 0, 0.8, needs=(NORTH,), measures=("aggregation_upgrade",))
            for n in range(schools)
        ]
        options.append(an_option("X", 2027, 900_000, 0.99, weight=3.0))
        shared = [SharedOption(upstream=NORTH, year=2027, price=a_price(1_000_000))]
        return solve(
            Problem(budgets={2027: 1_000_000, 2028: 0}, options=options, shared=shared)
        ).selection

    assert [one.code for one in plan(2).options] == ["X"]
    assert len(plan(10).options) == 10
    assert plan(10).spent_yen(2027) == 1_000_000


def test_broken_rules_are_named() -> None:
    """What is checked after the solver is not what the solver was told: it is counted anew."""
    option = an_option("A", 2027, 300, 0.9, needs=(NORTH,), price=a_price(300, 0, 100))
    problem = Problem(budgets={2027: 100}, options=[option], shared=[], subsidy_totals={"half": 50})
    chosen = Selection(options=(option, option), shared=())
    assert faults_of(problem, chosen) == [
        "fiscal 2027: 400 yen of 100",
        "A: chosen twice",
        "A: aggregation_upgrade of north is not there in 2027",
        "A: aggregation_upgrade of north is not there in 2027",
        "half: 200 yen of 50",
    ]


def test_a_solver_without_time_gives_greed_or_better() -> None:
    """Its limit is kept and said."""
    problem = a_problem(Random(3), schools=60)
    found = solve(problem, time_limit_seconds=0.0)
    assert found.selection.value >= choose_greedily(problem).value
    assert found.status
