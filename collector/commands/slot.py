"""``hakaru-collector slot``: keys of slot tokens, and the responders that slots are for."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from collector.clock import SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_database,
    database_url,
    open_store,
    reporting,
)
from collector.operators.audit import audit, cli_actor
from collector.slots import rows
from collector.slots.decide import Responder
from collector.slots.keys import KeyTrouble, SlotKeys, public_keys, retire
from collector.slots.place import VARIABLE, add_slot_keys, slot_keys_directory
from collector.store.interface import Store
from collector.store.sql import Sql
from wire.slot_token import is_name, write_key
from wire.target import TargetRefused, parse_host_port

Actions: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001 - it has no public name
_EXAMPLE: Final = "--database sqlite:///hakaru.db"
_NO_KEYS: Final = "no keys: the collector makes one when it first serves, or: slot key new"
MOST_MBPS: Final = 1_000_000
MOST_TESTS: Final = 10_000


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = f"Example: hakaru-collector slot key list --public {_EXAMPLE}"
    subjects = command.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    _keys(subjects)
    _responders(subjects)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it could not be done, 2 for bad arguments."""
    return reporting(lambda: _run(options))


def _keys(subjects: Actions) -> None:
    actions = _subject(subjects, "key", "keys that slot tokens are signed with")
    new = _action(actions, "key new", "make a key; it signs when every older one is retired", "")
    add_slot_keys(new)
    listing = _action(actions, "key list", "list the keys", "--public")
    add_slot_keys(listing)
    listing.add_argument(
        "--public",
        action="store_true",
        help="only the public keys in force, one a line: the --collector-key file of a responder",
    )
    listing.add_argument("--json", action="store_true", help="one JSON object")
    retired = _action(actions, "key retire", "take a key out of force", "0123456789abcdef")
    retired.add_argument("key_id", metavar="KEYID", help="as 'list' shows it")


def _responders(subjects: Actions) -> None:
    actions = _subject(subjects, "responder", "far ends, and what they take at once")
    add = _action(
        actions,
        "responder add",
        "add a responder or change it",
        "centre --target centre.example:4443 --mbps 1000 --tests 4",
    )
    add.add_argument("name", metavar="NAME", type=_name, help="the responder's own --name")
    add.add_argument(
        "--target",
        required=True,
        type=_target,
        metavar="HOST:PORT",
        help="as the agents' tests name it",
    )
    add.add_argument(
        "--mbps",
        required=True,
        type=_whole(MOST_MBPS),
        metavar="N",
        help="what it carries, all tests together (Mbit/s)",
    )
    add.add_argument(
        "--tests", required=True, type=_whole(MOST_TESTS), metavar="N", help="tests at once"
    )
    listing = _action(actions, "responder list", "list the responders", "")
    listing.add_argument("--json", action="store_true", help="one JSON object")
    remove = _action(actions, "responder remove", "forget a responder", "centre")
    remove.add_argument("name", metavar="NAME", type=_name)


def _subject(subjects: Actions, name: str, summary: str) -> Actions:
    subject = subjects.add_parser(name, help=summary, description=summary.capitalize() + ".")
    subject.epilog = f"Example: hakaru-collector slot {name} list {_EXAMPLE}"
    made: Actions = subject.add_subparsers(dest="action", metavar="ACTION", required=True)
    return made


def _action(actions: Actions, words: str, summary: str, example: str) -> argparse.ArgumentParser:
    """Add an action; ``words`` are its subject and its name."""
    action: argparse.ArgumentParser = actions.add_parser(
        words.split()[1], help=summary, description=summary.capitalize() + "."
    )
    given = " ".join(part for part in (words, example, _EXAMPLE) if part)
    action.epilog = f"Example: hakaru-collector slot {given}"
    add_database(action)
    return action


