"""``hakaru-collector report``: issue a week's report, list, show and compare what was issued."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from collector.clock import Clock, SystemClock
from collector.commands import report_delivery
from collector.commands.actions import Actions
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_calendar,
    add_criteria,
    calendars_of,
    criteria_of,
    open_store,
    reporting,
)
from collector.config import parse_week
from collector.judge.week import Week, last_complete_week
from collector.operators.audit import cli_actor
from collector.pages.i18n import LANGUAGES, words
from collector.report import issue_rows
from collector.report.build import build
from collector.report.differences import differences
from collector.report.document import Difference, Report, canonical
from collector.report.fonts import FontsMissing
from collector.report.formats import Format, Manner, file_name, write
from collector.report.gather import Inputs, gather
from collector.report.issue import issue
from collector.report.issue_rows import Issue
from collector.report.pdf import PdfFailed
from collector.report.present_week import changed
from collector.report.say import Say
from collector.shown import Shown
from collector.store.interface import Store
from wire.codec import format_time


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "report", "weekly --out reports")
    weekly = actions.add(
        "weekly",
        "issue the report of a week and write its files; late data make a new revision",
        "--week 2026-W23 --format pdf,xlsx --out reports",
    )
    weekly.add_argument(
        "--week", type=parse_week, help="such as 2026-W23; default: the week the pages show"
    )
    weekly.add_argument(
        "--format",
        type=_formats,
        default=tuple(Format),
        metavar="LIST",
        help="some of pdf,xlsx,html,csv (default: all)",
    )
    weekly.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where the files go (default: here)"
    )
    _add_language(weekly)
    weekly.add_argument(
        "--fonts", type=Path, metavar="DIR", help="folder of the BIZ UD Gothic fonts"
    )
    weekly.add_argument(
        "--bom", action="store_true", help="begin the CSV with a byte order mark, for Excel"
    )
    weekly.add_argument(
        "--at", type=_moment, metavar="TIME", help="time stated on the report (RFC 3339)"
    )
    weekly.add_argument("--preview", action="store_true", help="write the files, issue nothing")
    weekly.add_argument("--json", action="store_true", help="one JSON object about what was done")
    add_criteria(weekly)
    add_calendar(weekly)
    listing = actions.add("list", "list what was issued", "--week 2026-W23")
    listing.add_argument("--week", type=parse_week, help="of one week only")
    show = actions.add("show", "print an issued report as JSON", "--week 2026-W23 --revision 1")
    compare = actions.add(
        "diff", "say what two revisions of a week say otherwise", "--week 2026-W23"
    )
    for parser in (show, compare):
        parser.add_argument("--week", type=parse_week, required=True, help="such as 2026-W23")
    show.add_argument("--revision", type=int, metavar="N", help="default: the newest")
    compare.add_argument(
        "--from", dest="older", type=int, metavar="N", help="default: the last but one"
    )
    compare.add_argument("--to", dest="newer", type=int, metavar="N", help="default: the newest")
    for parser in (listing, show, compare):
        parser.add_argument("--json", action="store_true", help="as JSON")
        _add_language(parser)
    report_delivery.configure(actions.add)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 done, 1 it could not be made or there is none, 2 bad arguments."""
    clock = SystemClock()
    actions = {
        "weekly": lambda: _weekly(options, clock),
        "list": lambda: _list(options, clock),
        "show": lambda: _show(options, clock),
        "diff": lambda: _diff(options, clock),
    }
    action = actions.get(options.action)
    return reporting(action or (lambda: report_delivery.run(options, clock)))


def _weekly(options: argparse.Namespace, clock: Clock) -> int:
    started = clock.monotonic_seconds()
    store = open_store(options)
    try:
        wall = options.at or clock.now()
        shown = Shown(store, clock)
        simulated = shown.simulated()
        now = shown.now() if simulated else wall
        week = options.week or (shown.week() if simulated else last_complete_week(wall))
        inputs = Inputs(store=store, criteria=criteria_of(options), calendars=calendars_of(options))
        if not store.schools():
            print("no schools: import them with hakaru-collector school import", file=sys.stderr)
            return FAILED
        if options.preview:
            material = gather(inputs, week, simulated=simulated, now=now, wall=wall)
            report, is_new = build(material, stated_at=wall), False
        else:
            outcome = issue(
                inputs, week, simulated=simulated, now=now, wall=wall, actor=cli_actor()
            )
            report, is_new = outcome.report, outcome.is_new
    finally:
        store.close()
    try:
        written = _write(options, report)
    except (FontsMissing, PdfFailed) as error:
        print(error, file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"{options.out}: cannot be written ({error.strerror})", file=sys.stderr)
        return FAILED
    seconds = clock.monotonic_seconds() - started
    _tell(options, report, written, is_new=is_new, seconds=seconds)
    return OK


