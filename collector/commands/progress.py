"""``hakaru-collector progress``: how far each school is, the deadline, spreadsheets."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from collector.clock import SystemClock
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    OK,
    REFUSED,
    BadArguments,
    reporting,
)
from collector.commands.times import day
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.programme import progress_rows
from collector.programme.burn_down import open_days, rate, series_days
from collector.programme.exchange.files import SheetName, export_file, import_file
from collector.programme.exchange.write import Format
from collector.programme.model import EditedMeanwhile, Progress, State
from collector.programme.progress_change import (
    ProgressRefused,
    not_started,
    set_deadline,
    set_progress,
)
from collector.programme.standing import DEADLINE, Standing, deadline_of, standing
from collector.schools.table import MAX_FILE_BYTES, ImportRefused
from collector.store.interface import Store


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "progress", "show")
    show = actions.add(
        "show", "show where the city stands", more="Counts, deadline, rate, each school."
    )
    show.add_argument("--school", metavar="CODE", help="one school with its history")
    show.add_argument("--json", action="store_true", help="one JSON object")
    setting = actions.add(
        "set", "set where a school stands", "E001 investigating --assessor 調査班", more="Audited."
    )
    setting.add_argument("school", metavar="CODE", help="of the school")
    setting.add_argument("state", choices=[state.value for state in State], help="its state")
    setting.add_argument("--since", type=day, metavar="DATE", help="since when; default today")
    setting.add_argument("--planned", type=day, metavar="DATE", help="day of the assessment")
    setting.add_argument("--assessor", metavar="NAME", help="who assesses")
    setting.add_argument("--note", metavar="TEXT", help="a note")
    deadline = actions.add(
        "deadline",
        "set the day by which all problems are to be identified",
        "2025-03-31",
        more="Without one: the end of the running fiscal year.",
    )
    deadline.add_argument("day", metavar="DATE", nargs="?", type=day)
    for name, words in (("export", "write a table as a file"), ("import", "take a table in")):
        parser = actions.add(
            name,
            words,
            f"{'--table progress ' if name == 'import' else ''}progress.xlsx",
            more="CSV or XLSX; whole or not at all.",
        )
        parser.add_argument("file", metavar="FILE", type=Path, help="name ending .csv or .xlsx")
        parser.add_argument(
            "--table",
            choices=[one.value for one in SheetName],
            default=SheetName.PROGRESS.value,
            help="default progress",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where a change was refused, 2 for a refused file."""
    return reporting(lambda: _told(options))


def _told(options: argparse.Namespace) -> int:
    action, now = _ACTIONS[options.action], SystemClock().now()
    try:
        return on_store(
            options, lambda store: action(options, store, now), ProgressRefused, EditedMeanwhile
        )
    except ImportRefused as refused:
        messages = [str(mistake) for mistake in refused.mistakes]
        print("\n".join(messages), file=sys.stderr)
        print(f"{len(messages)} mistakes: nothing was changed", file=sys.stderr)
        return REFUSED


def _show(options: argparse.Namespace, store: Store, now: datetime) -> int:
    if options.school:
        return _show_school(options, store)
    stand, told = _city(store, now)
    if options.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return OK
    left = stand.days_left
    when = f"{left} days left" if left >= 0 else f"overdue by {-left} days"
    print(f"sample schools {stand.samples.done}/{stand.samples.total} identified")
    print(f"other schools  {stand.others.done}/{stand.others.total} identified")
    print(f"deadline {stand.deadline} ({when})")
    needed = told["needed_per_week"]
    print(f"needed {'-' if needed is None else needed} a week, last 4 weeks {told['per_week']}")
    print("  ".join(f"{state.value} {count}" for state, count in stand.by_state.items()))
    return OK


