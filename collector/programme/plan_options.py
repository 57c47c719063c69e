"""What can be bought for whom: from the draws of a city to the problem a solver chooses from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Final

from collector.judge.model import Status
from collector.programme.fiscal import days_left, end_of, start_of
from collector.programme.measures_catalogue import MeasureDefinition
from collector.programme.path_state import CannotTell, PathState
from collector.programme.plan_model import (
    By,
    CostPoint,
    LeftOut,
    Option,
    Price,
    Problem,
    SharedOption,
    Upstream,
)
from collector.programme.subsidies import Subsidy, best_subsidy
from collector.programme.what_if import Chosen, City

MOST_MEASURES: Final = 3
"""Measures that are bought together for a school at most."""
LEAST_GAIN: Final = 0.05
"""A choice that makes MET less than this much likelier is not offered."""
MOST_CHOICES: Final = 6
"""Choices for one school, the cheapest for what they bring."""
LIKELY: Final = 0.05
"""Findings at least this probable are answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a plan is asked for."""

    budgets: Mapping[int, int]
    """Yen by fiscal year."""
    today: date
    by: By = By.SCHOOLS
    costs: CostPoint = CostPoint.MIDDLE
    committed: Chosen
    """Measures already planned or ordered, by school: taken as coming, and as paid for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The problem, and why schools are not in it."""

    problem: Problem
    left_out: Mapping[str, LeftOut]
    silent: Mapping[str, CannotTell]
    """Why nothing can be told of a school."""


def offer(city: City, subsidies: Sequence[Subsidy], wishes: Wishes) -> Offer:
    """Make the problem: for each school the choices worth their money, in each year."""
    base = city.expect(wishes.committed)
    committed = city.spread(wishes.committed)
    shop = _Shop(city, subsidies, wishes)
    options: list[Option] = []
    left_out: dict[str, LeftOut] = {}
    silent: dict[str, CannotTell] = {}
    for code, state in city.states.items():
        expected = base.schools[code]
        if state.status is Status.MET or expected.met_ratio > 1 - LEAST_GAIN:
            left_out[code] = LeftOut.MET_ALREADY
        elif expected.cannot_tell is not None:
            left_out[code], silent[code] = LeftOut.CANNOT_TELL, expected.cannot_tell
        else:
            found = shop.options(state, committed.get(code, frozenset()))
            if found is None:
                left_out[code] = LeftOut.CANNOT_TELL
                silent[code] = CannotTell.CAUSE_UNKNOWN
            elif not found:
                left_out[code] = LeftOut.NOTHING_HELPS
            options += found or []
    totals = {one.id: one.total_yen for one in subsidies if one.total_yen is not None}
    problem = Problem(
        budgets=dict(sorted(wishes.budgets.items())),
        options=options,
        shared=shop.shared({need for one in options for need in one.needs}),
        subsidy_totals=totals,
    )
    return Offer(problem=problem, left_out=left_out, silent=silent)


class _Shop:
    """Prices and effects of what may be bought."""

    def __init__(self, city: City, subsidies: Sequence[Subsidy], wishes: Wishes) -> None:
        self._city = city
        self._subsidies = subsidies
        self._wishes = wishes
        self._years = sorted(wishes.budgets)

    def options(self, state: PathState, has: frozenset[str]) -> list[Option] | None:
        """What may be bought for one school; None where nothing can be told of it."""
        if state.known_ratio < self._city.catalogue.model.least_known_ratio:
            return None
        choices = self._choices(state, has)
        told = dict(self._city.met_ratios(state.code, [has, *(has | one for one in choices)]))
        ratios = {one: told[has | one] - told[has] for one in choices}
        return [
            option
            for choice, gain in self._worth_it(state, ratios)
            for year in self._years
            for option in self._in_year(state, choice, gain, year)
        ]

    def shared(self, upstreams: Iterable[Upstream]) -> list[SharedOption]:
        """Shared measures in each year."""
        return [
            SharedOption(upstream=one, year=year, price=self._price([measure], year, plain=False))
            for one in sorted(upstreams)
            for measure in [self._city.catalogue.measures[one.measure_id]]
            for year in self._years
        ]

    def _choices(self, state: PathState, has: frozenset[str]) -> list[frozenset[str]]:
        likely = {finding for finding, chance in state.chances.items() if chance >= LIKELY}
        slow = {
            key
            for key, speed in state.nominal_bps.items()
            if speed * self._city.catalogue.model.goodput_ratio < state.upper_bps
        }
        useful = [
            one.id
            for one in self._city.catalogue.measures.values()
            if self._city.acts(state, one)
            and one.id not in has
            and (one.answers & likely or one.lifts & slow)
        ]
        return [
            frozenset(choice)
            for count in range(1, MOST_MEASURES + 1)
            for choice in combinations(useful, count)
        ]

    def _worth_it(
        self, state: PathState, gains: Mapping[frozenset[str], float]
    ) -> list[tuple[frozenset[str], float]]:
        """Leave out what brings no more than something that costs no more and needs no more."""
        priced = sorted(
            (
                (self._cost(state, choice), -gain, sorted(choice), choice)
                for choice, gain in gains.items()
                if gain >= LEAST_GAIN
            ),
        )
        kept: list[tuple[frozenset[str], float]] = []
        for _, loss, _, choice in priced:
            needs = self._needs(state, choice)
            if all(other < -loss for one, other in kept if self._needs(state, one) <= needs):
                kept.append((choice, -loss))
        return kept[:MOST_CHOICES]

    def _needs(self, state: PathState, choice: frozenset[str]) -> frozenset[Upstream]:
        measures = self._city.catalogue.measures
        return frozenset(
            Upstream(state.group, one) for one in choice if measures[one].shared and state.group
        )

    def _own(self, state: PathState, choice: frozenset[str]) -> list[MeasureDefinition]:
        measures = (self._city.catalogue.measures[one] for one in sorted(choice))
        return [one for one in measures if not (one.shared and state.group)]

    def _cost(self, state: PathState, choice: frozenset[str]) -> int:
        point, years = self._wishes.costs, len(self._years)
        return sum(
            point.of(one.one_off_yen) + years * point.of(one.per_year_yen)
            for one in self._own(state, choice)
        )

    def _in_year(
        self, state: PathState, choice: frozenset[str], gain: float, year: int
    ) -> Iterator[Option]:
        measures = [self._city.catalogue.measures[one] for one in sorted(choice)]
        weeks = max(one.lead_weeks[1] for one in measures)
        in_force = sum(later >= self._ready(year, weeks) for later in self._years)
        if not in_force:
            return
        own = self._own(state, choice)
        prices = [self._price(own, year, plain=False)]
        if self._limited(prices[0]):
            prices.append(self._price(own, year, plain=True))
        for price in prices:
            yield Option(
                code=state.code,
                measures=tuple(sorted(choice)),
                needs=tuple(sorted(self._needs(state, choice))),
                year=year,
                price=price,
                gain=gain,
                weight=float(state.pupils) if self._wishes.by is By.PUPILS else 1.0,
                years_in_force=in_force,
            )

    def _ready(self, year: int, weeks: int) -> int:
        """Fiscal year at whose end something is in use that is ordered as that year begins."""
        ordered = max(start_of(year), self._wishes.today)
        if weeks * 7 <= days_left(ordered, end_of(year)) + 1:
            return year
        return year + 1 + max(0, weeks * 7 - 366) // 366

    def _price(self, measures: Sequence[MeasureDefinition], year: int, *, plain: bool) -> Price:
        """Costs of measures bought in a year; ``plain``: without any subsidy."""
        point, once, yearly = self._wishes.costs, 0, 0
        paid: dict[str, int] = {}
        for one in measures:
            first, then = point.of(one.one_off_yen), point.of(one.per_year_yen)
            once, yearly = once + first, yearly + then
            subsidy, yen = best_subsidy(self._subsidies, one.id, year, first, then)
            if subsidy is not None and not plain:
                paid[subsidy.id] = paid.get(subsidy.id, 0) + yen
        return Price(
            one_off_yen=once,
            subsidy_yen=sum(paid.values()),
            per_year_yen=yearly,
            subsidies=tuple(sorted(paid.items())),
        )

    def _limited(self, price: Price) -> bool:
        totals = {one.id: one.total_yen for one in self._subsidies}
        return any(totals[name] is not None for name, _ in price.subsidies)
