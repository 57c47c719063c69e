"""``hakaru-collector assessment``: what was seen at a school, files, decisions on findings."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from collector.clock import SystemClock
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    reporting,
)
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.programme import attachment_rows, decision_rows, fact_rows
from collector.programme.attach import MAX_BYTES, AttachmentRefused, Given, attach
from collector.programme.decision_change import DecisionRefused, decide
from collector.programme.fact_change import (
    FactRefused,
    Noted,
    Visit,
    note_facts,
    text_of_value,
)
from collector.programme.facts_catalogue import Section, load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.model import Decided, Decision, EditedMeanwhile, Grade
from collector.store.interface import Store


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "assessment", "show E001")

    def add(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        parser = actions.add(name, summary, example)
        parser.add_argument("school", metavar="CODE", help="of the school")
        return parser

    add("show", "show what was noted at a school", "E001").add_argument(
        "--json", action="store_true", help="one JSON object"
    )
    setting = add(
        "set",
        "note what was seen",
        "E001 line.contract_bps=1G wiring.category=cat5e --source 契約書",
    )
    setting.add_argument(
        "facts",
        metavar="KEY=VALUE",
        nargs="+",
        help="of configs/programme/facts.toml; an empty VALUE takes it back",
    )
    setting.add_argument("--source", default="on site", metavar="TEXT", help="where it is from")
    setting.add_argument(
        "--grade",
        choices=[Grade.ON_SITE.value, Grade.DESK.value],
        default=Grade.ON_SITE.value,
        help="default on_site",
    )
    attaching = add("attach", "attach a photograph or document", "E001 rack.jpg --section router")
    attaching.add_argument("file", metavar="FILE", type=Path, help="JPEG, PNG, WebP or PDF")
    sections = [one.value for one in Section if one.is_asked]
    attaching.add_argument("--section", choices=sections, default="", help="of the checklist")
    attaching.add_argument("--note", default="", metavar="TEXT", help="what it shows")
    deciding = add(
        "decide", "decide a finding", "E001 port_100m confirmed --evidence 'label of the cable'"
    )
    deciding.add_argument("finding", metavar="FINDING", help="id, see hakaru-collector finding")
    deciding.add_argument("decision", choices=[one.value for one in Decision])
    deciding.add_argument("--evidence", required=True, metavar="TEXT", help="what was seen")
    deciding.add_argument(
        "--grade",
        choices=[one.value for one in Grade],
        default=Grade.ON_SITE.value,
        help="default on_site",
    )
    deciding.add_argument("--on", metavar="DATE", help="day of the decision; default today")


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it was refused."""
    return reporting(
        lambda: on_store(
            options,
            lambda store: _act(options, store),
            AttachmentRefused,
            DecisionRefused,
            EditedMeanwhile,
            FactRefused,
        )
    )


def _act(options: argparse.Namespace, store: Store) -> int:
    if store.school(options.school) is None:
        print(f"there is no school {options.school!r}: see school list", file=sys.stderr)
        return FAILED
    return _ACTIONS[options.action](options, store, SystemClock().now())


def _show(options: argparse.Namespace, store: Store, _now: datetime) -> int:
    facts, decisions, files = store.read(
        lambda sql: (
            fact_rows.facts(sql, options.school),
            decision_rows.decisions(sql, options.school),
            attachment_rows.attachments(sql, options.school),
        )
    )
    told: dict[str, list[dict[str, Any]]] = {
        "facts": [
            {
                "key": one.key,
                "grade": one.grade.value,
                "value": one.value,
                "source": one.source,
                "noted_on": str(one.noted_on),
            }
            for one in facts
        ],
        "decisions": [
            {
                "finding": one.finding_id,
                "decision": one.decision.value,
                "grade": one.grade.value,
                "evidence": one.evidence,
                "decided_on": str(one.decided_on),
            }
            for one in decisions
        ],
        "attachments": [
            {"file": one.file_name, "bytes": one.size_bytes, "sha256": one.sha256} for one in files
        ],
    }
    if options.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return OK
    for name, lines in told.items():
        print(f"{name}: {len(lines)}")
        for line in lines:
            print("  " + "  ".join(_shown(value) for value in line.values()))
    return OK


def _shown(value: Any) -> str:  # noqa: ANN401 - a value of a fact, a number or a text
    return text_of_value(value) if isinstance(value, bool | float) else str(value)


def _set(options: argparse.Namespace, store: Store, now: datetime) -> int:
    grade = Grade(options.grade)
    versions = {
        one.key: one.version
        for one in store.read(lambda sql: fact_rows.facts(sql, options.school))
        if one.grade is grade
    }
    noted = []
    for given in options.facts:
        key, equals, text = given.partition("=")
        if not equals:
            raise BadArguments(f"found {given[:40]!r}, allowed is KEY=VALUE")
        noted.append(Noted(key=key, text=text, version=versions.get(key, 0)))
    visit = Visit(
        school_code=options.school, grade=grade, source=options.source, actor=cli_actor(), now=now
    )
    changed = note_facts(store, load_facts(), noted, visit)
    print(f"{len(changed)} changed: {' '.join(changed)}" if changed else "nothing changed")
    return OK


def _attach(options: argparse.Namespace, store: Store, now: datetime) -> int:
    try:
        with options.file.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be read ({error.strerror})") from None
    given = Given(
        school_code=options.school,
        item=options.section,
        file_name=options.file.name,
        content=raw,
        note=options.note,
    )
    kept = attach(store, given, cli_actor(), now, SystemRandom())
    print(f"{kept.file_name}: {kept.media_type.value}, {kept.size_bytes} bytes, {kept.sha256}")
    return OK


def _decide(options: argparse.Namespace, store: Store, now: datetime) -> int:
    today = local(now).date()
    try:
        day = date.fromisoformat(options.on) if options.on else today
    except ValueError:
        raise BadArguments(f"--on: found {options.on[:20]!r}, allowed is 2026-05-18") from None
    found = store.read(lambda sql: decision_rows.decisions(sql, options.school))
    version = next((one.version for one in found if one.finding_id == options.finding), 0)
    new = Decided(
        school_code=options.school,
        finding_id=options.finding,
        decision=Decision(options.decision),
        grade=Grade(options.grade),
        evidence=options.evidence,
        decided_on=day,
        decided_by=cli_actor(),
        version=version,
    )
    kept = decide(store, new, load_findings(), now)
    print(f"{kept.finding_id}: {kept.decision.value} (version {kept.version})")
    return OK


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store, datetime], int]]] = {
    "show": _show,
    "set": _set,
    "attach": _attach,
    "decide": _decide,
}
