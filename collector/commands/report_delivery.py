"""The actions of ``report`` that are about delivery: what became of it, deliver now, check."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector.clock import Clock
from collector.commands.common import FAILED, OK, BadArguments, open_store
from collector.config import parse_week
from collector.operators.audit import audit, cli_actor
from collector.report import delivery_rows, issue_rows
from collector.report.deliver import Deliverer, channels
from collector.report.delivery_rows import Delivery
from collector.report.settings import WEEKDAYS, load_settings
from collector.shown import Shown
from wire.codec import format_time

AddAction = Callable[[str, str, str], argparse.ArgumentParser]
_CONFIG_HELP: Final = "when and to whom (TOML); default: the one that comes with the program"


def configure(add: AddAction) -> None:
    """Add the actions."""
    listing = add("deliveries", "list what was delivered and what could not be", "")
    listing.add_argument("--week", type=parse_week, help="of one week only")
    listing.add_argument("--json", action="store_true", help="as JSON")
    deliver = add(
        "deliver",
        "deliver an issued report now, by every way that has not had it",
        "--config report.toml",
    )
    deliver.add_argument("--week", type=parse_week, help="default: the newest that was issued")
    deliver.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG_HELP)
    deliver.add_argument("--fonts", type=Path, metavar="DIR", help="folder of the fonts")
    schedule = add("schedule", "check a file and say when reports go where", "--config report.toml")
    schedule.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG_HELP)


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Exit code 0 done, 1 not delivered, 2 bad arguments or a refused file."""
    if options.action == "deliveries":
        return _list(options, clock)
    return _deliver(options, clock) if options.action == "deliver" else _schedule(options, clock)


def _list(options: argparse.Namespace, clock: Clock) -> int:
    store = open_store(options)
    try:
        simulated = Shown(store, clock).simulated()
        week = None if options.week is None else str(options.week)
        found = store.read(
            lambda sql: delivery_rows.deliveries(sql, simulated=simulated, week=week)
        )
    finally:
        store.close()
    if options.json:
        print(json.dumps([_as_json(one) for one in found], ensure_ascii=False))
        return OK
    for one in found:
        print(_line(one))
    if not found:
        print("nothing was delivered yet")
    return OK


def _deliver(options: argparse.Namespace, clock: Clock) -> int:
    settings = load_settings(options.config)
    if not channels(settings):
        raise BadArguments("the file has neither [mail] nor [webhook]: name one with --config FILE")
    store = open_store(options)
    holder = f"command {clock.now().timestamp()}"
    try:
        simulated = Shown(store, clock).simulated()
        week = None if options.week is None else str(options.week)
        found = store.read(lambda sql: issue_rows.issues(sql, simulated=simulated, week=week))
        if not found:
            raise BadArguments(
                "found no issued report: issue it with hakaru-collector report weekly"
            )
        last = found[0]
        report = store.read(
            lambda sql: issue_rows.document(sql, last.week, last.revision, simulated=simulated)
        )
        assert report is not None
        now = clock.now()
        if not store.write(lambda sql: delivery_rows.acquire(sql, holder, now)):
            print("a serving collector delivers at this moment: try again", file=sys.stderr)
            return FAILED
        try:
            done = Deliverer(store, settings, options.fonts).deliver(
                last, report, clock.now, again=True
            )
            store.write(
                lambda sql: audit(
                    sql,
                    cli_actor(),
                    "report.deliver",
                    f"{last.week} revision {last.revision}",
                    {one.channel.value: one.problem or "delivered" for one in done},
                    clock.now(),
                )
            )
        finally:
            store.write(lambda sql: delivery_rows.release(sql, holder))
    finally:
        store.close()
    for one in done:
        print(_line(one))
    if not done:
        print(f"{last.week} revision {last.revision}: delivered before by every way")
    return OK if all(one.delivered_at is not None for one in done) else FAILED


def _schedule(options: argparse.Namespace, clock: Clock) -> int:
    settings = load_settings(options.config)
    due = settings.newest_due(clock.now())
    print(f"issued: {WEEKDAYS[settings.weekday]} {settings.at:%H:%M} of the week after (Japan)")
    print(f"due now: {due}; next: {due.plus(1)} at {format_time(settings.due_at(due.plus(1)))}")
    print(f"late results watched: {settings.weeks_watched} weeks")
    if settings.mail is not None:
        mail = settings.mail
        print(
            f"mail: {', '.join(mail.recipients)} by {mail.host}:{mail.port} "
            f"({mail.security.value}), {', '.join(one.value for one in settings.formats)}"
        )
    if settings.webhook is not None:
        print(f"webhook: {urlsplit(settings.webhook.url).hostname}")
    if not channels(settings):
        print("delivered to nobody")
    return OK


def _line(one: Delivery) -> str:
    if one.delivered_at is not None:
        what = f"delivered {format_time(one.delivered_at)}"
    else:
        what = f"not delivered after {one.attempts} attempts"
    problem = f": {one.problem}" if one.problem else ""
    return f"{one.week}  revision {one.revision}  {one.channel.value}  {what}{problem}"


def _as_json(one: Delivery) -> dict[str, object]:
    return {
        "week": one.week,
        "revision": one.revision,
        "channel": one.channel.value,
        "attempts": one.attempts,
        "delivered_at": None if one.delivered_at is None else format_time(one.delivered_at),
        "problem": one.problem,
    }
