"""``plans demand``, ``updates`` and ``survey-table``: what the network tells the plans."""

import argparse
import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from collector.clock import SystemClock
from collector.commands.common import (
    OK,
    BadArguments,
    add_calendar,
    add_criteria,
    add_database,
    calendars_of,
    criteria_of,
    open_store,
)
from collector.commands.plans_track import write_file
from collector.judge.model import Figure
from collector.pages.i18n import LANGUAGES, words
from collector.pages.ministry_table import FORMATS, file_bytes, file_name
from collector.programme.ministry import ministry_table
from collector.programme.plans.demand import Answer, Demand, Lesson, Lessons
from collector.programme.plans.demand_file import load_lessons
from collector.programme.plans.read_demand import demands, update_days
from collector.programme.plans.relations import number_text
from collector.programme.plans.update_days import UpdateDays
from collector.shown import Shown
from collector.views import SchoolRow

Actions = Any  # argparse has no public name for what add_subparsers gives
MAX_WEEKS: Final = 60
DEFAULT_WEEKS: Final = 13
_DATABASE: Final = "--database sqlite:///hakaru.db"


def add_parsers(actions: Actions) -> None:
    """Add the three actions."""
    asking = actions.add_parser(
        "demand",
        help="whether the lines carry a lesson, and how many devices at once",
        description="Devices x concurrency x rate of one device, against the measured interval "
        "of each school. Devices: the fact device.count, else one a pupil.",
        epilog="Example: hakaru-collector plans demand --lesson digital_textbook "
        f"--concurrency 0.4 {_DATABASE}",
    )
    asking.add_argument("--lesson", required=True, metavar="LESSON", help="id in demand.toml")
    asking.add_argument(
        "--concurrency", metavar="SHARE", help="devices at the same time, above 0 to 1"
    )
    asking.add_argument("--school", metavar="CODE", help="only this school")
    asking.add_argument(
        "--figure",
        choices=[one.value for one in Figure],
        default=Figure.QUIET.value,
        help="quiet capacity (default), or lesson hours",
    )
    asking.add_argument("--table", metavar="FILE", type=Path, help="another demand.toml")
    updates = actions.add_parser(
        "updates",
        help="whether lessons are slower on days of operating-system updates",
        description="Compares lesson hours of the day after the second Tuesday of a month, and of "
        "the day after that, with all other school days of the span.",
        epilog=f"Example: hakaru-collector plans updates --weeks 26 {_DATABASE}",
    )
    updates.add_argument(
        "--weeks", type=int, default=DEFAULT_WEEKS, metavar="N", help=f"1 to {MAX_WEEKS}"
    )
    for action in (asking, updates):
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_database(action)
        add_calendar(action)
    add_criteria(asking)
    table = actions.add_parser(
        "survey-table",
        help="write the table that a board sends when the ministry asks again",
        description="Writes one line a school: required and measured speed with method, date and "
        "verdict, state of the assessment, findings and measures, of the week shown.",
        epilog=f"Example: hakaru-collector plans survey-table --format xlsx,csv {_DATABASE}",
    )
    table.add_argument(
        "--format", default=",".join(FORMATS), metavar="LIST", help="xlsx,csv (default), or one"
    )
    table.add_argument(
        "--folder", type=Path, default=Path(), metavar="DIR", help="where to; default: here"
    )
    table.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="of the words")
    add_database(table)
    add_criteria(table)
    add_calendar(table)


def lesson_of(lessons: Lessons, lesson_id: str) -> Lesson:
    """Give a lesson. Raises BadArguments naming those there are."""
    found = lessons.find(lesson_id)
    if found is None:
        known = ", ".join(one.lesson_id for one in lessons.lessons)
        raise BadArguments(f"--lesson: found {lesson_id!r}, allowed is one of {known}")
    return found


def _demand(options: argparse.Namespace) -> int:
    lessons = load_lessons(options.table)
    lesson = lesson_of(lessons, options.lesson)
    concurrency = _concurrency(options.concurrency, lessons.usual_concurrency)
    store = open_store(options)
    try:
        shown = Shown(store, SystemClock())
        week = shown.week()
        found = demands(
            store,
            criteria_of(options),
            calendars_of(options),
            lesson,
            concurrency=concurrency,
            figure=Figure(options.figure),
            week=week,
            simulated=shown.simulated(),
            now=shown.now(),
        )
    finally:
        store.close()
    if options.school is not None:
        found = [one for one in found if one[0].school.code == options.school]
        if not found:
            raise BadArguments(f"--school: no school {options.school!r} is imported")
    counted = Counter(one.answer for _, one in found)
    counts = {answer.value: counted[answer] for answer in Answer}
    if options.json:
        schools = [_document(row, one) for row, one in found]
        told = {
            "lesson": lesson.lesson_id,
            "concurrency": float(concurrency),
            "week": str(week),
            "figure": options.figure,
            "confirmed": lesson.confirmed,
            "source": lesson.source,
            "counts": counts,
            "schools": schools,
        }
        print(json.dumps(told, ensure_ascii=False))
        return OK
    rate = f"{number_text(lesson.down_mbps)} Mbit/s down"
    if lesson.up_mbps is not None:
        rate += f", {number_text(lesson.up_mbps)} Mbit/s up"
    origin = lesson.source if lesson.confirmed else "from the field, unconfirmed"
    print(f"{lesson.name[1]}: {rate} a device ({origin}), {week}, {options.figure}")
    for row, one in found:
        print(_line(row, one))
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return OK


