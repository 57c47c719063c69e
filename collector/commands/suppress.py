"""``hakaru-collector suppress``: have a school, a group or everybody measure nothing."""

import argparse
import sys
from datetime import datetime, timedelta
from typing import Final

from collector.clock import SystemClock
from collector.commands.common import FAILED, OK, add_database, open_store, reporting
from collector.commands.scopes import add_scope, scope_of
from collector.judge.week import JST, local
from collector.operators.audit import cli_actor
from collector.policy import suppression
from collector.policy.change import Author, ChangeRefused
from collector.store.interface import Store

_DATABASE: Final = " --database sqlite:///hakaru.db"
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = (
        "Example: hakaru-collector suppress set --group north --until 2h --reason exam" + _DATABASE
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    setting = actions.add_parser(
        "set",
        help="measure nothing until a time",
        description="Agents hear of it with their next heartbeat, within a minute; a heavy test "
        "under way is ended.",
        epilog="Example: hakaru-collector suppress set --city --until 2027-04-15T12:30 "
        "--reason exam" + _DATABASE,
    )
    add_scope(setting)
    setting.add_argument(
        "--until", required=True, metavar="WHEN", help="30m, 2h, 3d, or 2027-04-15T12:30 in Japan"
    )
    setting.add_argument("--reason", required=True, metavar="TEXT", help="shown to people")
    lifting = actions.add_parser(
        "lift",
        help="measure again",
        description="Lifts every suppression of exactly this scope.",
        epilog="Example: hakaru-collector suppress lift --group north" + _DATABASE,
    )
    add_scope(lifting)
    showing = actions.add_parser(
        "show",
        help="show what is suppressed",
        description="Shows every suppression in force.",
        epilog="Example: hakaru-collector suppress show" + _DATABASE,
    )
    for action in (setting, lifting, showing):
        add_database(action)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it was refused."""
    return reporting(lambda: _told(options))


def _told(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        return _act(options, store)
    except ChangeRefused as refused:
        print(refused, file=sys.stderr)
        return FAILED
    finally:
        store.close()


def _act(options: argparse.Namespace, store: Store) -> int:
    now = SystemClock().now()
    if options.action == "show":
        for one in store.read(lambda sql: suppression.in_force(sql, now)):
            print(f"{one.scope}  until {local(one.until):%F %R}  {one.reason}  ({one.set_by})")
        return OK
    scope = scope_of(options)
    author = Author(cli_actor(), now)
    if options.action == "lift":
        count = suppression.lift(store, scope, author)
        print(f"{count} suppressions of {scope} lifted; agents hear of it within a minute")
        return OK if count else FAILED
    until = _until(options.until, now)
    suppression.suppress(store, scope, until, options.reason, author)
    print(f"{scope} measures nothing until {local(until):%F %R}; agents hear of it within a minute")
    return OK


def _until(text: str, now: datetime) -> datetime:
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and len(number) < 6 and unit in _UNITS:
        return now + timedelta(**{_UNITS[unit]: int(number)})
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ChangeRefused(
            f"--until: found {text[:40]!r}, allowed is 30m, 2h, 3d or 2027-04-15T12:30"
        ) from None
    return given if given.tzinfo is not None else given.replace(tzinfo=JST)
