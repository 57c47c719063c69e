"""``hakaru-collector measure what-if | plan | effect``: questions about measures."""

import argparse
import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

from collector.clock import SystemClock
from collector.commands.common import (
    OK,
    BadArguments,
    add_calendar,
    add_criteria,
    calendars_of,
    criteria_of,
)
from collector.commands.measure_told import (
    assumption_lines,
    effect_lines,
    effect_row,
    expectation_row,
    plan_lines,
    plan_row,
    what_if_lines,
)
from collector.judge.week import local
from collector.programme.before_after import WEEKS
from collector.programme.city_state import CityNow, Judged, city_now
from collector.programme.effects import effects
from collector.programme.fiscal import fiscal_year_of
from collector.programme.measures_catalogue import MeasureCatalogue, load_measures
from collector.programme.plan import make_plan
from collector.programme.plan_model import By, CostPoint
from collector.programme.plan_options import Wishes
from collector.programme.subsidies import Subsidy, load_subsidies
from collector.programme.whom import FORMS, read_chosen
from collector.shown import Shown
from collector.store.interface import Store

MOST_YEARS: Final = 10
MOST_BUDGET_YEN: Final = 1_000_000_000_000
AddAction = Callable[[str, str, str], argparse.ArgumentParser]


def configure(action: AddAction) -> None:
    """Add these actions."""
    what_if = action(
        "what-if",
        "say which verdicts to expect once measures are taken",
        "--give line_10g=not_met --give local_breakout=group:north",
    )
    what_if.add_argument(
        "--give",
        metavar="MEASURE=SCHOOLS",
        action="append",
        required=True,
        help=f"may be repeated; SCHOOLS: {FORMS}",
    )
    plan = action(
        "plan",
        "say which measures to take first within a budget for each fiscal year",
        "--budget 2027=50000000 --budget 2028=30000000",
    )
    plan.add_argument(
        "--budget", metavar="YEAR=YEN", action="append", required=True, help="may be repeated"
    )
    plan.add_argument(
        "--by", choices=[one.value for one in By], default="schools", help="default: schools"
    )
    plan.add_argument(
        "--costs", choices=[one.value for one in CostPoint], default="middle",
        help="where in its range each cost is taken; default: middle",
    )  # fmt: skip
    plan.add_argument(
        "--subsidy",
        metavar="ID",
        action="append",
        help="count on this one, an example too; default: every one that is no example",
    )
    effect = action("effect", "compare measurements before and after measures", "--school A1")
    effect.add_argument("--school", metavar="CODE", help="of this school only")
    effect.add_argument(
        "--weeks", metavar="N", type=int, default=WEEKS, help=f"on each side; default: {WEEKS}"
    )
    for one in (what_if, plan, effect):
        add_calendar(one)
    for one in (what_if, plan):
        add_criteria(one)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What what-if and plan stand on."""

    catalogue: MeasureCatalogue
    now: CityNow
    today: date


def _ground(options: argparse.Namespace, store: Store) -> _Ground:
    catalogue = load_measures()
    shown = Shown(store, SystemClock())
    judged = Judged(
        criteria=criteria_of(options), calendars=calendars_of(options), catalogue=catalogue
    )
    return _Ground(
        catalogue=catalogue,
        now=city_now(store, shown, judged),
        today=local(shown.now()).date(),
    )


def _what_if(options: argparse.Namespace, store: Store) -> int:
    began = SystemClock().monotonic_seconds()
    ground = _ground(options, store)
    city = ground.now.city
    status = {code: state.status for code, state in city.states.items()}
    chosen = read_chosen(options.give, ground.catalogue, store.schools(), status)
    before = city.expect({})
    found = city.expect(chosen)
    seconds = SystemClock().monotonic_seconds() - began
    given = {one for ids in chosen.values() for one in ids}
    if options.json:
        told = {
            "week": ground.now.week,
            "before": expectation_row(before, schools=False),
            "after": expectation_row(found, schools=True),
            "assumptions": assumption_lines(ground.catalogue, given),
            "seconds": round(seconds, 3),
        }
        print(json.dumps(told, ensure_ascii=False))
        return OK
    for line in what_if_lines(before, found, ground.now.week):
        print(line)
    _print_assumptions(ground.catalogue, given, seconds)
    return OK


def _plan(options: argparse.Namespace, store: Store) -> int:
    began = SystemClock().monotonic_seconds()
    ground = _ground(options, store)
    subsidies = _subsidies(options, ground.catalogue)
    wishes = Wishes(
        budgets=_budgets(options.budget, fiscal_year_of(ground.today)),
        today=ground.today,
        by=By(options.by),
        costs=CostPoint(options.costs),
        committed=ground.now.committed,
    )
    with _solver_on_stderr():
        plan = make_plan(ground.now.city, subsidies, wishes)
    seconds = SystemClock().monotonic_seconds() - began
    given = {one for option in plan.solved.selection.options for one in option.measures}
    if options.json:
        told = plan_row(plan) | {
            "week": ground.now.week,
            "assumptions": assumption_lines(ground.catalogue, given),
            "seconds": round(seconds, 3),
        }
        print(json.dumps(told, ensure_ascii=False))
        return OK
    for line in plan_lines(plan, subsidies, ground.now.week):
        print(line)
    _print_assumptions(ground.catalogue, given, seconds)
    return OK


@contextmanager
def _solver_on_stderr() -> Iterator[None]:
    """Send what the solver's library prints by itself to standard error: JSON stays whole."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # it prints by C's buffer
        os.dup2(kept, 1)
        os.close(kept)


