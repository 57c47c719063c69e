"""``hakaru-collector policy``: show, set, remove, history, diff, preview, list, measure-now."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from collector.clock import SystemClock
from collector.commands import policy_measure
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    FAILED,
    OK,
    REFUSED,
    BadArguments,
    add_calendar,
    calendars_of,
    reporting,
)
from collector.commands.scopes import add_scope, scope_if_any, scope_of
from collector.commands.times import day
from collector.judge.week import local
from collector.operators.audit import cli_actor
from collector.policy import change, describe, table
from collector.policy.effective import Policies
from collector.policy.file import read_file
from collector.policy.model import CITY, Effective, Layer, Scope, ScopeKind
from collector.schools.model import School
from collector.store.interface import Store
from wire.measurement import Json
from wire.planning.forecast import MOST_DAYS
from wire.policy import PolicyRefused


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "policy", "set --city configs/examples/policy.toml")
    show = actions.add(
        "show", "show a layer, or with --effective what a school goes by", "--school E001"
    )
    add_scope(show)
    show.add_argument("--effective", action="store_true", help="all layers together (--school)")
    show.add_argument("--revision", type=int, metavar="N", help="an older version")
    add_calendar(show)
    setting = actions.add(
        "set", "lay down a policy for a city, group, list or school", "--city city.toml"
    )
    add_scope(setting)
    setting.add_argument("file", metavar="FILE", type=Path, help="TOML or .json; docs/policy.md")
    setting.add_argument("--note", default="", help="why, kept with the version")
    add_calendar(setting)
    removing = actions.add("remove", "remove the layer of a scope", "--school E001")
    add_scope(removing)
    removing.add_argument("--note", default="", help="why, kept with the version")
    add_calendar(removing)
    history = actions.add("history", "show who laid down what when", "--city")
    add_scope(history, required=False)
    history.add_argument("--limit", type=int, default=50, metavar="N", help="most lines")
    diff = actions.add(
        "diff", "compare a file or version with what is in force", "--city city.toml"
    )
    add_scope(diff)
    diff.add_argument("file", metavar="FILE", type=Path, nargs="?", help="TOML or .json")
    diff.add_argument("--revision", type=int, metavar="N", help="compare this version with before")
    preview = actions.add(
        "preview", "show tests per window and bytes of the coming days", "--school E001 --days 7"
    )
    preview.add_argument("--school", required=True, metavar="CODE", help="whose policy")
    preview.add_argument("--days", type=int, default=7, metavar="N", help="how far (default 7)")
    preview.add_argument("--from", dest="first", type=day, metavar="DATE", help="default: today")
    preview.add_argument("--file", type=Path, metavar="FILE", help="with this as its layer")
    preview.add_argument("--city", action="store_true", help="FILE is the layer of the city")
    preview.add_argument("--json", action="store_true", help="one JSON object")
    add_calendar(preview)
    listing = actions.add("list", "show the named lists, or say what one holds", "north E001 E002")
    listing.add_argument("name", metavar="NAME", nargs="?", help="of the list to change")
    listing.add_argument("codes", metavar="CODE", nargs="*", help="all its schools")
    listing.add_argument("--remove", action="store_true", help="remove the list")
    add_calendar(listing)
    policy_measure.configure(
        actions.add(
            "measure-now",
            "have a school's agent measure once",
            "--school E001 --probe latency --target centre.example --wait 120",
        )
    )


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 for a change that was refused, 2 for a refused file."""
    return reporting(lambda: _told(options))


def _told(options: argparse.Namespace) -> int:
    try:
        return on_store(
            options, lambda store: _ACTIONS[options.action](options, store), change.ChangeRefused
        )
    except PolicyRefused as refused:
        print("\n".join(refused.mistakes), file=sys.stderr)
        print("nothing was changed", file=sys.stderr)
        return REFUSED


def _read(path: Path) -> dict[str, Json]:
    try:
        return read_file(path)
    except OSError as error:
        raise BadArguments(f"{path}: cannot be read ({error.strerror})") from None


def _author(options: argparse.Namespace) -> change.Author:
    return change.Author(cli_actor(), SystemClock().now(), getattr(options, "note", ""))


def _show(options: argparse.Namespace, store: Store) -> int:
    if options.effective:
        found = _effective(options, store, _school(store, options.school or ""))
        print(f"version {found.version}")
        for section, scopes in sorted(found.sources.items()):
            print(f"{section}: from {', '.join(map(str, scopes))}")
        print(describe.pretty(json.loads(found.text)))
        return OK
    layer = _layer(options, store)
    if layer is None:
        print(f"{scope_of(options)} has no policy", file=sys.stderr)
        return FAILED
    print(f"revision {layer.revision} of {layer.scope} by {layer.set_by} at {layer.set_at:%F %TZ}")
    print(describe.pretty(layer.document) if layer.document else "removed")
    return OK


