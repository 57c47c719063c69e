"""What is known of a school's path before anything is asked of it: the input of what-if.

A path carries what its narrowest part carries. So what a measure does depends on which part that
is (the findings, with their probabilities) and on what the next narrow part would be (facts with a
nominal speed, and what is assumed of the rest). Nothing here reads a store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.judge.model import Reason, Requirement, Status, Verdict
from collector.programme.measures_catalogue import EffectModel
from collector.programme.model import Fact, Grade
from collector.schools.model import School

NOMINAL_FACTS: Final = (
    "line.contract_bps",
    "router.rated_bps",
    "router.wan_port_speed_bps",
    "core_switch.port_speed_bps",
    "aggregation.uplink_bps",
)
"""Facts whose value is a speed that the path cannot exceed, in bit/s. None that is measured over
the line itself: that is bounded by the line, not the other way round."""
_STRONGEST_FIRST: Final = tuple(Grade)
LIKELY_FROM: Final = 0.5
"""From this chance on a finding is likely; one that hides the capacity is taken to do so."""


class CannotTell(StrEnum):
    """Why nothing can be said of a school."""

    NOT_MEASURED = "not_measured"
    """No quiet capacity with an interval: measure first."""
    HIDDEN = "hidden"
    """What was measured is the appliance or a filter, not the path."""
    CAUSE_UNKNOWN = "cause_unknown"
    """No finding tells what holds the school down, so no measure can be judged: survey first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Measured quiet capacity: median and its 95 % interval, bit/s."""

    median_bps: float
    low_bps: float
    high_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PathState:
    """One school, as far as it is known."""

    code: str
    pupils: int
    group: str
    """Schools of a group share an upstream; empty: none known."""
    required_bps: float
    upper_bps: float
    status: Status
    """The verdict now (quiet capacity)."""
    capacity: Capacity | None
    hidden: bool
    chances: Mapping[str, float]
    """Probability of each finding that limits the quiet capacity."""
    nominal_bps: Mapping[str, float]
    """Speeds by the key of the fact that tells them."""

    @property
    def known_ratio(self) -> float:
        """Probability that a finding holds it down that is likelier than not.

        Many findings that are each unlikely do not add up to a known cause.
        """
        unknown = 1.0
        for chance in self.chances.values():
            unknown *= 1.0 - chance if chance >= LIKELY_FROM else 1.0
        return 1.0 - unknown

    @property
    def silent(self) -> CannotTell | None:
        """Why nothing can be said whatever is done; None where something can."""
        if self.hidden:
            return CannotTell.HIDDEN
        return CannotTell.NOT_MEASURED if self.capacity is None else None


NEGLIGIBLE_BELOW: Final = 0.03
"""A finding less probable than this is passed over: a person rejected it, or it does not apply."""


def path_state(
    school: School,
    requirement: Requirement,
    verdict: Verdict | None,
    chances: Mapping[str, float],
    facts: Iterable[Fact],
    model: EffectModel,
) -> PathState:
    """Gather what is known of one school. ``chances`` holds findings of any kind."""
    capacity = None if verdict is None else _capacity(verdict)
    reasons = () if verdict is None else verdict.reasons
    hidden = Reason.APPLIANCE_CEILING in reasons or any(
        chances.get(one, 0.0) >= LIKELY_FROM for one in model.hide_capacity
    )
    return PathState(
        code=school.code,
        pupils=school.pupils,
        group=school.aggregation_group,
        required_bps=requirement.required_bps,
        upper_bps=requirement.upper_bps,
        status=Status.UNDETERMINED if verdict is None else verdict.status,
        capacity=capacity,
        hidden=hidden,
        chances=chances_that_limit(chances, model),
        nominal_bps=nominal_speeds(school, facts),
    )


def chances_that_limit(chances: Mapping[str, float], model: EffectModel) -> dict[str, float]:
    """Leave the findings that may hold the quiet capacity down."""
    return {
        one: chances[one]
        for one in sorted(model.limits_quiet)
        if chances.get(one, 0.0) >= NEGLIGIBLE_BELOW
    }


def _capacity(verdict: Verdict) -> Capacity | None:
    median, low, high = verdict.median_bps, verdict.low_bps, verdict.high_bps
    if not median or not low or not high:  # none, or an interval that reaches 0
        return None
    return Capacity(median_bps=median, low_bps=low, high_bps=high)


def nominal_speeds(school: School, facts: Iterable[Fact]) -> dict[str, float]:
    """Speeds by fact, of the strongest grade; the contract of the school's import is the last."""
    result: dict[str, float] = {}
    if school.contracted_mbps is not None:
        result["line.contract_bps"] = school.contracted_mbps * 1e6
    ordered = sorted(facts, key=lambda one: _STRONGEST_FIRST.index(one.grade), reverse=True)
    for fact in ordered:  # the strongest comes last and stays
        speed = fact.value
        if fact.key in NOMINAL_FACTS and isinstance(speed, int | float) and speed > 0:
            result[fact.key] = float(speed)
    return result
