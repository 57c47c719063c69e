"""What a file of plans holds, checked. Numbers are exact: they are compared as they are printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

Pair = tuple[str, str]
"""Japanese and English."""


class Unit(StrEnum):
    """What a number counts."""

    SCHOOLS = "schools"
    PUPILS = "pupils"
    DEVICES = "devices"
    PERCENT = "percent"
    SECONDS = "seconds"
    YEAR = "year"
    YES_NO = "yes_no"
    """1 yes, 0 no."""


class Origin(StrEnum):
    """Whose a target or a day is."""

    PLAN = "plan"
    NATIONAL = "national"
    PROPOSED = "proposed"
    """Of whoever wrote the file: the plan names none."""


class Observed(StrEnum):
    """What the collector knows of the city beside the plans."""

    SCHOOLS = "city.schools"
    """Schools that are imported."""
    PUPILS = "city.pupils"
    """Sum over them."""
    BASELINE_MET = "city.baseline_met"
    """Schools that met the requirement in the imported survey baseline."""
    SAMPLE_SCHOOLS = "city.sample_schools"
    """Schools marked as sample schools."""


class Automatic(StrEnum):
    """What the collector computes by itself."""

    MET_SCHOOLS = "met_schools"
    """Schools whose quiet capacity is MET in the week shown."""
    MET_PERCENT = "met_percent"
    SAMPLE_IDENTIFIED = "sample_identified"
    """Sample schools whose problems are identified."""
    DESK_IDENTIFIED = "desk_identified"
    """All others whose problems are identified."""
    IMPROVED_SCHOOLS = "improved_schools"
    MEASURES_BEGUN = "measures_begun"
    """Whether any measure is planned, ordered or done."""
    MEASURES_DONE_PERCENT = "measures_done_percent"
    """Measures done, of those that were not cancelled."""
    DEVICES_TOTAL = "devices_total"
    """Sum of the fact ``device.count``; only where every school has it."""
    CLOUD_REACHABLE_PERCENT = "cloud_reachable_percent"
    """Tests of the https probe that reached ``https_target``, of those that were made."""
    CLOUD_RESPONSE_SECONDS = "cloud_response_seconds"
    """Median of their whole time, from the name to the last byte."""

    @property
    def asks_cloud(self) -> bool:
        """Whether it needs ``https_target``."""
        return self in (Automatic.CLOUD_REACHABLE_PERCENT, Automatic.CLOUD_RESPONSE_SECONDS)


class Comparison(StrEnum):
    """How a figure stands to another, or an actual to its target."""

    EQUALS = "equals"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"

    def holds(self, left: Fraction, right: Fraction) -> bool:
        """Say whether it is so."""
        if self is Comparison.EQUALS:
            return left == right
        return left <= right if self is Comparison.AT_MOST else left >= right


class Form(StrEnum):
    """How the right side of a relation is made of its operands."""

    SAME = "same"
    """The operand itself."""
    SUM = "sum"
    DIFFERENCE = "difference"
    """The first less the second."""
    PRODUCT = "product"
    """The operand times ``factor``, rounded down to a whole number."""
    PERCENT = "percent"
    """100 times the first by the second, rounded half up to ``decimals``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One of the plans."""

    plan_id: str
    name: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that a plan prints."""

    figure_id: str
    plan_id: str
    name: Pair
    value: Fraction
    unit: Unit
    fiscal_year: int | None
    """Column of the plan's table; 2024 is 令和6年度."""
    passage: str
    """Where it stands, in the plan's own words."""
    line: int
    """Line of the file that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Arithmetic that must hold between figures."""

    relation_id: str
    left: str
    """Id of a figure."""
    comparison: Comparison
    form: Form
    operands: tuple[str, ...]
    """Ids of figures, or names of :class:`Observed`."""
    factor: Fraction
    decimals: int
    why: Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """What is tracked of a plan."""

    indicator_id: str
    plan_id: str
    name: Pair
    unit: Unit
    target: Fraction
    target_figure: str | None
    """The figure the target is, None where it is written as a number."""
    target_from: Origin
    comparison: Comparison
    """At least the target, or at most."""
    due_on: date | None
    due_from: Origin | None
    automatic: Automatic | None
    https_target: str | None
    passage: str
    note: Pair | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPlans:
    """All plans of one city."""

    file: str
    """Name of the file, for messages."""
    city: Pair
    source: str
    version: str
    plans: tuple[Plan, ...]
    figures: Mapping[str, Figure]
    relations: tuple[Relation, ...]
    indicators: Mapping[str, Indicator]
    text: str
    """The file as it was read: what is adopted."""

    def of_plan(self, plan_id: str) -> Sequence[Indicator]:
        """The indicators of one plan, in the order of the file."""
        return [one for one in self.indicators.values() if one.plan_id == plan_id]