def _city(store: Store, now: datetime) -> tuple[Standing, dict[str, Any]]:
    today = local(now).date()
    deadline = deadline_of(store.setting(DEADLINE), today)
    schools = store.schools()
    events = store.read(progress_rows.progress_events)
    stand = standing(schools, store.read(progress_rows.progress), today, deadline)
    points = open_days(schools, events, series_days(events, today, deadline))
    speed = rate(points, stand)
    return stand, {
        "today": str(today),
        "deadline": str(deadline),
        "days_left": stand.days_left,
        "samples": {"done": stand.samples.done, "total": stand.samples.total},
        "others": {"done": stand.others.done, "total": stand.others.total},
        "by_state": {state.value: count for state, count in stand.by_state.items()},
        "needed_per_week": None if speed.needed is None else round(float(speed.needed), 2),
        "per_week": round(float(speed.recent), 2),
        "open": [[str(point.day), point.samples_open, point.others_open] for point in points],
    }


def _show_school(options: argparse.Namespace, store: Store) -> int:
    if store.school(options.school) is None:
        raise ProgressRefused("code", options.school, "the code of a school")
    events = store.read(lambda sql: progress_rows.progress_events(sql, options.school))
    lines = [
        {
            "state": one.progress.state.value,
            "since_on": str(one.progress.since_on),
            "planned_on": str(one.progress.planned_on or ""),
            "assessor": one.progress.assessor,
            "note": one.progress.note,
            "changed_at": f"{local(one.changed_at):%F %R}",
            "changed_by": one.changed_by,
        }
        for one in events
    ]
    if options.json:
        print(json.dumps({"school": options.school, "history": lines}, ensure_ascii=False))
    else:
        print("\n".join("  ".join(line.values()) for line in lines) or "not started")
    return OK


def _set(options: argparse.Namespace, store: Store, now: datetime) -> int:
    today = local(now).date()
    found = store.read(lambda sql: progress_rows.progress(sql, options.school))
    before = found[0] if found else not_started(options.school, today)
    state = State(options.state)
    stays = state is before.state and before.version > 0
    new = Progress(
        school_code=options.school,
        state=state,
        since_on=options.since or (before.since_on if stays else today),
        planned_on=options.planned or before.planned_on,
        assessor=before.assessor if options.assessor is None else options.assessor,
        note=before.note if options.note is None else options.note,
        version=before.version,
    )
    kept = set_progress(store, new, cli_actor(), now)
    print(f"{kept.school_code}: {kept.state.value} since {kept.since_on} (version {kept.version})")
    return OK


def _deadline(options: argparse.Namespace, store: Store, now: datetime) -> int:
    set_deadline(store, options.day, cli_actor(), now)
    print(f"deadline {deadline_of(store.setting(DEADLINE), local(now).date())}")
    return OK


def _export(options: argparse.Namespace, store: Store, _now: datetime) -> int:
    suffix = options.file.suffix.lower().removeprefix(".")
    if suffix not in {one.value for one in Format}:
        raise BadArguments(f"{options.file}: found {suffix!r}, allowed is .csv or .xlsx")
    raw = export_file(store, SheetName(options.table), Format(suffix))
    try:
        options.file.write_bytes(raw)
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be written ({error.strerror})") from None
    if options.json:
        print(json.dumps({"file": str(options.file), "bytes": len(raw)}, ensure_ascii=False))
    else:
        print(f"{options.file}: {len(raw)} bytes")
    return OK


def _import(options: argparse.Namespace, store: Store, now: datetime) -> int:
    try:
        with options.file.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be read ({error.strerror})") from None
    name = SheetName(options.table)
    taken = import_file(store, name, raw, str(options.file), cli_actor(), now)
    if options.json:
        told = {"changed": list(taken.changed), "unchanged": taken.unchanged_count}
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(f"{len(taken.changed)} changed, {taken.unchanged_count} unchanged")
    return OK


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store, datetime], int]]] = {
    "show": _show,
    "set": _set,
    "deadline": _deadline,
    "export": _export,
    "import": _import,
}