def _effect(options: argparse.Namespace, store: Store) -> int:
    if not 1 <= options.weeks <= 26:
        raise BadArguments(f"--weeks: found {options.weeks}, allowed is 1 to 26")
    found = effects(
        store,
        calendars_of(options),
        simulated=Shown(store, SystemClock()).simulated(),
        school_code=options.school,
        weeks=options.weeks,
    )
    if options.json:
        print(json.dumps({"effects": [effect_row(one) for one in found]}, ensure_ascii=False))
        return OK
    for one in found:
        for line in effect_lines(one):
            print(line)
    print(f"{len(found)} measures done")
    return OK


def _print_assumptions(catalogue: MeasureCatalogue, given: set[str], seconds: float) -> None:
    print("assumptions:")
    for line in assumption_lines(catalogue, given):
        print(f"  {line}")
    print(f"{seconds:.1f} s")


def _subsidies(options: argparse.Namespace, catalogue: MeasureCatalogue) -> list[Subsidy]:
    known = load_subsidies(catalogue.measures)
    if options.subsidy is None:
        return [one for one in known.values() if not one.example]
    wrong = [one for one in options.subsidy if one not in known]
    if wrong:
        raise BadArguments(f"--subsidy: found {wrong[0]!r}, allowed is one of {', '.join(known)}")
    return [known[one] for one in dict.fromkeys(options.subsidy)]


def _budgets(texts: list[str], running: int) -> dict[int, int]:
    budgets: dict[int, int] = {}
    for text in texts:
        year, separator, yen = text.partition("=")
        whole = year.isdecimal() and yen.replace("_", "").isdecimal()
        if not (separator and whole and len(year) == 4):
            raise BadArguments(f"--budget: found {text[:40]!r}, allowed is YEAR=YEN")
        if not running <= int(year) < running + MOST_YEARS:
            raise BadArguments(
                f"--budget: found fiscal {year}, allowed is {running} to {running + MOST_YEARS - 1}"
            )
        if int(year) in budgets:
            raise BadArguments(f"--budget: fiscal {year} is given twice")
        if int(yen) > MOST_BUDGET_YEN:
            raise BadArguments(f"--budget: found {yen} yen, allowed is up to {MOST_BUDGET_YEN}")
        budgets[int(year)] = int(yen)
    return dict(sorted(budgets.items()))


ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store], int]]] = {
    "what-if": _what_if,
    "plan": _plan,
    "effect": _effect,
}
