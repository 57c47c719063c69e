"""``hakaru-collector agent``: how agents are; revoke, replace and confirm the move of one."""

import argparse
import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from collector.clock import SystemClock
from collector.commands.actions import on_store
from collector.commands.code_shown import add_code_options, check_code_options, show_code
from collector.commands.common import OK, add_database, reporting
from collector.fleet.changes import ChangeRefused, FleetChanges, find
from collector.fleet.health import State
from collector.fleet.roster import Member, roster
from collector.fleet.watch import history
from collector.operators.audit import cli_actor
from collector.store.interface import Store

_EXAMPLE: Final = "--database sqlite:///hakaru.db"


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = f"Example: hakaru-collector agent list --state silent {_EXAMPLE}"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list agents with their state",
        description="Lists agents with their state and since when they are in it.",
        epilog=f"Example: hakaru-collector agent list --state silent {_EXAMPLE}",
    )
    listing.add_argument("--state", choices=[state.value for state in State], help="only these")
    told = actions.add_parser(
        "history",
        help="the states an agent has been in",
        description="Lists the states an agent has been in, the newest first.",
        epilog=f"Example: hakaru-collector agent history 5ad9503e {_EXAMPLE}",
    )
    revoke = actions.add_parser(
        "revoke",
        help="withdraw an agent's secret for good",
        description="Withdraws an agent's secret for good: lost, stolen or copied. Its results "
        "stay. The appliance takes a new identity after its state directory is emptied.",
        epilog=f"Example: hakaru-collector agent revoke 5ad9503e {_EXAMPLE}",
    )
    replace = actions.add_parser(
        "replace",
        help="make a code for the appliance that takes this one's place",
        description="Makes a one-time code for the same school. When it is used the old agent is "
        "retired: it may still deliver what waits on it until it is revoked. "
        "The code stands alone on the last line.",
        epilog=f"Example: hakaru-collector agent replace 5ad9503e {_EXAMPLE}",
    )
    add_code_options(replace)
    move = actions.add_parser(
        "confirm-move",
        help="say that where an agent stands now is its home",
        description="Says that the network in which an agent stands now is where it belongs.",
        epilog=f"Example: hakaru-collector agent confirm-move 5ad9503e {_EXAMPLE}",
    )
    for action in (told, revoke, replace, move):
        action.add_argument("agent", metavar="AGENT", help="its id, or the first letters of it")
    for action in (listing, told, revoke, replace, move):
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_database(action)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it cannot be done."""
    return reporting(lambda: _told(options))


def _told(options: argparse.Namespace) -> int:
    if options.action == "replace":
        check_code_options(options)
    return on_store(options, lambda store: _ACTIONS[options.action](options, store), ChangeRefused)


def _list(options: argparse.Namespace, store: Store) -> int:
    found = [each for each in store.read(roster) if options.state in (None, each.state.value)]
    if options.json:
        print(json.dumps({"agents": [_row(each) for each in found]}, ensure_ascii=False))
        return OK
    for each in found:
        row = _row(each)
        print(
            f"{row['agent_id']}  {row['state']:12}  {row['since'] or '-':25}  "
            f"{each.school_code} {each.school_name}  {'; '.join(each.flags.values())}".rstrip()
        )
    print(f"{len(found)} agents")
    return OK


def _history(options: argparse.Namespace, store: Store) -> int:
    agent_id = store.read(lambda sql: find(sql, options.agent))
    changes = store.read(lambda sql: history(sql, agent_id))
    if options.json:
        told = [
            {
                "changed_at": change.changed_at.isoformat(),
                "state": change.state.value,
                "former": None if change.former is None else change.former.value,
                "detail": change.detail,
            }
            for change in changes
        ]
        print(json.dumps({"agent_id": agent_id, "history": told}))
        return OK
    for change in changes:
        when = change.changed_at.isoformat(timespec="seconds")
        print(f"{when}  {change.state.value:12}  {change.detail}".rstrip())
    return OK


def _revoke(options: argparse.Namespace, store: Store) -> int:
    agent_id = store.read(lambda sql: find(sql, options.agent))
    _changes(store).revoke(cli_actor(), agent_id)
    return _said(options, agent_id, f"agent {agent_id} is revoked")


def _replace(options: argparse.Namespace, store: Store) -> int:
    agent_id = store.read(lambda sql: find(sql, options.agent))
    lifetime = timedelta(days=options.days)
    school, code = _changes(store).replace(cli_actor(), agent_id, lifetime)
    expires_at = SystemClock().now() + lifetime
    return show_code(options, school, code, expires_at, {"replaces": agent_id})


def _confirm_move(options: argparse.Namespace, store: Store) -> int:
    agent_id = store.read(lambda sql: find(sql, options.agent))
    _changes(store).confirm_move(cli_actor(), agent_id)
    return _said(options, agent_id, f"agent {agent_id} is at home where it stands now")


def _changes(store: Store) -> FleetChanges:
    return FleetChanges(store, SystemClock(), random.SystemRandom())


def _said(options: argparse.Namespace, agent_id: str, text: str) -> int:
    print(json.dumps({"agent_id": agent_id, "changed": True}) if options.json else text)
    return OK


def _row(each: Member) -> dict[str, str | None]:
    since = None if each.standing is None else each.standing.since
    return {
        "agent_id": each.agent_id,
        "school": each.school_code,
        "state": each.state.value,
        "since": None if since is None else since.isoformat(timespec="seconds"),
        "last_seen_at": None if each.last_seen_at is None else each.last_seen_at.isoformat(),
        "agent_version": each.agent_version,
        "detail": "; ".join(each.flags.values()) or None,
        "successor": each.successor_id,
    }


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store], int]]] = {
    "list": _list,
    "history": _history,
    "revoke": _revoke,
    "replace": _replace,
    "confirm-move": _confirm_move,
}
