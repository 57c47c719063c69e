"""Bytes that heavy tests may use: what was spent, what a test will cost, whether it may run.

Where the plan needs more than there is, the budget is spread over the whole day and the whole
month: a slot runs when what is spent lags far enough behind the share of the plan that has gone
by. Chance decides in between, anew for each slot, so in the long run every slot of the day has
the same share and no lesson is always the one without.

Two costs: the *expected* one (mean of the last runs) spreads, the *worst* one (the dearest of
many, with a margin) must still fit before a test begins. Until a test has been seen, both are what
it would take at the fastest rate the line may have. Pure; :mod:`agent.ration` keeps it on disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from statistics import fmean
from typing import Final

from wire.failure import Operation, Outcome
from wire.measurement import Measurement
from wire.planning.cost import HEADER_FACTOR

MARGIN_FACTOR: Final = 1.25
"""The worst case is this much above the dearest run remembered."""
EXPECTED_RUNS: Final = 5
REMEMBERED_RUNS: Final = 20
KEPT_DAYS: Final = 70
"""Days in the ledger: a month and the one before."""
MAX_TESTS: Final = 200
"""Different tests whose costs are remembered."""
COUNTED: Final = frozenset({"download_bytes", "upload_bytes", "verify_bytes", "bytes"})
"""Values that say what a test has moved."""
_BEFORE_DATA: Final = frozenset(
    {
        Operation.PREPARE,
        Operation.RESOLVE,
        Operation.CONNECT,
        Operation.TLS,
        Operation.HANDSHAKE,
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a test takes, in bytes on the line."""

    expected_bytes: int
    worst_bytes: int


@dataclass(frozen=True, slots=True)
class Period:
    """One budget at the moment of a slot."""

    name: str
    """``day`` or ``month``."""
    limit_bytes: int
    spent_bytes: int
    share_bytes: int
    """Expected cost of the period's slots up to this one, this one included."""
    planned_bytes: int
    """Expected cost of all slots of the period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was spent on each local day, and what each test took lately."""

    since: date | None = None
    """First day of use: the budget of its month is spread from here on."""
    days: Mapping[date, int] = field(default_factory=dict)
    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Bytes of the last runs of each test, oldest first."""
    reserved: tuple[date, int] | None = None
    """Set aside for the test under way. Found at a start, it is spent: the test did not end."""

    def spent_on(self, day: date) -> int:
        """Bytes of one day, those set aside included."""
        held = self.reserved[1] if self.reserved and self.reserved[0] == day else 0
        return self.days.get(day, 0) + held

    def spent_in_month(self, day: date) -> int:
        """Bytes of the calendar month of ``day``."""
        month = (day.year, day.month)
        dated = {*self.days, *((self.reserved[0],) if self.reserved else ())}
        return sum(self.spent_on(each) for each in dated if (each.year, each.month) == month)

    def reserve(self, day: date, amount_bytes: int) -> "Ledger":
        """Set bytes aside before a test begins."""
        return replace(self.release(), since=self.since or day, reserved=(day, amount_bytes))

    def release(self) -> "Ledger":
        """Count what is still set aside as spent."""
        if self.reserved is None:
            return self
        return replace(self._add(*self.reserved), reserved=None)

    def settle(self, key: str, used_bytes: int, *, typical: bool) -> "Ledger":
        """Replace what was set aside by what was used; ``typical``: it tells of the next run."""
        if self.reserved is None:
            return self
        booked = replace(self._add(self.reserved[0], used_bytes), reserved=None)
        if not typical:
            return booked
        runs = {name: value for name, value in booked.runs.items() if name != key}
        runs[key] = (*booked.runs.get(key, ()), used_bytes)[-REMEMBERED_RUNS:]
        return replace(booked, runs=dict(list(runs.items())[-MAX_TESTS:]))

    def _add(self, day: date, amount_bytes: int) -> "Ledger":
        days = {**self.days, day: self.days.get(day, 0) + amount_bytes}
        # by age to the day booked, both ways: after a clock that was far ahead nothing is forgotten
        near = sorted(days, key=lambda each: abs((each - day).days))[:KEPT_DAYS]
        return replace(self, days={each: days[each] for each in sorted(near)})


def cost_of(ledger: Ledger, key: str, bound_bytes: int) -> Cost:
    """What the test ``key`` will take; ``bound_bytes`` where nothing is known of it."""
    runs = ledger.runs.get(key, ())
    if not runs:
        return Cost(bound_bytes, bound_bytes)
    worst = min(bound_bytes, round(MARGIN_FACTOR * max(runs)))
    return Cost(min(bound_bytes, round(fmean(runs[-EXPECTED_RUNS:]))), worst)


def used_bytes(result: Measurement, reserved_bytes: int) -> int:
    """What a test took of the line. What was set aside for it where it ended without saying."""
    counted = [
        value for name, value in result.values.items() if name in COUNTED and isinstance(value, int)
    ]
    whole = round(HEADER_FACTOR * sum(counted))
    if result.outcome is Outcome.OK:
        return whole if counted else reserved_bytes
    assert result.failure is not None
    if result.failure.operation in _BEFORE_DATA and not counted:
        return 0
    return max(whole, reserved_bytes)  # how far it got in the direction that failed is not told


def refusal(cost: Cost, periods: Sequence[Period], random: Random) -> str:
    """Why a slot must not run, in words; empty when it may."""
    luck = random.random()
    for period in periods:
        left = period.limit_bytes - period.spent_bytes
        if cost.worst_bytes > left:
            return (
                f"{period.name}: {left:,} of {period.limit_bytes:,} bytes left, "
                f"the test may take {cost.worst_bytes:,}"
            )
        if period.planned_bytes <= period.limit_bytes:
            continue
        share = period.limit_bytes * period.share_bytes / period.planned_bytes
        if period.spent_bytes + luck * cost.expected_bytes > share:
            return (
                f"{period.name}: the plan needs {period.planned_bytes:,} bytes, the budget is "
                f"{period.limit_bytes:,}; this run is left to a later slot"
            )
    return ""


def rest_of_month(day: date, since: date | None) -> list[date]:
    """Days that the month's budget is spread over: all of it, or those from the first use on."""
    first = day.replace(day=1)
    if since is not None and first < since <= day:
        first = since
    days = [first]
    while (following := days[-1] + timedelta(days=1)).month == day.month:
        days.append(following)
    return days
