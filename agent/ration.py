"""The byte budget of a running agent: kept on disk, asked before each heavy test.

Bytes are set aside durably before a test begins and settled after it, so neither a crash nor a
power cut makes a test free of charge.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Final

from agent.budget import (
    Cost,
    Ledger,
    Period,
    cost_of,
    refusal,
    rest_of_month,
    used_bytes,
)
from agent.state import write_json
from wire.failure import Outcome
from wire.measurement import Json, Measurement
from wire.planning.cost import HEADER_FACTOR, Budget
from wire.planning.planned import Planned, bound_of, calibrated, cost_key
from wire.planning.schedule import Slot, Timetable, plan
from wire.probes import PROBES

log: Final = logging.getLogger(__name__)

BUDGET_FILE: Final = "budget.json"


class Ration:
    """Budget, ledger and plan together."""

    def __init__(
        self,
        budget: Budget,
        tests: tuple[Planned, ...],
        timetable: Timetable,
        seed: str,
        path: Path | None,
    ) -> None:
        self._budget = budget
        self._tests = tests
        self._timetable = timetable
        self._seed = seed
        self._path = path
        self.ledger = (Ledger() if path is None else read_ledger(path)).release()
        self._remember()

    def adopt(self, budget: Budget, tests: tuple[Planned, ...], timetable: Timetable) -> None:
        """Go by another plan and budget; what was spent stays spent."""
        self._budget, self._tests, self._timetable = budget, tests, timetable
        self._remember()

    def _remember(self) -> None:
        # of the plan alone: asked for every run of a month, at every slot
        self._counts = lru_cache(maxsize=64)(self._count)
        self._priced = lru_cache(maxsize=256)(self._price)

    def cost_of(self, test: int, *, calibration: bool = False) -> Cost:
        """What a run of a test of the plan will take."""
        return cost_of(self.ledger, *self._priced(test, calibration))

    def cost_of_run(self, planned: Planned) -> Cost:
        """What a run takes, planned or not."""
        return cost_of(self.ledger, cost_key(planned), bound_of(planned, self._budget.fastest_bps))

    def periods(self, slot: Slot, day: date, today: tuple[Slot, ...]) -> list[Period]:
        """The budgets at the moment of ``slot``; ``today`` is the day's plan."""
        heavy = [each for each in today if self._timetable.tasks[each.test].heavy]
        costs = {each: self._expected(each) for each in heavy}
        planned = sum(costs.values())
        share = sum(value for each, value in costs.items() if each.at <= slot.at)
        periods = []
        if self._budget.day_bytes is not None:
            spent = self.ledger.spent_on(day)
            periods.append(Period("day", self._budget.day_bytes, spent, share, planned))
        if self._budget.month_bytes is not None:
            days = rest_of_month(day, self.ledger.since)
            whole = {each: self._day_cost(each) for each in days if each != day}
            before = sum(value for each, value in whole.items() if each < day)
            periods.append(
                Period(
                    "month",
                    self._budget.month_bytes,
                    self.ledger.spent_in_month(day),
                    before + share,
                    sum(whole.values()) + planned,
                )
            )
        return periods

    def refusal(self, slot: Slot, day: date, today: tuple[Slot, ...]) -> str:
        """Why ``slot`` must not run now; empty when it may. The same answer again for a slot."""
        needed = self.cost_of(slot.test, calibration=slot.calibration)
        chance = Random(f"{self._seed} {slot.at.isoformat()} {slot.test}")  # noqa: S311 - no secret
        periods = self.periods(slot, day, today)
        return refusal(needed, periods, chance)

    def refusal_now(self, planned: Planned, day: date) -> str:
        """Why a run beside the plan must not begin; empty when it fits what is left."""
        worst_bytes = self.cost_of_run(planned).worst_bytes
        for name, limit, spent in (
            ("day", self._budget.day_bytes, self.ledger.spent_on(day)),
            ("month", self._budget.month_bytes, self.ledger.spent_in_month(day)),
        ):
            if limit is not None and worst_bytes > limit - spent:
                return (
                    f"{name}: {limit - spent:,} of {limit:,} bytes left, "
                    f"the test may take {worst_bytes:,}"
                )
        return ""

    def capped(self, planned: Planned, day: date) -> Planned:
        """The same test, told to end before it passes what is left of the day and the month.

        Not told to end at what is set aside for it: a line that has become faster needs more than
        the runs before, and would never be measured again. A run for a person that begins with
        nothing left is not cut short.
        """
        option = PROBES[planned.probe].options.get("max_bytes")
        left = [
            limit - spent
            for limit, spent in (
                (self._budget.day_bytes, self.ledger.spent_on(day)),
                (self._budget.month_bytes, self.ledger.spent_in_month(day)),
            )
            if limit is not None
        ]
        if option is None or not left:
            return planned
        given = planned.options.get("max_bytes", option.default)
        bounds = [int(min(left) / HEADER_FACTOR), given, option.maximum]
        most_bytes = min(int(bound) for bound in bounds if isinstance(bound, int | float))
        if option.minimum is not None and most_bytes < option.minimum:
            return planned
        return replace(planned, options={**planned.options, "max_bytes": most_bytes})

    def reserve(self, planned: Planned, day: date) -> None:
        """Set the worst case aside. Raises OSError when it cannot be written down."""
        self._keep(self.ledger.reserve(day, self.cost_of_run(planned).worst_bytes))

    def settle(self, planned: Planned, result: Measurement) -> None:
        """Book what the test took. Raises OSError when it cannot be written down."""
        held = self.ledger.reserved[1] if self.ledger.reserved else 0
        typical = result.outcome is Outcome.OK
        used = used_bytes(result, held)
        self._keep(self.ledger.settle(cost_key(planned), used, typical=typical))

    def _keep(self, ledger: Ledger) -> None:
        self.ledger = ledger
        if self._path is not None:
            write_json(self._path, to_json(ledger), durable=True)

    def _expected(self, slot: Slot) -> int:
        return self.cost_of(slot.test, calibration=slot.calibration).expected_bytes

    def _day_cost(self, day: date) -> int:
        return sum(
            runs * self.cost_of(test, calibration=calibration).expected_bytes
            for (test, calibration), runs in self._counts(day).items()
        )

    def _price(self, test: int, calibration: bool) -> tuple[str, int]:
        """Name in the ledger and most bytes of a run of the plan."""
        planned = calibrated(self._tests[test]) if calibration else self._tests[test]
        return cost_key(planned), bound_of(planned, self._budget.fastest_bps)

    def _count(self, day: date) -> Mapping[tuple[int, bool], int]:
        """Heavy runs of a day, by test."""
        counts: dict[tuple[int, bool], int] = {}
        for slot in plan(day, heavy_only(self._timetable), self._seed).slots:
            key = (slot.test, slot.calibration)
            counts[key] = counts.get(key, 0) + 1
        return counts


