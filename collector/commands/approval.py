"""``hakaru-collector approval``: who approved that a school's network is searched or heard."""

import argparse
from datetime import datetime
from typing import Final

from collector.clock import SystemClock
from collector.commands.actions import on_store
from collector.commands.common import OK, add_database, reporting
from collector.commands.times import moment
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.policy import approval
from collector.policy.change import Author, ChangeRefused
from collector.store.interface import Store
from wire.approval import CHECKS

_DATABASE: Final = " --database sqlite:///hakaru.db"
_GRANT: Final = (
    'Example: hakaru-collector approval grant --school E001 --approved-by "head of section" '
    "--role principal --checks lan_devices dhcp --networks 192.0.2.0/24 --until 30d" + _DATABASE
)


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = _GRANT
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    granting = actions.add_parser(
        "grant",
        help="record that a person approved checks of a school's network",
        description="Agents of the school hear of it with their next heartbeat, within a minute. "
        "An appliance that forbids a check in its agent.toml still does not run it.",
        epilog=_GRANT,
    )
    granting.add_argument("--school", required=True, metavar="CODE", help="whose network")
    granting.add_argument("--approved-by", required=True, metavar="NAME", help="who approved")
    granting.add_argument("--role", required=True, metavar="TEXT", help="in which office")
    granting.add_argument(
        "--checks", required=True, nargs="+", metavar="CHECK", help=f"some of {' '.join(CHECKS)}"
    )
    granting.add_argument(
        "--networks", required=True, nargs="+", metavar="RANGE", help="where: 192.0.2.0/24"
    )
    granting.add_argument(
        "--from", dest="begins", metavar="WHEN", help="2027-04-15T08:00 in Japan; default: now"
    )
    granting.add_argument(
        "--until", required=True, metavar="WHEN", help="30d, or 2027-05-15T17:00 in Japan"
    )
    granting.add_argument("--note", default="", help="kept with the record: number of the letter")
    listing = actions.add_parser(
        "list",
        help="show the records",
        description="Shows records, newest first, also those that do not hold any more.",
        epilog="Example: hakaru-collector approval list --school E001" + _DATABASE,
    )
    listing.add_argument("--school", metavar="CODE", help="of one school")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="most lines")
    revoking = actions.add_parser(
        "revoke",
        help="take a record back",
        description="Agents hear of it within a minute; a check under way comes to its end.",
        epilog="Example: hakaru-collector approval revoke 4 --note withdrawn" + _DATABASE,
    )
    revoking.add_argument("number", type=int, metavar="NUMBER", help="of the record")
    revoking.add_argument("--note", default="", help="why, kept in the audit log")
    for action in (granting, listing, revoking):
        add_database(action)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it was refused."""
    return reporting(lambda: on_store(options, lambda store: _act(options, store), ChangeRefused))


def _act(options: argparse.Namespace, store: Store) -> int:
    now = SystemClock().now()
    if options.action == "list":
        found = store.read(lambda sql: approval.newest(sql, options.school, options.limit))
        for one in found:
            print(_line(one, now))
        return OK
    author = Author(cli_actor(), now, options.note)
    if options.action == "revoke":
        approval.revoke(store, options.number, author)
        print(f"approval {options.number} is revoked; agents hear of it within a minute")
        return OK
    begins = now if options.begins is None else _moment("--from", options.begins, now)
    granted = approval.grant(
        store,
        approval.Wanted(
            school_code=options.school,
            approved_by=options.approved_by,
            role=options.role,
            checks=options.checks,
            networks=options.networks,
            valid_from=begins,
            valid_until=_moment("--until", options.until, begins),
        ),
        author,
    )
    print(_line(granted, now))
    print("agents hear of it within a minute")
    return OK


def _line(one: approval.Granted, now: datetime) -> str:
    given = one.approval
    until = f"{local(given.valid_from):%F %R} to {local(given.valid_until):%F %R}"
    return (
        f"{given.number}  {given.school}  {one.state(now).value}  {until}  "
        f"{' '.join(given.checks)}  {' '.join(given.networks)}  "
        f"{one.approved_by} ({one.role}), recorded by {one.granted_by}"
        + (f"  {one.note}" if one.note else "")
    )


def _moment(option: str, text: str, start: datetime) -> datetime:
    return moment(option, text, start, "30d or 2027-05-15T17:00", {"d": 3})
