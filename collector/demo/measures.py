"""Measures of the fictional city: done where a school became fast, planned where it waits.

A school whose simulated path becomes fine from one week to the next had its measure on the
Saturday before, so before and after can be compared on its own results. All of it is simulated.
"""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from collector.clock import Clock
from collector.demo.profiles import WEEKS, Plan
from collector.judge.week import Week
from collector.policy.change import Author
from collector.programme.assign import Details, Measures
from collector.programme.measures_catalogue import load_measures
from collector.programme.model import MeasureState
from collector.programme.plan_model import CostPoint
from collector.shown import Shown
from collector.store.interface import Store

SEED: Final = 23
ACTOR: Final = "collector (simulated)"
NOTE: Final = "模擬 / simulated"
MEASURES: Final[Mapping[str, str]] = {
    "shared_line_saturated": "line_10g",
    "port_100m": "switch_replace",
    "router_limit": "router_replace",
    "pppoe_congested": "ipoe",
    "pppoe_evening": "ipoe",
    "thin_aggregation": "local_breakout",
    "appliance": "appliance_replace",
    "filter": "filter_replace",
}
"""What answers the cause of a simulated path."""
PLANNED: Final = 6
"""Schools that wait for theirs."""
WAITING_WEEKS: Final = 8


def add_measures(store: Store, plans: Mapping[str, Plan], clock: Clock) -> int:
    """Give the city its measures; return their number."""
    shown = Shown(store, clock)
    catalogue = load_measures()
    wanted = []
    for number, (code, measure_id, done_on) in enumerate(_measures(plans)):
        cost = CostPoint.MIDDLE.of(catalogue.measures[measure_id].one_off_yen)
        planned_on = Week.parse(WEEKS[-1]).monday + timedelta(weeks=WAITING_WEEKS + number)
        details = Details(
            state=MeasureState.PLANNED if done_on is None else MeasureState.DONE,
            planned_on=planned_on if done_on is None else done_on,
            done_on=done_on,
            cost_yen=cost,
            note=NOTE,
        )
        wanted.append((code, measure_id, details))
    service = Measures(store, catalogue, random.Random(SEED))  # noqa: S311 - a simulation, no secret
    return len(service.assign_all(wanted, Author(ACTOR, shown.now())))


def _measures(plans: Mapping[str, Plan]) -> list[tuple[str, str, date | None]]:
    """School, measure, and the day on which it was done; None: it is planned."""
    done: list[tuple[str, str, date | None]] = []
    waiting: list[tuple[str, str, date | None]] = []
    for code, paths in sorted(plans.items()):
        measure_id = MEASURES.get(paths[0].cause)
        if measure_id is None:
            continue
        fine = next((index for index, path in enumerate(paths) if path.cause == "fine"), None)
        if fine is None:
            waiting.append((code, measure_id, None))
        else:
            done.append((code, measure_id, Week.parse(WEEKS[fine]).monday - timedelta(days=2)))
    return [*done, *waiting[:PLANNED]]
