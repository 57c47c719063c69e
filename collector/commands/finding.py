"""``hakaru-collector finding``: the catalogue of findings, and deciding one at a school."""

import argparse
import sys
from pathlib import Path
from typing import Final

from collector.clock import SystemClock
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_database,
    open_store,
    reporting,
)
from collector.operators.audit import cli_actor
from collector.pages.i18n import LANGUAGES
from collector.programme import decision_rows
from collector.programme.facts_catalogue import load_facts
from collector.programme.findings_catalogue import FindingDefinition, load_findings
from collector.programme.model import Decision, EditedMeanwhile, Grade
from collector.programme.survey_change import Author, DecisionRefused, Wanted, decide_findings

_EXAMPLE: Final = "Example: hakaru-collector finding "


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = f"{_EXAMPLE}list"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="the catalogue of findings",
        description="The catalogue of findings, checked.",
        epilog=f"{_EXAMPLE}list --language ja",
    )
    showing = actions.add_parser(
        "show",
        help="one finding: what it is and what it looks at",
        description="One finding: what it is and what it looks at.",
        epilog=f"{_EXAMPLE}show port_100m",
    )
    deciding = actions.add_parser(
        "decide",
        help="confirm, reject or resolve a finding at a school",
        description="Confirm, reject or resolve a finding at a school; audited.",
        epilog=f"{_EXAMPLE}decide E001 port_100m confirmed --grade on_site "
        "--evidence 'port 3 shows 100M' --database sqlite:///hakaru.db",
    )
    add_database(deciding)
    deciding.add_argument("code", metavar="CODE", help="of the school")
    for one in (showing, deciding):
        one.add_argument("finding", metavar="FINDING", help="id, as list prints it")
    deciding.add_argument("decision", choices=[one.value for one in Decision])
    deciding.add_argument(
        "--grade",
        choices=[one.value for one in Grade],
        default=Grade.DESK.value,
        help="default desk",
    )
    deciding.add_argument("--evidence", required=True, metavar="TEXT", help="what it rests on")
    for one in (listing, showing, deciding):
        one.add_argument("--findings", type=Path, metavar="FILE", help="another catalogue (TOML)")
    for one in (listing, showing):
        one.add_argument("--language", choices=LANGUAGES, default="en", help="default en")


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where a decision was refused, 2 for bad arguments."""
    return reporting(lambda: _ACTIONS[options.action](options))


def _list(options: argparse.Namespace) -> int:
    for one in load_findings(options.findings).values():
        print(
            f"{one.finding_id:<22} {one.segment:<13} {one.owner:<14} {one.names[options.language]}"
        )
    return OK


def _show(options: argparse.Namespace) -> int:
    one, facts = _finding(options), load_facts()
    print(f"{one.finding_id}: {one.names[options.language]}")
    print(one.explanation[options.language])
    print(f"segment {one.segment}, owner {one.owner}, at least {one.minimum_grade}")
    print(f"share of schools before anything is known: {one.prevalence:g}")
    print(f"measures: {' '.join(one.measures)}")
    if one.source:
        print(f"source: {one.source}")
    print("looks at:")
    for key in one.facts():
        print(f"    {key:<38} {facts[key].names[options.language]}")
    return OK


def _decide(options: argparse.Namespace) -> int:
    finding, store = _finding(options), open_store(options)
    try:
        held = store.read(lambda sql: decision_rows.decisions(sql, options.code))
        wanted = Wanted(
            finding_id=finding.finding_id,
            decision=Decision(options.decision),
            grade=Grade(options.grade),
            evidence=options.evidence,
            version=next((one.version for one in held if one.finding_id == finding.finding_id), 0),
        )
        author = Author(cli_actor(), SystemClock().now())
        catalogue = {finding.finding_id: finding}
        (kept,) = decide_findings(store, catalogue, options.code, [wanted], author)
    except (DecisionRefused, EditedMeanwhile) as refused:
        print(refused, file=sys.stderr)
        return FAILED
    finally:
        store.close()
    print(f"{kept.school_code} {kept.finding_id}: {kept.decision.value} ({kept.grade.value})")
    return OK


def _finding(options: argparse.Namespace) -> FindingDefinition:
    catalogue = load_findings(options.findings)
    found = catalogue.get(options.finding)
    if found is None:
        raise BadArguments(
            f"finding: found {options.finding!r}, allowed is one of {', '.join(catalogue)}"
        )
    return found


_ACTIONS: Final = {"list": _list, "show": _show, "decide": _decide}
