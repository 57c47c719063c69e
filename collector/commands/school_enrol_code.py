"""``hakaru-collector school enrol-code``: a one-time code for a school's appliance."""

import argparse
import json
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from collector.clock import Clock, SystemClock
from collector.commands.common import FAILED, OK, add_database, open_store, reporting
from collector.fleet.enrolment import DEFAULT_LIFETIME, new_code
from collector.store.interface import Enrolment

MAX_DAYS: Final = 90


def add_parser(actions: "argparse._SubParsersAction[Any]") -> None:
    """Add this action to ``hakaru-collector school``."""
    command = actions.add_parser(
        "enrol-code",
        help="make a one-time code for an appliance",
        description="Makes a one-time code that binds one appliance to a school. The code "
        "stands alone on the last line; only its hash is kept.",
        epilog="Example: hakaru-collector school enrol-code E001 --database sqlite:///hakaru.db",
    )
    command.add_argument("code", metavar="CODE", help="code of the school")
    command.add_argument(
        "--days",
        type=_days,
        default=DEFAULT_LIFETIME.days,
        metavar="N",
        help=f"days it can be used, 1 to {MAX_DAYS} (default {DEFAULT_LIFETIME.days})",
    )
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
    expires_at = clock.now() + timedelta(days=options.days)
    store = open_store(options)
    try:
        code = new_code(store, options.code, expires_at, chance)
    except Enrolment as error:
        print(error, file=sys.stderr)
        return FAILED
    finally:
        store.close()
    until = expires_at.isoformat(timespec="seconds")
    if options.json:
        print(json.dumps({"school": options.code, "code": code, "expires_at": until}))
        return OK
    print(f"one-time code of school {options.code}, to be used until {until}:")
    print(code)
    return OK


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is 1 to {MAX_DAYS}")
    return int(text)
