"""The words of a plan: budgets, what can be bought, what was chosen. Money in yen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class CostPoint(StrEnum):
    """Where in its range a cost is taken."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"

    def of(self, low_high: tuple[int, int]) -> int:
        """Give that point of a range."""
        low, high = low_high
        return {CostPoint.LOW: low, CostPoint.HIGH: high}.get(self, (low + high) // 2)


class By(StrEnum):
    """What a plan brings to compliance as early as it can."""

    SCHOOLS = "schools"
    PUPILS = "pupils"


class LeftOut(StrEnum):
    """Why a school is not in a plan."""

    MET_ALREADY = "met_already"
    CANNOT_TELL = "cannot_tell"
    NOTHING_HELPS = "nothing_helps"
    """No measure that answers its findings is expected to bring it to the requirement."""
    NO_MONEY = "no_money"
    """What helps does not fit into the budgets, or brings more elsewhere."""


@dataclass(frozen=True, slots=True, order=True)
class Upstream:
    """A measure bought once for an aggregation group."""

    group: str
    measure_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What buying something in one fiscal year costs."""

    one_off_yen: int
    subsidy_yen: int
    per_year_yen: int
    subsidies: tuple[tuple[str, int], ...] = ()
    """What each subsidy pays, by its id."""

    def in_year(self, bought: int, year: int) -> int:
        """What the board pays of it in a year: once less the subsidy, and yearly from then on."""
        if year < bought:
            return 0
        once = self.one_off_yen - self.subsidy_yen if year == bought else 0
        return once + self.per_year_yen


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way to bring one school to compliance, bought in one fiscal year."""

    code: str
    measures: tuple[str, ...]
    """All of them, shared ones too."""
    needs: tuple[Upstream, ...]
    """Shared measures that must have been bought by then; their cost is not in the price."""
    year: int
    price: Price
    gain: float
    """How much likelier MET becomes, 0 to 1."""
    weight: float
    """1, or the number of pupils."""
    years_in_force: int
    """Fiscal years of the plan at whose end it works."""

    @property
    def value(self) -> float:
        """School years (or pupil years) of compliance it is expected to bring."""
        return self.gain * self.weight * self.years_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOption:
    """A shared measure for a group, bought in one fiscal year."""

    upstream: Upstream
    year: int
    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a plan is to be chosen from."""

    budgets: Mapping[int, int]
    """Yen by fiscal year; what is left over is not carried into the next (単年度予算)."""
    options: Sequence[Option]
    shared: Sequence[SharedOption]
    subsidy_totals: Mapping[str, int] = field(default_factory=dict)
    """What a subsidy pays at most over all schools and years, where it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was chosen of a problem."""

    options: tuple[Option, ...]
    shared: tuple[SharedOption, ...]

    @property
    def bought(self) -> tuple[Option | SharedOption, ...]:
        """All that money goes to."""
        return (*self.options, *self.shared)

    @property
    def value(self) -> float:
        """School years (or pupil years) of compliance to expect."""
        return sum(one.value for one in self.options)

    @property
    def reached(self) -> float:
        """Schools to expect, beyond those that are MET without it."""
        return sum(one.gain for one in self.options)

    def spent_yen(self, year: int) -> int:
        """What the board pays in a year."""
        return sum(one.price.in_year(one.year, year) for one in self.bought)

    def subsidised_yen(self, subsidy_id: str) -> int:
        """What one subsidy pays in all."""
        return sum(
            paid for one in self.bought for name, paid in one.price.subsidies if name == subsidy_id
        )


def faults_of(problem: Problem, chosen: Selection) -> list[str]:
    """Say which rules a selection breaks; empty: it may be carried out."""
    faults = [
        f"fiscal {year}: {chosen.spent_yen(year)} yen of {budget}"
        for year, budget in problem.budgets.items()
        if chosen.spent_yen(year) > budget
    ]
    codes = [one.code for one in chosen.options]
    faults += [f"{code}: chosen twice" for code in sorted(set(codes)) if codes.count(code) > 1]
    bought = {one.upstream: one.year for one in chosen.shared}
    if len(bought) < len(chosen.shared):
        faults.append("a shared measure was bought twice")
    faults += [
        f"{one.code}: {need.measure_id} of {need.group} is not there in {one.year}"
        for one in chosen.options
        for need in one.needs
        if bought.get(need, one.year + 1) > one.year
    ]
    faults += [
        f"{name}: {chosen.subsidised_yen(name)} yen of {total}"
        for name, total in problem.subsidy_totals.items()
        if chosen.subsidised_yen(name) > total
    ]
    return faults