def _write(options: argparse.Namespace, report: Report) -> list[tuple[Path, int]]:
    manner = Manner(language=options.language, fonts=options.fonts, bom=options.bom)
    options.out.mkdir(parents=True, exist_ok=True)
    written = []
    for wanted in options.format:
        path = options.out / file_name(report, wanted, options.language)
        content = write(report, wanted, manner)
        path.write_bytes(content)
        written.append((path, len(content)))
    return written


def _tell(
    options: argparse.Namespace,
    report: Report,
    written: Sequence[tuple[Path, int]],
    *,
    is_new: bool,
    seconds: float,
) -> None:
    city = report.city
    if options.json:
        said = {
            "week": report.week,
            "revision": report.revision,
            "issued": is_new,
            "stated_at": format_time(report.stated_at),
            "schools": city.schools,
            "met": city.met,
            "not_met": city.not_met,
            "undetermined": city.undetermined,
            "differences": len(report.differences),
            "files": [{"path": str(path), "bytes": size} for path, size in written],
            "seconds": round(seconds, 3),
        }
        print(json.dumps(said, ensure_ascii=False))
        return
    if options.preview:
        what = "preview, not issued"
    else:
        what = "issued" if is_new else "nothing new since it was issued"
    print(
        f"{report.week} revision {report.revision} ({what}): {city.met} of {city.schools} schools "
        f"met, {city.not_met} not met, {city.undetermined} undetermined"
    )
    if is_new and report.differences:
        print(f"{len(report.differences)} differences from revision {report.revision - 1}")
    for path, size in written:
        print(f"{path}  {size:,} bytes")
    print(f"made in {seconds:.1f} s")


def _list(options: argparse.Namespace, clock: Clock) -> int:
    store = open_store(options)
    try:
        simulated = Shown(store, clock).simulated()
        week = None if options.week is None else str(options.week)
        found = store.read(lambda sql: issue_rows.issues(sql, simulated=simulated, week=week))
    finally:
        store.close()
    if options.json:
        print(json.dumps([_as_json(one) for one in found]))
        return OK
    for one in found:
        print(
            f"{one.week}  revision {one.revision}  issued {format_time(one.issued_at)}  "
            f"sha256 {one.sha256[:16]}"
        )
    if not found:
        print("no report was issued yet")
    return OK


def _show(options: argparse.Namespace, clock: Clock) -> int:
    store = open_store(options)
    try:
        report = _issued(store, clock, options.week, options.revision)
    finally:
        store.close()
    print(canonical(report))
    return OK


def _diff(options: argparse.Namespace, clock: Clock) -> int:
    store = open_store(options)
    try:
        newer = _issued(store, clock, options.week, options.newer)
        older = _issued(store, clock, options.week, options.older or newer.revision - 1)
    finally:
        store.close()
    found = differences(older, newer)
    if options.json:
        print(
            json.dumps(
                [
                    {
                        "school": one.school_code,
                        "field": one.field.value,
                        "before": one.before,
                        "after": one.after,
                    }
                    for one in found
                ],
                ensure_ascii=False,
            )
        )
        return OK
    say = Say(newer, words(options.language))
    for one in found:
        print(_line(say, one))
    if not found:
        print("no difference")
    return OK


def _line(say: Say, one: Difference) -> str:
    before, after = changed(say, one)
    who = f"{one.school_code} {say.school(one.school_code)}" if one.school_code else say.city()
    return f"{who}: {say.words(f'report_field.{one.field.value}')}: {before} -> {after}"


def _issued(store: Store, clock: Clock, week: Week, revision: int | None) -> Report:
    """Give an issued report. Raises BadArguments where there is none."""
    simulated = Shown(store, clock).simulated()
    found = store.read(lambda sql: issue_rows.issues(sql, simulated=simulated, week=str(week)))
    numbers = [one.revision for one in found]
    wanted = numbers[0] if revision is None and numbers else revision
    if wanted is None or wanted not in numbers:
        have = ", ".join(str(one) for one in sorted(numbers)) or "none"
        raise BadArguments(f"{week}: found no revision {wanted or ''}, issued are: {have}")
    try:
        report = store.read(
            lambda sql: issue_rows.document(sql, str(week), wanted, simulated=simulated)
        )
    except ValueError as error:
        raise BadArguments(f"{week} revision {wanted}: {error}") from None
    assert report is not None
    return report


def _as_json(one: Issue) -> dict[str, object]:
    return {
        "week": one.week,
        "revision": one.revision,
        "issued_at": format_time(one.issued_at),
        "sha256": one.sha256,
    }


def _add_language(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help=f"language of the report (default {LANGUAGES[0]})",
    )


def _formats(text: str) -> tuple[Format, ...]:
    names = [one.strip() for one in text.split(",")]
    known = [one.value for one in Format]
    wrong = [one for one in names if one not in known]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"found {', '.join(wrong) or 'nothing'}, allowed is a list of {', '.join(known)}"
        )
    return tuple(one for one in Format if one.value in names)


def _moment(text: str) -> datetime:
    try:
        moment: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed is a time with its zone such as 2026-06-08T07:00:00+09:00"
        )
    return moment.astimezone(UTC)
