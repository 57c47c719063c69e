"""``hakaru-collector school``: import schools and the survey baseline, list, enrolment codes."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from collector.clock import SystemClock
from collector.commands import school_enrol_code
from collector.commands.common import OK, REFUSED, BadArguments, add_database, open_store, reporting
from collector.operators.audit import cli_actor
from collector.schools.change import import_baseline, import_schools
from collector.schools.csv_import import (
    BASELINE_HEADER,
    SCHOOLS_HEADER,
    ImportRefused,
    parse_baseline,
    parse_schools,
)
from collector.schools.table import MAX_FILE_BYTES


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = (
        "Example: hakaru-collector school import schools.csv --database sqlite:///hakaru.db"
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    school_import = actions.add_parser(
        "import",
        help="add or update schools from a CSV file",
        description="Adds or updates schools. A file with any mistake changes nothing. "
        f"Header: {','.join(SCHOOLS_HEADER)}",
        epilog="Example: hakaru-collector school import schools.csv --database sqlite:///hakaru.db",
    )
    baseline = actions.add_parser(
        "baseline",
        help="replace the survey baseline from a CSV file",
        description="Replaces what the ministry's survey said of each school. A file with any "
        f"mistake changes nothing. Header: {','.join(BASELINE_HEADER)}",
        epilog="Example: hakaru-collector school baseline baseline.csv "
        "--database sqlite:///hakaru.db",
    )
    for action in (school_import, baseline):
        action.add_argument("file", metavar="FILE.csv", type=Path, help="UTF-8 or CP932")
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_database(action)
    listing = actions.add_parser(
        "list",
        help="list the schools",
        description="Lists the schools with their number of pupils and survey baseline.",
        epilog="Example: hakaru-collector school list --database sqlite:///hakaru.db",
    )
    listing.add_argument("--json", action="store_true", help="one JSON object")
    add_database(listing)
    school_enrol_code.add_parser(actions)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 2 for a refused file or bad arguments."""
    if options.action == "enrol-code":
        return school_enrol_code.run(options)
    return reporting(lambda: _refusals_told(options))


def _refusals_told(options: argparse.Namespace) -> int:
    try:
        return _ACTIONS[options.action](options)
    except ImportRefused as refused:
        messages = [str(mistake) for mistake in refused.mistakes]
        print("\n".join(messages), file=sys.stderr)
        plural = "mistake" if len(messages) == 1 else "mistakes"
        print(f"{len(messages)} {plural}: nothing was changed", file=sys.stderr)
        if options.json:
            print(json.dumps({"changed": False, "mistakes": messages}, ensure_ascii=False))
        return REFUSED


def _import(options: argparse.Namespace) -> int:
    schools = parse_schools(_read(options.file), str(options.file))
    store = open_store(options)
    try:
        done = import_schools(store, cli_actor(), schools, SystemClock().now())
    finally:
        store.close()
    added, updated, absent = done.added, done.updated, done.absent
    if options.json:
        print(
            json.dumps(
                {
                    "changed": bool(added or updated),
                    "added": len(added),
                    "updated": len(updated),
                    "unchanged": done.unchanged_count,
                    "not_in_file": absent,
                }
            )
        )
        return OK
    print(f"{len(added)} added, {len(updated)} updated, {done.unchanged_count} unchanged")
    if absent:
        print(f"{len(absent)} not in the file, kept as they are: {' '.join(absent)}")
    return OK


def _baseline(options: argparse.Namespace) -> int:
    raw = _read(options.file)
    store = open_store(options)
    try:
        codes = [school.code for school in store.schools()]
        entries = parse_baseline(raw, str(options.file), frozenset(codes))
        import_baseline(store, cli_actor(), entries, SystemClock().now())
    finally:
        store.close()
    met = sum(entry.met for entry in entries)
    absent = sorted(set(codes) - {entry.school_code for entry in entries})
    if options.json:
        print(
            json.dumps(
                {"changed": True, "entries": len(entries), "met": met, "not_in_file": absent}
            )
        )
        return OK
    print(f"baseline of {len(entries)} schools, {met} met it")
    if absent:
        print(f"{len(absent)} schools have no entry: {' '.join(absent)}")
    return OK


def _list(options: argparse.Namespace) -> int:
    store = open_store(options)
    try:
        schools, baseline = store.schools(), store.baseline()
    finally:
        store.close()
    if options.json:
        listed = [
            {
                "code": school.code,
                "name": school.name,
                "kind": school.kind.value,
                "region": school.region,
                "pupils": school.pupils,
                "line": school.line.value,
                "sample": school.sample,
                "baseline_met": baseline[school.code].met if school.code in baseline else None,
            }
            for school in schools
        ]
        print(json.dumps({"schools": listed}, ensure_ascii=False))
        return OK
    for school in schools:
        entry = baseline.get(school.code)
        met = "no baseline" if entry is None else ("baseline met" if entry.met else "not met")
        sample = "  sample" if school.sample else ""
        print(f"{school.code}  {school.pupils:5d} pupils  {met:12}  {school.name}{sample}")
    print(f"{len(schools)} schools, {sum(school.pupils for school in schools)} pupils")
    return OK


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadArguments(f"{path}: cannot be read ({error.strerror}): name a CSV file") from None


_ACTIONS: Final = {"import": _import, "baseline": _baseline, "list": _list}
