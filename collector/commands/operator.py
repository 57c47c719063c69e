"""``hakaru-collector operator``: who may sign in to the collector's pages."""

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from collector.clock import Clock, SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    REFUSED,
    BadArguments,
    add_database,
    open_store,
    reporting,
)
from collector.operators import accounts
from collector.operators.accounts import AccountRefused
from collector.operators.administer import Administration
from collector.operators.audit import cli_actor
from collector.operators.model import Role
from collector.operators.passwords import MIN_CHARACTERS, Crowded, WeakPassword
from collector.store.interface import Store

MAX_FILE_BYTES: Final = 4_096
_EXAMPLE: Final = "Example: hakaru-collector operator {} --database sqlite:///hakaru.db"
_SUMMARIES: Final = {
    "add": ("make an account", "add aoi@board.example --role administrator"),
    "list": ("list the accounts", "list --json"),
    "password": ("replace a password; every session ends", "password aoi@board.example"),
    "role": ("give another role", "role aoi@board.example viewer"),
    "disable": ("keep somebody out; every session ends", "disable aoi@board.example"),
    "enable": ("let somebody in again, also after wrong tries", "enable aoi@board.example"),
}


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = _EXAMPLE.format("add aoi@board.example --role administrator")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, (summary, example) in _SUMMARIES.items():
        _configure(actions, action, summary, _EXAMPLE.format(example))


def _configure(
    actions: "argparse._SubParsersAction[Any]", action: str, summary: str, epilog: str
) -> None:
    parser = actions.add_parser(
        action,
        help=summary,
        description=summary.capitalize() + ".",
        epilog=epilog,
        allow_abbrev=False,  # --password is not --password-file
    )
    roles = [role.value for role in Role]
    if action != "list":
        parser.add_argument("name", metavar="NAME", help="what they sign in with")
    if action == "role":
        parser.add_argument("role", metavar="ROLE", choices=roles, help=", ".join(roles))
    if action == "add":
        parser.add_argument(
            "--role", choices=roles, default=Role.VIEWER.value, help="default: viewer"
        )
    if action in {"add", "password"}:
        parser.add_argument(
            "--password-file",
            metavar="FILE",
            type=Path,
            help=f"its first line is the password (at least {MIN_CHARACTERS} characters); "
            "- reads standard input; without it the password is asked for",
        )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_database(parser)


def run(
    options: argparse.Namespace,
    clock: Clock | None = None,
    ask: Callable[[str], str] | None = None,
) -> int:
    """Run one action; exit code 1 where the account refuses it, 2 for bad arguments.

    ``ask``: instead of the terminal.
    """
    return reporting(lambda: _refusals_told(options, clock or SystemClock(), ask))


def _refusals_told(
    options: argparse.Namespace, clock: Clock, ask: Callable[[str], str] | None
) -> int:
    try:
        password = _password(options, ask) if options.action in {"add", "password"} else ""
        store = open_store(options)
        try:
            if options.action == "list":
                return _list(store, as_json=options.json)
            said = _change(options, Administration(store, clock, keep_one=False), password)
        finally:
            store.close()
    except (AccountRefused, WeakPassword, Crowded) as error:
        print(error, file=sys.stderr)
        return REFUSED if isinstance(error, WeakPassword) else FAILED
    print(json.dumps({"operator": options.name, "done": options.action}) if options.json else said)
    return OK


def _change(options: argparse.Namespace, administer: Administration, password: str) -> str:
    actor, name = cli_actor(), options.name
    match options.action:
        case "add":
            made = administer.add(actor, name, Role(options.role), password, must_change=False)
            return f"{made.name} may sign in as {made.role.value}"
        case "password":
            administer.set_password(actor, name, password, must_change=False)
            return f"{name} has another password; every session has ended"
        case "role":
            administer.set_role(actor, name, Role(options.role))
            return f"{name} is {options.role} from now on"
        case "disable":
            administer.disable(actor, name)
            return f"{name} may not sign in any more; every session has ended"
    administer.enable(actor, name)
    return f"{name} may sign in again"


def _list(store: Store, *, as_json: bool) -> int:
    found = store.read(accounts.every)
    if as_json:
        listed = [
            {
                "name": one.name,
                "role": one.role.value,
                "created_at": one.created_at.isoformat(timespec="seconds"),
                "disabled_at": one.disabled_at and one.disabled_at.isoformat(timespec="seconds"),
                "has_password": one.has_password,
                "must_change_password": one.must_change,
            }
            for one in found
        ]
        print(json.dumps({"operators": listed}))
        return OK
    for one in found:
        state = "disabled" if one.disabled_at else ("" if one.has_password else "by provider only")
        print(f"{one.role.value:13}  {one.name}  {state}".rstrip())
    print(f"{len(found)} operators" if found else "no operator yet: pages are open here only")
    return OK


def _password(options: argparse.Namespace, ask: Callable[[str], str] | None) -> str:
    """Take the password from a file, standard input or the terminal; never from arguments."""
    if options.password_file is None:
        if not sys.stdin.isatty() and ask is None:
            raise BadArguments(
                "no terminal to ask for the password: give --password-file FILE or -"
            )
        ask = ask or getpass.getpass
        password = ask(f"password for {options.name}: ")
        if ask("again: ") != password:
            raise BadArguments("the two passwords differ: nothing was changed")
        return password
    try:
        if str(options.password_file) == "-":
            raw = sys.stdin.buffer.read(MAX_FILE_BYTES)
        else:
            with options.password_file.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES)
        return raw.decode("utf-8").partition("\n")[0].rstrip("\r")
    except OSError as error:
        raise BadArguments(
            f"{options.password_file}: cannot be read ({error.strerror}): name a file"
        ) from None
    except UnicodeDecodeError:
        raise BadArguments(f"{options.password_file}: is not UTF-8 text") from None
