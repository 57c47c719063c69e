"""``hakaru-collector rehearsal``: all schools of a group at once, for a few minutes."""

import argparse
import json
import random
import sys
from typing import Any, Final, TypeAlias

from collector.clock import SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    add_calendar,
    add_database,
    calendars_of,
    open_store,
    reporting,
)
from collector.operators.audit import cli_actor
from collector.slots import rehearsals
from collector.slots.bottleneck import Together
from collector.slots.rehearsals import LONGEST_MINUTES, Rehearsal
from collector.slots.rehearse import RehearsalRefused, Wanted, begin, stop_all
from collector.slots.seen import seen
from collector.store.interface import Store

Actions: TypeAlias = "argparse._SubParsersAction[Any]"  # noqa: SLF001 - it has no public name
_DATABASE: Final = "--database sqlite:///hakaru.db"
SHOWN: Final = 5


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = f"Example: hakaru-collector rehearsal start --group north {_DATABASE}"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    start = _action(
        actions, "start", "begin a rehearsal in two and a half minutes", "--group north --minutes 5"
    )
    start.add_argument("--group", required=True, metavar="GROUP", help="upstream that they share")
    start.add_argument(
        "--minutes",
        type=_minutes,
        default=5,
        metavar="N",
        help=f"how long, 1 to {LONGEST_MINUTES} (default 5)",
    )
    start.add_argument("--responder", metavar="NAME", help="far end; needed where there are many")
    start.add_argument(
        "--in-lessons",
        action="store_true",
        help="confirm that lessons of the group may be disturbed",
    )
    add_calendar(start)
    status = _action(actions, "status", "show the newest rehearsals and what they found", "")
    status.add_argument("--json", action="store_true", help="one JSON object")
    stop = _action(actions, "stop", "stop what waits or runs", "")
    stop.add_argument("rehearsal", nargs="?", metavar="ID", help="only this one")


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it could not be done."""
    return reporting(lambda: _run(options))


def _action(actions: Actions, name: str, summary: str, words: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary.capitalize() + "."
    )
    given = " ".join(part for part in (name, words, _DATABASE) if part)
    action.epilog = f"Example: hakaru-collector rehearsal {given}"
    add_database(action)
    return action


def _run(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        return _ACTIONS[options.action](options, store)
    finally:
        store.close()


def _start(options: argparse.Namespace, store: Store) -> int:
    wanted = Wanted(
        group=options.group,
        responder=options.responder,
        minutes=options.minutes,
        in_lessons=options.in_lessons,
    )
    chance, now = random.SystemRandom(), SystemClock().now()
    try:
        made = begin(store, calendars_of(options), wanted, cli_actor(), now, chance)
    except RehearsalRefused as error:
        print(error, file=sys.stderr)
        return FAILED
    print(f"rehearsal {made.rehearsal_id}: {_times(made)}")
    print("stop it at any time: hakaru-collector rehearsal stop")
    return OK


def _stop(options: argparse.Namespace, store: Store) -> int:
    count = stop_all(store, cli_actor(), SystemClock().now(), options.rehearsal)
    if not count:
        print("nothing to stop: no such rehearsal waits or runs", file=sys.stderr)
        return FAILED
    print(f"{count} stopped: no test begins any more, those under way end within 10 s")
    return OK


def _status(options: argparse.Namespace, store: Store) -> int:
    now = SystemClock().now()
    found = store.read(lambda sql: rehearsals.newest(sql, SHOWN))
    told: list[dict[str, Any]] = []
    for one in found:
        shares, together = seen(store, one)
        told.append(
            {
                "id": one.rehearsal_id,
                "group": one.upstream,
                "responder": one.responder,
                "state": one.state(now),
                "starts_at": one.starts_at.isoformat(),
                "ends_at": one.over_at().isoformat(),
                "started_by": one.started_by,
                "verdict": together.verdict.value,
                "sum_bps": together.sum_bps,
                "alone_sum_bps": together.alone_sum_bps,
                "schools": [
                    {"code": s.code, "bps": s.middle_bps, "alone_bps": s.alone_bps} for s in shares
                ],
            }
        )
        if not options.json:
            print(f"{one.rehearsal_id}  {one.state(now)}  {_times(one)}")
            print(f"  {said(one, together)}")
    if options.json:
        print(json.dumps({"rehearsals": told}))
    elif not found:
        print("no rehearsals")
    return OK


def said(one: Rehearsal, together: Together) -> str:
    """What was found, in one line of English."""
    sum_mbps = f"{(together.sum_bps or 0) / 1e6:,.0f} Mbit/s"
    alone = f"{(together.alone_sum_bps or 0) / 1e6:,.0f} Mbit/s"
    return {
        "shared": f"bottleneck: what the schools of {one.upstream} share carries {sum_mbps}; "
        f"one at a time they reach {alone} together",
        "none": f"no shared bottleneck up to {sum_mbps}",
        "responder": f"the responder {one.responder} was at its capacity ({sum_mbps})",
        "not_flat": f"{sum_mbps} together, {alone} one at a time, but changing from round to round",
        "too_little": "too few rounds with most schools, or no single tests before: no verdict",
    }[together.verdict.value]


def _times(one: Rehearsal) -> str:
    return (
        f"group {one.upstream}, {one.starts_at.isoformat(timespec='seconds')} to "
        f"{one.over_at().isoformat(timespec='seconds')}, towards {one.responder}"
    )


def _minutes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST_MINUTES:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is 1 to {LONGEST_MINUTES}")
    return int(text)


_ACTIONS: Final = {"start": _start, "stop": _stop, "status": _status}
