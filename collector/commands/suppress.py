"""``hakaru-collector suppress``: have a school, a group or everybody measure nothing."""

import argparse
from typing import Final

from collector.clock import SystemClock
from collector.commands.actions import on_store
from collector.commands.common import FAILED, OK, add_database, reporting
from collector.commands.scopes import add_scope, scope_of
from collector.commands.times import moment
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.policy import suppression
from collector.policy.change import Author, ChangeRefused
from collector.store.interface import Store

_DATABASE: Final = " --database sqlite:///hakaru.db"
_WHEN: Final = "30m, 2h, 3d or 2027-04-15T12:30"


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
    return reporting(lambda: on_store(options, lambda store: _act(options, store), ChangeRefused))


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
    until = moment("--until", options.until, now, _WHEN, {"m": 5, "h": 5, "d": 5})
    suppression.suppress(store, scope, until, options.reason, author)
    print(f"{scope} measures nothing until {local(until):%F %R}; agents hear of it within a minute")
    return OK
