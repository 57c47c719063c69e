"""``hakaru-collector measure``: measures of schools, what they would do, what to do first."""

import argparse
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from collector.clock import SystemClock
from collector.commands import measure_ask, measure_file
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    OK,
    BadArguments,
    reporting,
)
from collector.commands.times import day
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.policy.change import Author
from collector.programme import assignment_rows
from collector.programme.assign import Details, MeasureRefused, Measures, details_of, find
from collector.programme.measures_catalogue import load_measures
from collector.programme.model import Assignment, EditedMeanwhile, MeasureState
from collector.programme.whom import WhomRefused
from collector.store.interface import Store


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "measure", "list --state planned")

    def action(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        made = actions.add(name, summary, example)
        made.add_argument("--json", action="store_true", help="one JSON object; money in yen")
        return made

    catalogue = actions.add_without_database(
        "catalogue",
        "list the measures there are, with their costs",
        "Lists the measures of the catalogue: what they answer, cost and do.",
    )
    catalogue.add_argument("--json", action="store_true", help="one JSON object; money in yen")
    listing = action("list", "list the measures of schools", "--state planned")
    listing.add_argument("--school", metavar="CODE", help="of this school only")
    listing.add_argument("--state", choices=[one.value for one in MeasureState], help="only these")
    assign = action(
        "assign", "give a school a measure", "A1 line_10g --planned-on 2027-08-01 --cost-yen 250000"
    )
    assign.add_argument("school", metavar="SCHOOL", help="its code")
    assign.add_argument("measure", metavar="MEASURE", help="its id: see measure catalogue")
    _add_details(assign)
    change = action(
        "change", "change what is said of a measure", "5ad9503e --state ordered --cost-yen 240000"
    )
    change.add_argument("--state", choices=["planned", "ordered", "done", "cancelled"])
    change.add_argument("--done-on", metavar="DAY", type=day, help="with --state done")
    _add_details(change)
    cancel = action("cancel", "cancel a measure", "5ad9503e")
    done = action("done", "say that a measure was carried out", "5ad9503e --on 2027-08-03")
    done.add_argument("--on", metavar="DAY", type=day, help="default: today in Japan")
    show = action("show", "show one measure", "5ad9503e")
    for one in (change, cancel, done, show):
        one.add_argument("id", metavar="ID", help="its id, or the first letters of it")
    for one in (change, cancel, done):
        one.add_argument(
            "--version", metavar="N", type=int, help="refuse where another version stands by now"
        )
    measure_ask.configure(action)
    measure_file.configure(action)


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 where it was refused."""
    return reporting(lambda: _told(options))


def _told(options: argparse.Namespace) -> int:
    if options.action == "catalogue":
        return _catalogue(options)
    action = (_ACTIONS | measure_ask.ACTIONS | measure_file.ACTIONS)[options.action]
    try:
        return on_store(
            options, lambda store: action(options, store), MeasureRefused, EditedMeanwhile
        )
    except WhomRefused as refused:
        raise BadArguments(str(refused)) from None


def _add_details(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--planned-on", metavar="DAY", type=day, help="YYYY-MM-DD")
    parser.add_argument("--cost-yen", metavar="YEN", type=int, help="what it costs once")
    parser.add_argument("--subsidy-yen", metavar="YEN", type=int, help="what a subsidy pays of it")
    parser.add_argument(
        "--finding", metavar="ID", action="append", help="which it answers; may be repeated"
    )
    parser.add_argument("--note", metavar="TEXT")


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """What was said on the command line, without what was not."""
    given = {
        "planned_on": options.planned_on,
        "cost_yen": options.cost_yen,
        "subsidy_yen": options.subsidy_yen,
        "findings": tuple(options.finding) if options.finding else None,
        "note": options.note,
    }
    return {name: value for name, value in given.items() if value is not None}


def _assign(options: argparse.Namespace, store: Store) -> int:
    details = Details(**_given(options))
    one = _measures(store).assign(options.school, options.measure, details, _author())
    return _said(options, one, f"{one.school_code}: {one.measure_id} is planned")


def _change(options: argparse.Namespace, store: Store) -> int:
    given = _given(options)
    if options.state:
        given["state"] = MeasureState(options.state)
    if options.done_on:
        given["done_on"] = options.done_on
    return _changed(options, store, given)


def _cancel(options: argparse.Namespace, store: Store) -> int:
    return _changed(options, store, {"state": MeasureState.CANCELLED})


def _done(options: argparse.Namespace, store: Store) -> int:
    day = options.on or local(SystemClock().now()).date()
    return _changed(options, store, {"state": MeasureState.DONE, "done_on": day})


def _changed(options: argparse.Namespace, store: Store, given: Mapping[str, Any]) -> int:
    before = store.read(lambda sql: find(sql, options.id))
    version = before.version if options.version is None else options.version
    details = replace(details_of(before), **given)
    one = _measures(store).change(before.assignment_id, version, details, _author())
    return _said(options, one, f"{one.school_code}: {one.measure_id} is {one.state.value}")


def _list(options: argparse.Namespace, store: Store) -> int:
    found = [
        one
        for one in store.read(lambda sql: assignment_rows.assignments(sql, options.school))
        if options.state in (None, one.state.value)
    ]
    if options.json:
        print(json.dumps({"measures": [_row(one) for one in found]}, ensure_ascii=False))
        return OK
    for one in found:
        print(_line(one))
    print(f"{len(found)} measures")
    return OK


def _show(options: argparse.Namespace, store: Store) -> int:
    one = store.read(lambda sql: find(sql, options.id))
    if options.json:
        print(json.dumps(_row(one), ensure_ascii=False))
        return OK
    for name, value in _row(one).items():
        text = " ".join(value) if isinstance(value, list) else value
        print(f"{name:14} {'-' if text in (None, '') else text}")
    return OK


def _catalogue(options: argparse.Namespace) -> int:
    catalogue = load_measures()
    rows = [
        {
            "id": one.id,
            "name_ja": one.names["ja"],
            "name_en": one.names["en"],
            "answers": sorted(one.answers),
            "segment": one.segment.value,
            "shared": one.shared,
            "one_off_yen": one.one_off_yen,
            "per_year_yen": one.per_year_yen,
            "assumption": one.assumption,
            "cost_source": one.cost_source,
            "lead_weeks": one.lead_weeks,
            "effect": one.effect.kind.value,
            "effect_basis": one.effect.basis["en"],
        }
        for one in catalogue.measures.values()
    ]
    if options.json:
        print(json.dumps({"version": catalogue.version, "measures": rows}, ensure_ascii=False))
        return OK
    for one in catalogue.measures.values():
        once, yearly = (f"{low:,}-{high:,}" for low, high in (one.one_off_yen, one.per_year_yen))
        print(f"{one.id:20} {one.segment:13} {once:>22} yen once {yearly:>21} a year")
        print(f"{'':20} {one.names['en']}; {one.effect.kind}: {one.effect.basis['en']}")
        print(f"{'':20} cost: {one.cost_source}")
    return OK


def _measures(store: Store) -> Measures:
    return Measures(store, load_measures(), random.SystemRandom())


def _author() -> Author:
    return Author(cli_actor(), SystemClock().now())


def _said(options: argparse.Namespace, one: Assignment, text: str) -> int:
    print(json.dumps(_row(one), ensure_ascii=False) if options.json else f"{text}  {_line(one)}")
    return OK


def _line(one: Assignment) -> str:
    day = one.done_on or one.planned_on
    cost = "-" if one.cost_yen is None else f"{one.cost_yen:,} yen"
    return (
        f"{one.assignment_id[:8]}  {one.school_code:8} {one.measure_id:20} {one.state.value:9} "
        f"{day or '-'}  {cost}  {one.note}"
    ).rstrip()


def _row(one: Assignment) -> dict[str, Any]:
    return {
        "assignment_id": one.assignment_id,
        "school": one.school_code,
        "measure": one.measure_id,
        "state": one.state.value,
        "planned_on": None if one.planned_on is None else one.planned_on.isoformat(),
        "done_on": None if one.done_on is None else one.done_on.isoformat(),
        "cost_yen": one.cost_yen,
        "subsidy_yen": one.subsidy_yen,
        "findings": list(one.findings),
        "note": one.note,
        "version": one.version,
    }


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store], int]]] = {
    "list": _list,
    "assign": _assign,
    "change": _change,
    "cancel": _cancel,
    "done": _done,
    "show": _show,
}
