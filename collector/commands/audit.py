"""``hakaru-collector audit``: who changed what, and whether the log is still what was written."""

import argparse
import json
import sys

from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_database,
    database_url,
    reporting,
)
from collector.operators.audit import Head, Record, head_of, newest, verify
from collector.store import open_existing

MAX_LINES = 10_000


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = "Example: hakaru-collector audit verify --database sqlite:///hakaru.db"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="list changes, newest last",
        description="Lists who changed what, and when; the newest last.",
        epilog="Example: hakaru-collector audit list --limit 20 --database sqlite:///hakaru.db",
    )
    listing.add_argument(
        "--limit", metavar="N", type=int, default=100, help="newest N records (default 100)"
    )
    check = actions.add_parser(
        "verify",
        help="check that no record was changed, removed or moved",
        description="Checks the chain of hashes and prints its head. Records cut off at the end, "
        "or a whole log written anew, show only against a head kept elsewhere: keep what this "
        "prints, and give it with --head next time.",
        epilog="Example: hakaru-collector audit verify --head 41:9f2c... "
        "--database sqlite:///hakaru.db",
    )
    check.add_argument(
        "--head", metavar="NUMBER:HASH", help="the head printed last time and kept elsewhere"
    )
    for action in (listing, check):
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_database(action)


def run(options: argparse.Namespace) -> int:
    """List or verify; exit code 1 where the log was tampered with."""
    return reporting(lambda: _list(options) if options.action == "list" else _verify(options))


def _list(options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= MAX_LINES:
        raise BadArguments(f"--limit: found {options.limit}, allowed is 1 to {MAX_LINES}")
    store = open_existing(database_url(options))
    try:
        records = store.read(lambda sql: newest(sql, options.limit))[::-1]
    finally:
        store.close()
    if options.json:
        print(json.dumps({"records": [_as_json(record) for record in records]}))
        return OK
    for one in records:
        when = one.at.isoformat(timespec="seconds")
        line = (str(one.number), when, one.actor, one.action, one.subject, one.detail)
        print("  ".join(_plain(part) for part in line))
    return OK


def _verify(options: argparse.Namespace) -> int:
    try:
        kept = None if options.head is None else Head.parse(options.head)
    except ValueError as error:
        raise BadArguments(f"--head: {error}") from None
    store = open_existing(database_url(options))
    try:
        faults, head = store.read(lambda sql: (verify(sql, kept), head_of(sql)))
    finally:
        store.close()
    if options.json:
        print(json.dumps({"records": head.number, "head": str(head), "faults": faults}))
        return FAILED if faults else OK
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    if faults:
        print(f"{len(faults)} faults: this log is not what was written", file=sys.stderr)
        return FAILED
    print(f"{head.number} records, each follows from the one before")
    print(f"head {head}")
    if kept is None:
        print("keep the head elsewhere: only with it a cut-off end shows (--head)")
    return OK


def _as_json(record: Record) -> dict[str, object]:
    return {
        "number": record.number,
        "at": record.at.isoformat(),
        "actor": record.actor,
        "action": record.action,
        "subject": record.subject,
        "detail": json.loads(record.detail),
        "sha256": record.sha256,
    }


def _plain(text: str) -> str:
    """Text of a database on a terminal: nothing in it steers one."""
    return "".join(char if char.isprintable() else "?" for char in text)
