"""A plan of a small city: prices, lead times, what is committed, and who is left out why."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from collector.judge.model import Status
from collector.programme.path_state import CannotTell
from collector.programme.plan import Plan, make_plan
from collector.programme.plan_model import By, CostPoint, LeftOut
from collector.programme.plan_options import Wishes, offer
from collector.programme.subsidies import load_subsidies
from collector.programme.what_if import City
from tests.collector.programme.test_what_if import CATALOGUE, a_path

SUBSIDY = load_subsidies(CATALOGUE.measures)["example_half"]
LINE = CATALOGUE.measures["line_10g"]
TODAY = date(2026, 11, 29)


def wishes(budgets: Mapping[int, int], **changes: Any) -> Wishes:
    """Ask for a plan."""
    given: dict[str, Any] = {"budgets": budgets, "today": TODAY, "committed": {}}
    return Wishes(**given | changes)


def plan(states: list[Any], budgets: Mapping[int, int], *subsidies: Any, **changes: Any) -> Plan:
    """Make a plan."""
    return make_plan(City(states, CATALOGUE), subsidies, wishes(budgets, **changes))


def test_who_needs_nothing_and_of_whom_nothing_is_known_are_left_out() -> None:
    """Each with its reason; the rest is what money decides."""
    found = plan(
        [
            a_path("M1", 600, status=Status.MET),
            a_path("U1", capacity=None, status=Status.UNDETERMINED),
            a_path("U2", chances={}),
            a_path("U3", chances={"line_saturated": 0.3}),
            a_path("A1"),
            a_path("A2"),
        ],
        {2027: 520_000, 2028: 0},
    )
    assert found.left_out["M1"] is LeftOut.MET_ALREADY
    unknown = {code for code, why in found.left_out.items() if why is LeftOut.CANNOT_TELL}
    assert unknown == {"U1", "U2", "U3"}
    assert found.silent["U1"] is CannotTell.NOT_MEASURED
    assert found.silent["U3"] is CannotTell.CAUSE_UNKNOWN
    assert found.silent["U2"] is CannotTell.CAUSE_UNKNOWN
    assert {found.left_out[code] for code in ("A1", "A2")} == {LeftOut.NO_MONEY}
    assert found.years[0].left_yen == 520_000


def test_where_no_measure_reaches_the_requirement_none_is_offered() -> None:
    """A school that needs more than a gigabit path carries, whatever line it gets."""
    large = a_path("L1", 800, required_bps=1.4e9, upper_bps=1.4e9)
    assert plan([large], {2027: 10**8}).left_out == {"L1": LeftOut.NOTHING_HELPS}


def test_the_price_is_that_of_the_catalogue_less_the_subsidy() -> None:
    """Once in its year, yearly from then on, half paid, at the middle of the range."""
    once = CostPoint.MIDDLE.of(LINE.one_off_yen)
    yearly = CostPoint.MIDDLE.of(LINE.per_year_yen)
    found = plan([a_path()], {2027: 1_000_000, 2028: 1_000_000}, SUBSIDY)
    first, second = found.years
    assert found.chosen == {"A1": frozenset({"line_10g"})}
    assert (first.one_off_yen, first.subsidy_yen, first.per_year_yen) == (once, once // 2, yearly)
    assert second.spent_yen == yearly
    assert found.reached == pytest.approx(second.after.met_expected, abs=1e-9)
    assert found.yen(found.solved.selection) == once - once // 2 + 2 * yearly


def test_a_subsidy_that_is_spent_is_not_counted_on() -> None:
    """Its total over all schools holds; the rest is paid in full."""
    small = load_subsidies(CATALOGUE.measures)["example_half"]
    few = type(small)(
        **{name: getattr(small, name) for name in small.__slots__} | {"total_yen": 100_000}
    )
    states = [a_path(f"S{number}") for number in range(4)]
    found = plan(states, {2027: 10_000_000, 2028: 10_000_000}, few)
    assert len(found.chosen) == 4
    assert sum(year.subsidy_yen for year in found.years) <= 100_000
    assert sum(year.subsidy_yen for year in found.years) > 0


def test_what_is_ordered_late_in_a_year_helps_from_the_next() -> None:
    """26 weeks do not fit into what is left of fiscal 2026 in November."""
    city = City([a_path()], CATALOGUE)
    running = offer(city, [], wishes({2026: 10**7, 2027: 0}))
    in_force = {(one.year, one.measures): one.years_in_force for one in running.problem.options}
    assert in_force[2026, ("line_10g",)] == 1
    coming = offer(city, [], wishes({2027: 10**7, 2028: 0}))
    assert {one.years_in_force for one in coming.problem.options if one.year == 2027} == {2}


def test_what_is_committed_is_neither_bought_again_nor_counted_as_gained() -> None:
    """A line on order makes the school likely to be met without the plan."""
    committed = {"A1": frozenset({"line_10g"})}
    found = plan([a_path(), a_path("A2")], {2027: 10**6, 2028: 10**6}, committed=committed)
    assert found.before.schools["A1"].met_ratio > 0.8
    assert "line_10g" not in found.chosen.get("A1", frozenset())
    assert found.chosen["A2"] == frozenset({"line_10g"})


def test_the_same_upstream_is_bought_once_and_serves_all() -> None:
    """Ten schools behind a thin upstream: one upgrade, no line for any of them."""
    states = [
        a_path(f"S{number}", group="north", chances={"aggregation_thin": 0.97})
        for number in range(40)
    ]
    found = plan(states, {2027: 30_000_000, 2028: 8_000_000})
    assert [one.upstream.measure_id for one in found.years[0].shared] == ["aggregation_upgrade"]
    assert len(found.chosen) == 40
    assert found.years[1].after.met_expected > 30


def test_pupils_are_another_wish_than_schools() -> None:
    """With money for one of two, the larger school goes first where pupils count."""
    cheap = a_path("S1", pupils=60, chances={"half_duplex": 0.97})
    dear = a_path("L1", pupils=900)
    budget = {2027: 700_000, 2028: 360_000}
    small = plan([cheap, dear, a_path("L2", pupils=800)], budget)
    large = plan([cheap, dear, a_path("L2", pupils=800)], budget, by=By.PUPILS)
    assert "S1" in small.chosen
    assert "L1" in large.chosen


def test_a_plan_is_never_worse_than_greed_and_keeps_its_budgets() -> None:
    """On a city of mixed causes."""
    causes = ("line_saturated", "pppoe_congested", "router_limit", "port_100m", "filter_slow")
    states = [
        a_path(f"S{n:02}", 150 + 8 * n, pupils=100 + n, chances={causes[n % 5]: 0.6 + 0.01 * n})
        for n in range(30)
    ]
    found = plan(states, {2027: 2_500_000, 2028: 4_000_000}, SUBSIDY)
    assert found.solved.selection.value >= found.greedy.value
    assert all(year.left_yen >= 0 for year in found.years)
    assert len(found.chosen) + len(found.left_out) == 30
