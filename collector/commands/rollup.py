"""``hakaru-collector rollup``: make roll-ups anew, or compare them with the raw results."""

import argparse

from collector.clock import SystemClock
from collector.commands.common import FAILED, OK, add_database, open_store, reporting
from collector.rollup.check import check, rebuild


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = "Example: hakaru-collector rollup check --database sqlite:///hakaru.db"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("check", "fold the raw results again and compare; exit code 1 where any differs"),
        ("rebuild", "make anew every roll-up whose raw results are still there"),
    ):
        action = actions.add_parser(name, help=summary, description=summary.capitalize() + ".")
        action.epilog = f"Example: hakaru-collector rollup {name} --database sqlite:///hakaru.db"
        add_database(action)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 where all is well, 1 where roll-ups differ or the database fails."""
    return reporting(lambda: _check(options) if options.action == "check" else _rebuild(options))


def _check(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        found = check(store)
    finally:
        store.close()
    for one in found.differences:
        print(
            f"{one.span} {one.started_at:%Y-%m-%d %H:%M} UTC {one.school_code} {one.series}: "
            f"stored {one.stored}, from the results {one.from_raw}"
        )
    print(
        f"{found.buckets} roll-ups over {found.results} results: {found.differing} differ, "
        f"{found.waiting} hours and days wait to be rolled up"
    )
    if found.differing:
        print("make them anew: hakaru-collector rollup rebuild")
        return FAILED
    return OK


def _rebuild(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        print(f"{rebuild(store, SystemClock().now())} hours and days of schools rolled up")
    finally:
        store.close()
    return OK
