"""``hakaru-collector sample``: propose, judge, swap and adopt the schools assessed on site."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from collector.clock import SystemClock
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    FAILED,
    OK,
    BadArguments,
    add_criteria,
    criteria_of,
    reporting,
)
from collector.judge.criteria import Criteria
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.pages import sample_view
from collector.pages.i18n import LANGUAGES, Words, words
from collector.programme.model import EditedMeanwhile
from collector.programme.sample import rows
from collector.programme.sample.adopt import Wanted, adopt, figures, judge_of
from collector.programme.sample.judge import Judged, swapped
from collector.programme.sample.propose import propose
from collector.programme.sample.strata import SampleRefused
from collector.store.interface import Store

MAX_FILE_BYTES: Final = 100_000


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "sample", "propose --size 9")

    def add(name: str, summary: str, example: str = "", *, more: str) -> argparse.ArgumentParser:
        parser = actions.add(name, summary, example, more=more)
        add_criteria(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object")
        parser.add_argument(
            "--language", choices=LANGUAGES, default="en", help="of the explanations (default en)"
        )
        return parser

    proposing = add(
        "propose",
        "propose a sample",
        "--size 9",
        more=(
            "The most balanced one by size, region and line; among equals the seed decides. "
            "Nothing is kept."
        ),
    )
    proposing.add_argument("--size", type=int, required=True, metavar="N", help="schools in it")
    proposing.add_argument("--seed", type=int, default=1, metavar="N", help="default 1")
    judging = add(
        "judge", "judge a list of schools", "E001 E017 J060", more="As a proposal is judged."
    )
    adopting = add(
        "adopt",
        "adopt a list of schools",
        "--file codes.txt --note 'agreed with the line operator'",
        more="Marks these schools and no others as sample schools; audited.",
    )
    for one in (judging, adopting):
        one.add_argument("codes", metavar="CODE", nargs="*", help="of a school")
        one.add_argument("--file", type=Path, metavar="FILE", help="codes, divided by blanks")
    adopting.add_argument("--seed", type=int, metavar="N", help="it was proposed with this seed")
    adopting.add_argument("--note", default="", metavar="TEXT", help="why, kept with it")
    add("show", "show the sample in force", more="With what it shows and what it can miss.")
    swapping = add(
        "swap",
        "show what another school instead would change",
        "E017 E024",
        more="Nothing is kept: adopt the list to keep it.",
    )
    swapping.add_argument("out", metavar="OUT", help="code of the school to leave")
    swapping.add_argument("into", metavar="IN", help="code of the school to come in")


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where a sample was refused, 2 for bad arguments."""
    return reporting(lambda: _told(options))


def _told(options: argparse.Namespace) -> int:
    action, criteria = _ACTIONS[options.action], criteria_of(options)
    return on_store(
        options, lambda store: action(options, store, criteria), SampleRefused, EditedMeanwhile
    )


def _propose(options: argparse.Namespace, store: Store, criteria: Criteria) -> int:
    chosen = propose(store.schools(), criteria.bands, options.size, options.seed)
    codes = [one.code for one in chosen]
    return _say(options, judge_of(store, criteria.bands, codes), {"seed": options.seed})


def _judge(options: argparse.Namespace, store: Store, criteria: Criteria) -> int:
    return _say(options, judge_of(store, criteria.bands, _codes(options)), {"seed": None})


def _show(options: argparse.Namespace, store: Store, criteria: Criteria) -> int:
    found = store.read(rows.adopted)
    marked = [one.code for one in store.schools() if one.sample]
    if not marked:
        print("there is no sample yet: hakaru-collector sample propose", file=sys.stderr)
        return FAILED
    more: dict[str, Any] = {"revision": found[0].revision if found else 0, "seed": None}
    if found:
        more["seed"] = found[0].document["seed"]
    if not options.json:
        if found:
            when = f"{local(found[0].adopted_at):%F %R}"
            print(f"revision {found[0].revision} ({found[0].origin}), {when}", end=", ")
            print(found[0].adopted_by)
        else:
            print("marked by an import of schools, never adopted")
        if found and set(found[0].codes) != set(marked):
            print("an import of schools has changed the marks since", file=sys.stderr)
    return _say(options, judge_of(store, criteria.bands, marked), more)


def _swap(options: argparse.Namespace, store: Store, criteria: Criteria) -> int:
    marked = [one.code for one in store.schools() if one.sample]
    codes = swapped(marked, options.out, options.into)
    before = judge_of(store, criteria.bands, marked)
    after = judge_of(store, criteria.bands, codes)
    if options.json:
        told = {"before": _document(before), "after": _document(after)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return OK
    text = _words(options)
    print(text("sample.effect_line", out=options.out, into=options.into))
    print("\n".join(sample_view.change_lines(text, before, after)))
    print(f"\nhakaru-collector sample adopt {' '.join(codes)}")
    return OK


def _adopt(options: argparse.Namespace, store: Store, criteria: Criteria) -> int:
    found = store.read(rows.adopted)
    wanted = Wanted(
        codes=_codes(options),
        seed=options.seed,
        note=options.note,
        expected=found[0].revision if found else 0,
    )
    revision = adopt(store, criteria.bands, wanted, cli_actor(), SystemClock().now())
    if options.json:
        print(json.dumps({"revision": revision, "codes": sorted(wanted.codes)}))
    else:
        print(f"revision {revision}: {len(wanted.codes)} sample schools")
    return OK


def _codes(options: argparse.Namespace) -> list[str]:
    if bool(options.codes) == (options.file is not None):
        raise BadArguments("name the CODEs of the schools, or --file FILE with them")
    if options.file is None:
        return list(options.codes)
    try:
        with options.file.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadArguments(f"{options.file}: found no UTF-8 text, allowed are codes") from None
    if len(raw) > MAX_FILE_BYTES:
        raise BadArguments(f"{options.file}: allowed are {MAX_FILE_BYTES} bytes at most")
    return [str(code) for code in text.replace(",", " ").split()]


def _say(options: argparse.Namespace, judged: Judged, more: dict[str, Any]) -> int:
    if options.json:
        print(json.dumps({**more, **_document(judged)}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(sample_view.lines(_words(options), judged)))
    return OK


def _document(judged: Judged) -> dict[str, Any]:
    return {"codes": [one.school.code for one in judged.choices], **figures(judged)}


def _words(options: argparse.Namespace) -> Words:
    return words(options.language)


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store, Criteria], int]]] = {
    "propose": _propose,
    "judge": _judge,
    "show": _show,
    "swap": _swap,
    "adopt": _adopt,
}
