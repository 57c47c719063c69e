"""``hakaru-collector cause``: what is wrong at a school, by all that was measured there."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from collector.causes.model import Causes
from collector.causes.of_school import WEEKS, school_causes
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
    reporting,
)
from collector.pages.causes_view import CauseCard, causes_part
from collector.pages.i18n import LANGUAGES, Words, words
from collector.programme.findings_catalogue import load_findings
from collector.programme.measures_catalogue import load_measures
from collector.shown import Shown

_EXAMPLE: Final = "Example: hakaru-collector cause list "


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    command.epilog = f"{_EXAMPLE}E001 --database sqlite:///hakaru.db"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser(
        "list",
        help="the causes at one school, or at all",
        description=f"Names the causes at a school from the results of the last {WEEKS} weeks: "
        "segment, cause, who mends it, how sure, evidence, what would confirm, measures.",
        epilog=f"{_EXAMPLE}--all --json --database sqlite:///hakaru.db",
    )
    listing.add_argument("school", metavar="SCHOOL", nargs="?", help="its code")
    listing.add_argument("--all", action="store_true", help="every school, one after the other")
    listing.add_argument("--json", action="store_true", help="one JSON object for each school")
    listing.add_argument("--language", choices=LANGUAGES, default="en", help="default en")
    add_criteria(listing)
    add_calendar(listing)
    add_database(listing)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 2 for bad arguments."""
    return reporting(lambda: _list(options))


def _list(options: argparse.Namespace) -> int:
    if options.all == (options.school is not None):
        raise BadArguments("name one SCHOOL by its code, or give --all")
    for code, causes in _found(options):
        if options.json:
            print(json.dumps({"school": code, **_json(causes)}, ensure_ascii=False), flush=True)
        else:
            _tell(code, causes, options.language)
    return OK


def _found(options: argparse.Namespace) -> Iterator[tuple[str, Causes]]:
    criteria, calendars = criteria_of(options), calendars_of(options)
    store = open_store(options)
    try:
        shown = Shown(store, SystemClock())
        known = [school.code for school in store.schools()]
        if options.school is not None and options.school not in known:
            raise BadArguments(
                f"no school {options.school[:40]!r}: see hakaru-collector school list"
            )
        simulated, now = shown.simulated(), shown.now()
        for code in known if options.all else [options.school]:
            found = school_causes(store, criteria, calendars, code, now=now, simulated=simulated)
            if found is not None:
                yield code, found
    finally:
        store.close()


def _json(causes: Causes) -> dict[str, Any]:
    return {
        "causes": [
            {
                **asdict(one),
                "observed": [asdict(piece) for piece in one.observed],
                "last_seen": None if one.last_seen is None else one.last_seen.isoformat(),
            }
            for one in causes.causes
        ],
        "looked_at": dict(causes.looked_at),
    }


def _tell(code: str, causes: Causes, language: str) -> None:
    text = words(language)
    part = causes_part(text, load_findings(), load_measures(), causes)
    print(f"{code}:" if part.cards else f"{code}: {text('causes.none')}")
    for card in part.cards:
        for line in _lines(text, card):
            print(f"    {line}")
    if part.not_told:
        print(f"    {part.not_told}")


def _lines(text: Words, card: CauseCard) -> Iterator[str]:
    place = f" ({card.place})" if card.place else ""
    yield f"{text('path_certainty.' + card.certainty)}: {card.name}{place}"
    yield f"    {card.segment}; {text('causes.owner')}: {card.owner}; {card.sure}"
    if card.last_seen:
        yield f"    {text('causes.last_seen')}: {card.last_seen}"
    for line in card.evidence:
        yield f"    - {line.text} {' '.join(line.result_ids[:1])}".rstrip()
    for told in card.confirm:
        yield f"    ? {told}"
    for told in card.measures:
        yield f"    > {told}"
