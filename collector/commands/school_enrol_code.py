"""``hakaru-collector school enrol-code``: a one-time code for a school's appliance."""

import argparse
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from collector.clock import Clock, SystemClock
from collector.commands.code_shown import add_code_options, check_code_options, show_code
from collector.commands.common import FAILED, add_database, open_store, reporting
from collector.fleet.changes import FleetChanges
from collector.operators.audit import cli_actor
from collector.store.interface import Enrolment


def add_parser(actions: "argparse._SubParsersAction[Any]") -> None:
    """Add this action to ``hakaru-collector school``."""
    command = actions.add_parser(
        "enrol-code",
        help="make a one-time code for an appliance",
        description="Makes a one-time code that binds one appliance to a school. The code "
        "stands alone on the last line; only its keyed hash is kept.",
        epilog="Example: hakaru-collector school enrol-code E001 --database sqlite:///hakaru.db",
    )
    command.add_argument("code", metavar="CODE", help="code of the school")
    add_code_options(command)
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_database(command)


def run(
    options: argparse.Namespace,
    clock: Clock | None = None,
    chance: Callable[[], random.Random] = random.SystemRandom,
) -> int:
    """Make a code; exit code 1 where there is no such school."""
    return reporting(lambda: _make(options, clock or SystemClock(), chance()))


def _make(options: argparse.Namespace, clock: Clock, chance: random.Random) -> int:
    check_code_options(options)
    lifetime = timedelta(days=options.days)
    store = open_store(options)
    try:
        code = FleetChanges(store, clock, chance).code_for(cli_actor(), options.code, lifetime)
    except Enrolment as error:
        print(error, file=sys.stderr)
        return FAILED
    finally:
        store.close()
    return show_code(options, options.code, code, clock.now() + lifetime)