def _run(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        return _ACTIONS[options.subject, options.action](options, store)
    except KeyTrouble as error:
        print(error, file=sys.stderr)
        return FAILED
    finally:
        store.close()


def _slot_keys(options: argparse.Namespace) -> SlotKeys:
    directory = slot_keys_directory(options.slot_keys, database_url(options), os.environ)
    if directory is None:
        raise BadArguments(f"where are the private keys? give --slot-keys or set {VARIABLE}")
    return SlotKeys(directory)


def _key_new(options: argparse.Namespace, store: Store) -> int:
    keys = _slot_keys(options)
    name = keys.new(store, cli_actor(), SystemClock().now())
    print(f"key {name} in {keys.directory}")
    print("now give the public keys to every responder: hakaru-collector slot key list --public")
    return OK


def _key_list(options: argparse.Namespace, store: Store) -> int:
    found = store.read(public_keys)
    if options.public:
        for one in found:
            if one.retired_at is None:
                print(f"{write_key(one.public)}  # {one.key_id}")
        if all(one.retired_at is not None for one in found):
            print(_NO_KEYS, file=sys.stderr)  # not in a responder's file of keys
            return FAILED
        return OK
    directory = slot_keys_directory(options.slot_keys, database_url(options), os.environ)
    here = SlotKeys(directory or Path())
    shown, signing = [], False
    for one in found:
        if one.retired_at is not None:
            state = "retired"
        elif not here.has_file(one.key_id):
            state = "of another collector (no file here)"
        else:
            state, signing = ("in force" if signing else "in force, signs"), True
        shown.append({"key_id": one.key_id, "made_at": one.made_at.isoformat(), "state": state})
    if options.json:
        print(json.dumps({"keys": shown}))
        return OK
    for entry in shown:
        print("{key_id}  {made_at}  {state}".format(**entry))
    if not shown:
        print(_NO_KEYS)
    return OK


def _key_retire(options: argparse.Namespace, store: Store) -> int:
    now = SystemClock().now()
    if not store.write(lambda sql: retire(sql, options.key_id, cli_actor(), now)):
        print(f"no key {options.key_id} is in force: see slot key list", file=sys.stderr)
        return FAILED
    print(f"key {options.key_id} is retired; take it out of the responders' key files too")
    return OK


def _responder_add(options: argparse.Namespace, store: Store) -> int:
    now = SystemClock().now()
    one = Responder(
        name=options.name,
        target=options.target,
        capacity_bps=options.mbps * 1_000_000,
        capacity_tests=options.tests,
    )

    def work(sql: Sql) -> str | None:
        other = rows.responder_at(sql, one.target)
        if other is not None and other.name != one.name:
            return other.name
        rows.save_responder(sql, one, now)
        detail = {"target": one.target, "mbps": options.mbps, "tests": options.tests}
        audit(sql, cli_actor(), "responder.save", one.name, detail, now)
        return None

    taken = store.write(work)
    if taken is not None:
        print(f"--target: {one.target} is the responder {taken} already", file=sys.stderr)
        return FAILED
    print(f"responder {one.name} at {one.target}: {options.tests} tests, {options.mbps} Mbit/s")
    return OK


def _responder_list(options: argparse.Namespace, store: Store) -> int:
    found = store.read(rows.responders)
    if options.json:
        listed = [
            {
                "name": one.name,
                "target": one.target,
                "capacity_bps": one.capacity_bps,
                "capacity_tests": one.capacity_tests,
            }
            for one in found
        ]
        print(json.dumps({"responders": listed}))
        return OK
    for one in found:
        rate = f"{one.capacity_bps / 1e6:,.0f} Mbit/s"
        print(f"{one.name}  {one.target}  {one.capacity_tests} tests  {rate}")
    if not found:
        print("no responders: tests towards any target run without slots")
    return OK


def _responder_remove(options: argparse.Namespace, store: Store) -> int:
    now = SystemClock().now()

    def work(sql: Sql) -> bool:
        done = rows.remove_responder(sql, options.name)
        if done:
            audit(sql, cli_actor(), "responder.remove", options.name, {}, now)
        return done

    if not store.write(work):
        print(f"no responder {options.name}: see slot responder list", file=sys.stderr)
        return FAILED
    print(f"responder {options.name} is forgotten: tests towards it run without slots")
    return OK


def _name(text: str) -> str:
    if not is_name(text):
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed are letters, digits, '.', '_' and '-' (up to 64)"
        )
    return text


def _target(text: str) -> str:
    """Agents' tests name host and port; a responder without its port would never be asked for."""
    try:
        parse_host_port(text)
    except TargetRefused as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None
    return text


def _whole(most: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"found {text!r}, allowed is 1 to {most}")
        return int(text)

    return check


_ACTIONS: Final = {
    ("key", "new"): _key_new,
    ("key", "list"): _key_list,
    ("key", "retire"): _key_retire,
    ("responder", "add"): _responder_add,
    ("responder", "list"): _responder_list,
    ("responder", "remove"): _responder_remove,
}