def _line(row: SchoolRow, one: Demand) -> str:
    measured = "not measured"
    if one.capacity.low_bps is not None and one.capacity.high_bps is not None:
        plus = "+" if one.capacity.high_open else ""
        measured = (
            f"{one.capacity.low_bps / 1e6:.0f}..{one.capacity.high_bps / 1e6:.0f}{plus} Mbit/s"
        )
    carries = "-" if one.carries_low is None else str(one.carries_low)
    if one.carries_low is not None:
        carries += ".." + ("?" if one.carries_high is None else str(one.carries_high))
    return (
        f"{row.school.code:8} {one.answer.value:11} needs {one.down_bps / 1e6:7.0f} Mbit/s for "
        f"{one.at_once} of {one.devices} devices; measured {measured}; carries {carries} devices "
        f"at once ({one.why.value})"
    )


def _document(row: SchoolRow, one: Demand) -> dict[str, Any]:
    return {
        "school": row.school.code,
        "devices": one.devices,
        "devices_from": one.devices_from.value,
        "at_once": one.at_once,
        "down_bps": one.down_bps,
        "up_bps": one.up_bps,
        "low_bps": one.capacity.low_bps,
        "median_bps": one.capacity.median_bps,
        "high_bps": None if one.capacity.high_open else one.capacity.high_bps,
        "runs": one.capacity.runs,
        "answer": one.answer.value,
        "why": one.why.value,
        "carries_low": one.carries_low,
        "carries_high": one.carries_high,
    }


def _concurrency(text: str | None, usual: Fraction) -> Fraction:
    if text is None:
        return usual
    try:
        share = Fraction(Decimal(text)) if Decimal(text).is_finite() else Fraction(0)
    except InvalidOperation:
        share = Fraction(0)
    if not 0 < share <= 1:
        raise BadArguments(f"--concurrency: found {text!r}, allowed is above 0 to 1, such as 0.4")
    return share


def _updates(options: argparse.Namespace) -> int:
    if not 1 <= options.weeks <= MAX_WEEKS:
        raise BadArguments(f"--weeks: found {options.weeks}, allowed is 1 to {MAX_WEEKS}")
    store = open_store(options)
    try:
        shown = Shown(store, SystemClock())
        found = update_days(
            store,
            calendars_of(options),
            until=shown.week().end,
            weeks=options.weeks,
            simulated=shown.simulated(),
        )
    finally:
        store.close()
    if options.json:
        print(json.dumps(_update_document(found)))
        return OK
    days = " ".join(day.isoformat() for day in found.days) or "none"
    print(f"update days measured in lessons: {days} ({found.releases} publications)")
    if found.ratio is None:
        print("no school was measured in lessons on both kinds of day")
    else:
        interval = ""
        if found.ratio.low is not None and found.ratio.high is not None:
            interval = f" ({found.ratio.low:.3f}..{found.ratio.high:.3f}, 95 %)"
        print(f"median ratio over {found.ratio.values} schools: {found.ratio.median:.3f}{interval}")
    print(found.effect.value)
    return OK


def _update_document(found: UpdateDays) -> dict[str, Any]:
    ratio = found.ratio
    return {
        "days": [day.isoformat() for day in found.days],
        "releases": found.releases,
        "effect": found.effect.value,
        "ratio": None
        if ratio is None
        else {"median": ratio.median, "low": ratio.low, "high": ratio.high, "n": ratio.values},
        "schools": [
            {
                "school": one.school_code,
                "ratio": one.ratio,
                "update_bps": one.update_bps,
                "update_results": one.update_results,
                "other_bps": one.other_bps,
                "other_results": one.other_results,
            }
            for one in found.schools
        ],
    }


def _table(options: argparse.Namespace) -> int:
    forms = options.format.split(",")
    if not set(forms) <= set(FORMATS):
        raise BadArguments(
            f"--format: found {options.format!r}, allowed is a list of {', '.join(FORMATS)}"
        )
    store = open_store(options)
    try:
        shown = Shown(store, SystemClock())
        table = ministry_table(store, criteria_of(options), calendars_of(options), shown)
    finally:
        store.close()
    for form in dict.fromkeys(forms):
        path = options.folder / file_name(table, form)
        write_file(path, file_bytes(words(options.language), table, form))
        print(f"{path}: {len(table.lines)} schools")
    return OK


ACTIONS: Final = {"demand": _demand, "updates": _updates, "survey-table": _table}