def _set(options: argparse.Namespace, store: Store) -> int:
    document = _read(options.file)
    policies = Policies(calendars_of(options))
    layer = change.set_layer(store, policies, scope_of(options), document, _author(options))
    print(f"revision {layer.revision} of {layer.scope} is in force; agents hear of it in a minute")
    return OK


def _remove(options: argparse.Namespace, store: Store) -> int:
    policies = Policies(calendars_of(options))
    layer = change.set_layer(store, policies, scope_of(options), {}, _author(options))
    print(f"the policy of {layer.scope} was removed (revision {layer.revision})")
    return OK


def _history(options: argparse.Namespace, store: Store) -> int:
    scope = scope_if_any(options)
    for layer in store.read(lambda sql: table.history(sql, scope, options.limit)):
        what = " ".join(sorted(layer.document)) or "removed"
        note = f"  {layer.note}" if layer.note else ""
        print(
            f"{layer.revision:5d}  {layer.set_at:%F %TZ}  {layer.scope}  {layer.set_by}  "
            f"{layer.sha256[:8]}  {what}{note}"
        )
    return OK


def _diff(options: argparse.Namespace, store: Store) -> int:
    scope = scope_of(options)
    if options.revision is not None:
        after = _layer(options, store)
        assert after is not None
        versions = store.read(lambda sql: table.history(sql, scope, 1_000_000))
        before = next((one for one in versions if one.revision < after.revision), None)
        lines = describe.difference(before, after.document, f"revision {after.revision}")
    elif options.file is not None:
        current = store.read(lambda sql: table.current_layer(sql, scope))
        lines = describe.difference(current, _read(options.file), str(options.file))
    else:
        raise BadArguments("name a FILE or --revision N to compare with")
    print("\n".join(lines) if lines else "no difference")
    return OK


def _preview(options: argparse.Namespace, store: Store) -> int:
    if not 1 <= options.days <= MOST_DAYS:
        raise BadArguments(f"--days: found {options.days}, allowed is 1 to {MOST_DAYS}")
    found = _effective(options, store, _school(store, options.school))
    first = options.first or local(SystemClock().now()).date()
    days = describe.preview(found, options.school, first, options.days)
    if options.json:
        print(json.dumps(describe.preview_json(found, days), ensure_ascii=False, indent=2))
    else:
        print("\n".join(describe.preview_lines(found, days)))
    return OK


def _list(options: argparse.Namespace, store: Store) -> int:
    if options.name is None:
        for name, codes in store.read(table.lists).items():
            print(f"{name}: {' '.join(codes)}")
        return OK
    if bool(options.codes) == options.remove:
        raise BadArguments("give the CODEs of all schools of the list, or --remove")
    policies = Policies(calendars_of(options))
    change.set_list(store, policies, options.name, options.codes, _author(options))
    print(f"list {options.name}: {len(set(options.codes))} schools")
    return OK


def _measure_now(options: argparse.Namespace, store: Store) -> int:
    return policy_measure.measure_now(options, store, _school(store, options.school))


def _effective(options: argparse.Namespace, store: Store, school: School) -> Effective:
    policies = Policies(calendars_of(options))
    today = local(SystemClock().now()).date()
    if getattr(options, "file", None) is not None:
        scope = CITY if options.city else Scope(ScopeKind.SCHOOL, school.code)
        layers = change.check(store, policies, scope, _read(options.file), SystemClock().now())
        named = [name for name, codes in store.read(table.lists).items() if school.code in codes]
        scopes = table.scopes_of(school, named)
        own = [layers[one] for one in scopes if one in layers]
        found = policies.of_layers(own, school.code, today)
    else:
        found = store.read(lambda sql: policies.of_school(sql, school, today))
    if found is None:
        raise change.ChangeRefused(
            f"no layer says what {school.code} tests: hakaru-collector policy set --city FILE"
        )
    return found


def _layer(options: argparse.Namespace, store: Store) -> Layer | None:
    scope = scope_of(options)
    if options.revision is None:
        return store.read(lambda sql: table.current_layer(sql, scope))
    layer = store.read(lambda sql: table.version(sql, options.revision))
    if layer is None or layer.scope != scope:
        raise change.ChangeRefused(f"there is no revision {options.revision} of {scope}")
    return layer


def _school(store: Store, code: str) -> School:
    school = store.school(code)
    if school is None:
        raise change.ChangeRefused(f"there is no school {code!r}: see hakaru-collector school list")
    return school


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store], int]]] = {
    "show": _show,
    "set": _set,
    "remove": _remove,
    "history": _history,
    "diff": _diff,
    "preview": _preview,
    "list": _list,
    "measure-now": _measure_now,
}
