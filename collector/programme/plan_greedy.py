"""A plan by greed: what brings most per yen first, as long as it fits. The comparison."""

from collections.abc import Iterator
from typing import Final

from collector.programme.plan_model import Option, Problem, Selection, Upstream

NOTHING: Final = Selection(options=(), shared=())
PASSES: Final = 6


def choose_greedily(problem: Problem) -> Selection:
    """Take the option, or the shared measure with all it helps, that brings most per yen.

    Yen are those of all years of the plan, less subsidies. With what is left, schools get another
    option in place of theirs where that brings more, most per further yen first.
    """
    taking = _Taking(problem)
    waiting = sorted(
        (Selection(options=(one,), shared=()) for one in problem.options),
        key=lambda one: -taking.worth(one),
    )
    packages = list(_groups(problem))
    while True:
        waiting = [one for one in waiting if one.options[0].code not in taking.codes]
        single = next((one for one in waiting if taking.fits(one)), None)
        group = max(
            (more for one in packages if (more := taking.rest_of(one)) and taking.fits(more)),
            key=taking.worth,
            default=None,
        )
        best = max(
            (one for one in (single, group) if one is not None), key=taking.worth, default=None
        )
        if best is None:
            break
        taking.take(best)
    for _ in range(PASSES):  # money is left: more for a school that has something already
        if not taking.exchange_some():
            break
    return taking.chosen


class _Taking:
    """What is taken so far, and what is left of the money."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._left = dict(problem.budgets)
        self._subsidies = dict(problem.subsidy_totals)
        self._bought: dict[Upstream, int] = {}
        self.codes: set[str] = set()
        self.chosen = NOTHING

    def worth(self, one: Selection) -> float:
        """Value per yen."""
        return one.value / max(1, sum(one.spent_yen(year) for year in self._problem.budgets))

    def rest_of(self, package: Selection) -> Selection | None:
        """What of a package is not there yet; None where no school is left in it."""
        options = tuple(one for one in package.options if one.code not in self.codes)
        shared = tuple(one for one in package.shared if one.upstream not in self._bought)
        return Selection(options=options, shared=shared) if options and shared else None

    def fits(self, one: Selection) -> bool:
        """Say whether money and shared measures allow it."""
        coming = self._bought | {shared.upstream: shared.year for shared in one.shared}
        ready = all(
            coming.get(need, option.year + 1) <= option.year
            for option in one.options
            for need in option.needs
        )
        return (
            ready
            and all(one.spent_yen(year) <= left for year, left in self._left.items())
            and all(one.subsidised_yen(name) <= left for name, left in self._subsidies.items())
        )

    def take(self, one: Selection) -> None:
        """Take it and pay."""
        for year in self._left:
            self._left[year] -= one.spent_yen(year)
        for name in self._subsidies:
            self._subsidies[name] -= one.subsidised_yen(name)
        self.codes |= {option.code for option in one.options}
        self._bought |= {shared.upstream: shared.year for shared in one.shared}
        self.chosen = Selection(
            options=(*self.chosen.options, *one.options), shared=(*self.chosen.shared, *one.shared)
        )

    def exchange_some(self) -> bool:
        """Give schools a better option in place of theirs; say whether any was exchanged."""
        held = {one.code: one for one in self.chosen.options}
        better = [
            (self._further(held[one.code], one), one)
            for one in self._problem.options
            if one.code in held and one.value > held[one.code].value
        ]
        exchanged = False
        for _, one in sorted(better, key=lambda pair: -pair[0]):
            old = next(each for each in self.chosen.options if each.code == one.code)
            if one.value <= old.value:  # exchanged already in this pass
                continue
            self._give_back(old)
            new = Selection(options=(one,), shared=())
            fits = self.fits(new)
            self.take(new if fits else Selection(options=(old,), shared=()))
            exchanged = exchanged or fits
        return exchanged

    def _further(self, old: Option, new: Option) -> float:
        """Value per further yen."""
        yen = [
            sum(one.price.in_year(one.year, year) for year in self._problem.budgets)
            for one in (old, new)
        ]
        return (new.value - old.value) / max(1, yen[1] - yen[0])

    def _give_back(self, option: Option) -> None:
        alone = Selection(options=(option,), shared=())
        for year in self._left:
            self._left[year] += alone.spent_yen(year)
        for name in self._subsidies:
            self._subsidies[name] += alone.subsidised_yen(name)
        self.codes.remove(option.code)
        rest = tuple(one for one in self.chosen.options if one is not option)
        self.chosen = Selection(options=rest, shared=self.chosen.shared)


def _groups(problem: Problem) -> Iterator[Selection]:
    """A shared measure with, for each school, the option of that year that gains most by it."""
    for shared in problem.shared:
        best: dict[str, Option] = {}
        for option in problem.options:
            if option.needs == (shared.upstream,) and option.year == shared.year:
                known = best.get(option.code)
                if known is None or _rank(option) > _rank(known):
                    best[option.code] = option
        if best:
            yield Selection(options=tuple(best.values()), shared=(shared,))


def _rank(option: Option) -> tuple[float, int]:
    price = option.price
    cost = price.one_off_yen - price.subsidy_yen + price.per_year_yen
    return option.value / max(1, cost), -cost
