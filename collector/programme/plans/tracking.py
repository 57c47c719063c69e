"""Where each indicator stands on a day: its value, its target, and whether its day has passed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from collector.programme.plans.actuals import Actual
from collector.programme.plans.automatic import Computed
from collector.programme.plans.model import CityPlans, Comparison, Indicator, Unit


class Standing(StrEnum):
    """How an indicator stands."""

    REACHED = "reached"
    OPEN = "open"
    """Not reached, and its day has not passed or none is named."""
    OVERDUE = "overdue"
    """Its day has passed and it is not reached, or nobody knows."""
    UNKNOWN = "unknown"
    """No value yet, and its day has not passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """One indicator on a day. What was not noted is None, never 0."""

    indicator: Indicator
    value: Fraction | None
    computed: Computed | None
    """None where people note it."""
    noted: Actual | None
    """The newest noted value up to the day; it counts where nothing is computed."""
    standing: Standing
    days_overdue: int
    """Since its day; 0 where it is not overdue."""

    @property
    def by_collector(self) -> bool:
        """Whether the value was computed by the collector."""
        return self.computed is not None and self.computed.value is not None

    @property
    def done_ratio(self) -> Fraction | None:
        """How much of the target is reached, 0 to 1; None without a value or a way to say it."""
        target = self.indicator.target
        if self.value is None:
            return None
        if self.standing is Standing.REACHED:
            return Fraction(1)
        if self.indicator.unit is Unit.YES_NO:
            return None  # half a yes is no yes
        if self.indicator.comparison is not Comparison.AT_LEAST or not target:
            return None
        return min(Fraction(1), self.value / target)


def track(
    plans: CityPlans,
    computed: Mapping[str, Computed],
    noted: Sequence[Actual],
    today: date,
) -> list[Tracked]:
    """Say of every indicator where it stands, in the order of the plans."""
    newest: dict[str, Actual] = {}
    for one in noted:
        if one.observed_on <= today:
            before = newest.get(one.indicator_id)
            if before is None or before.observed_on < one.observed_on:
                newest[one.indicator_id] = one
    return [
        _tracked(indicator, computed.get(name), newest.get(name), today)
        for name, indicator in plans.indicators.items()
    ]


def _tracked(
    indicator: Indicator, computed: Computed | None, noted: Actual | None, today: date
) -> Tracked:
    value = None if computed is None else computed.value
    if value is None and noted is not None:
        value = Fraction(noted.value)
    reached = value is not None and indicator.comparison.holds(value, indicator.target)
    late = 0 if indicator.due_on is None else max(0, (today - indicator.due_on).days)
    if reached:
        standing = Standing.REACHED
    elif late:
        standing = Standing.OVERDUE
    else:
        standing = Standing.UNKNOWN if value is None else Standing.OPEN
    return Tracked(
        indicator=indicator,
        value=value,
        computed=computed,
        noted=noted,
        standing=standing,
        days_overdue=late if standing is Standing.OVERDUE else 0,
    )
