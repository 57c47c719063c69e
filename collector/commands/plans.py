"""``hakaru-collector plans``: the city's four plans, what is tracked of them, what lessons ask."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Final, TypeAlias

from collector import resources
from collector.clock import SystemClock
from collector.commands import plans_network, plans_track
from collector.commands.common import (
    DATABASE_VARIABLE,
    FAILED,
    OK,
    REFUSED,
    add_database,
    open_store,
    reporting,
)
from collector.operators.audit import cli_actor
from collector.programme.plans.adopted import adopt, adopted
from collector.programme.plans.file import load_plans
from collector.programme.plans.model import CityPlans, Observed
from collector.programme.plans.relations import Checked, check, observe
from collector.schools.table import ImportRefused
from collector.store.interface import Store

Actions: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001 - it has no public name


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = "Example: hakaru-collector plans check my-city.toml"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    checking = actions.add_parser(
        "check",
        help="check the arithmetic between the figures of the plans",
        description="Checks every relation of a file of plans: between its figures, and with a "
        "database named also with the imported schools. Exit code 1 where two disagree. Without "
        "FILE: the adopted plans, else the ones that come with the program.",
        epilog="Example: hakaru-collector plans check my-city.toml --database sqlite:///hakaru.db",
    )
    checking.add_argument("file", metavar="FILE", nargs="?", type=Path, help="plans (TOML)")
    adopting = actions.add_parser(
        "adopt",
        help="have the collector track these plans",
        description="Checks a file of plans and keeps it in the database. Refused where its "
        "figures disagree, unless --despite-disagreement.",
        epilog="Example: hakaru-collector plans adopt my-city.toml --database sqlite:///hakaru.db",
    )
    adopting.add_argument("file", metavar="FILE", type=Path, help="plans (TOML)")
    adopting.add_argument(
        "--despite-disagreement",
        action="store_true",
        help="adopt them even so; the page goes on naming what disagrees",
    )
    for action in (checking, adopting):
        add_database(action)
    plans_track.add_parsers(actions)
    plans_network.add_parsers(actions)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it could not be done, 2 for a refused file."""
    return reporting(lambda: _refusals_told(options))


def _refusals_told(options: argparse.Namespace) -> int:
    try:
        return _ACTIONS[options.action](options)
    except ImportRefused as refused:
        messages = [str(mistake) for mistake in refused.mistakes]
        print("\n".join(messages), file=sys.stderr)
        print(f"{len(messages)} mistakes: nothing was changed", file=sys.stderr)
        return REFUSED


def _check(options: argparse.Namespace) -> int:
    named = options.database or os.environ.get(DATABASE_VARIABLE)
    store = open_store(options) if named else None
    try:
        plans = _plans(options.file, store)
        seen = {} if store is None else observe(store.schools(), store.baseline())
    finally:
        if store is not None:
            store.close()
    return _told(plans, seen)


def _plans(file: Path | None, store: Store | None) -> CityPlans:
    if file is not None:
        return load_plans(file)
    found = None if store is None else adopted(store)
    return found or load_plans(resources.configs_folder() / "plans" / "takasaki.toml")


def _told(plans: CityPlans, seen: dict[Observed, int]) -> int:
    checked = check(plans, seen)
    for wrong in checked.disagreements:
        print(wrong, file=sys.stderr)
    print(f"{plans.file}: {_counted(plans, checked)}")
    return FAILED if checked.disagreements else OK


def _counted(plans: CityPlans, checked: Checked) -> str:
    open_ = [relation.relation_id for relation in checked.not_checked]
    rest = f", {len(open_)} need imported schools (--database): {' '.join(open_)}" if open_ else ""
    return (
        f"{len(plans.figures)} figures, {len(plans.indicators)} indicators; "
        f"{len(checked.holds)} of {len(plans.relations)} relations hold, "
        f"{len(checked.disagreements)} disagree{rest}"
    )


def _adopt(options: argparse.Namespace) -> int:
    plans = load_plans(options.file)
    store = open_store(options)
    try:
        code = _told(plans, observe(store.schools(), store.baseline()))
        if code != OK and not options.despite_disagreement:
            print("nothing was adopted: mend the figures, or give --despite-disagreement")
            return code
        adopt(store, plans, cli_actor(), SystemClock().now())
    finally:
        store.close()
    print(f"adopted: the plans of {plans.city[0]}")
    return OK


_ACTIONS: Final = {
    "check": _check,
    "adopt": _adopt,
    **plans_track.ACTIONS,
    **plans_network.ACTIONS,
}