@lru_cache(maxsize=8)
def heavy_only(timetable: Timetable) -> Timetable:
    """The timetable with the windows of heavy tests only; tests keep their numbers."""
    return replace(
        timetable,
        tasks=tuple(task if task.heavy else replace(task, windows=()) for task in timetable.tasks),
    )


def to_json(ledger: Ledger) -> dict[str, Json]:
    """The ledger as it stands on disk."""
    return {
        "since": None if ledger.since is None else ledger.since.isoformat(),
        "days": {day.isoformat(): used for day, used in ledger.days.items()},
        "runs": {key: list(runs) for key, runs in ledger.runs.items()},
        "reserved": None
        if ledger.reserved is None
        else [ledger.reserved[0].isoformat(), ledger.reserved[1]],
    }


def read_ledger(path: Path) -> Ledger:
    """Read the ledger. One that cannot be read begins anew, and the log says so."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        return Ledger(
            since=None if given["since"] is None else date.fromisoformat(given["since"]),
            days={date.fromisoformat(day): _whole(used) for day, used in given["days"].items()},
            runs={key: tuple(map(_whole, runs)) for key, runs in given["runs"].items()},
            reserved=None
            if given["reserved"] is None
            else (date.fromisoformat(given["reserved"][0]), _whole(given["reserved"][1])),
        )
    except FileNotFoundError:
        return Ledger()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        log.warning("%s cannot be read (%s): the budget counts from zero", path, error)
        return Ledger()


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"no number of bytes: {value!r}")
    return value
