"""``hakaru-collector topology``: show, edit, export and compare a school's network."""

import argparse
import json
import sys
from typing import Final

from collector.clock import SystemClock
from collector.commands.actions import Actions, on_store
from collector.commands.common import (
    OK,
    BadArguments,
    reporting,
)
from collector.operators.audit import cli_actor
from collector.programme.model import EditedMeanwhile
from collector.report.clean import clean
from collector.shown import Shown
from collector.store.interface import Store
from collector.topology import export, rows
from collector.topology.change import change, edit_of
from collector.topology.edits import to_document
from collector.topology.model import End, Role, Topology
from collector.topology.refusal import EditRefused
from collector.topology.weekly import compared, network

_EDITS: Final = ("device", "drop-device", "link", "drop-link", "agent", "wan")


def configure(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command."""
    actions = Actions(command, "topology", "show E001")

    def add(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        parser = actions.add(name, summary, example)
        parser.add_argument("school", metavar="CODE", help="code of the school")
        return parser

    show = add("show", "show devices and links as they are known now", "E001")
    show.add_argument("--edits", action="store_true", help="only what people edited, as JSON")
    edit = add(
        "edit",
        "add, correct or hide a device or a link, or take that back",
        "E001 device --device hand:science --name 'Science room switch' --role switch",
    )
    edit.add_argument("do", metavar="WHAT", choices=_EDITS, help=", ".join(_EDITS))
    edit.add_argument("--device", default="", metavar="ID", help="hand:NAME adds one; or from show")
    for name in ("name", "vendor", "model", "firmware", "note"):
        edit.add_argument(f"--{name}", default="", metavar="TEXT", help=f"{name} to show")
    roles = ", ".join(role.value for role in Role)
    edit.add_argument("--role", default="", metavar="ROLE", help=roles)
    edit.add_argument("--hidden", action="store_true", help="show it no more")
    for name in ("a", "b"):
        edit.add_argument(f"--{name}", default="", metavar="ID", help="device of an end of a link")
        edit.add_argument(f"--{name}-port", default="", metavar="PORT", help="its port, if known")
    edit.add_argument("--port", default="", metavar="PORT", help="of agent or wan")
    edit.add_argument("--speed-bps", default="", metavar="N", help="of a link, bits per second")
    edit.add_argument("--duplex", default="", choices=("full", "half", ""), help="of a link")
    out = add("export", "write the network for other programs", "E001 --format graphml")
    out.add_argument("--format", choices=export.FORMATS, default="json", help="default: json")
    out.add_argument(
        "--table", choices=export.TABLES, default="links", help="of CSV (default: links)"
    )
    difference = add("diff", "what changed from one kept week to another", "E001")
    difference.add_argument("--from", dest="before", default="", metavar="WEEK", help="2026-W20")
    difference.add_argument(
        "--to", dest="after", default="", metavar="WEEK", help="default: newest"
    )


def run(options: argparse.Namespace) -> int:
    """Run one action; exit code 1 for an edit that was refused."""
    return reporting(
        lambda: on_store(options, lambda store: _act(options, store), EditRefused, EditedMeanwhile)
    )


def _act(options: argparse.Namespace, store: Store) -> int:
    if store.school(options.school) is None:
        raise BadArguments(f"there is no school {options.school[:40]!r} in the database")
    return _ACTIONS[options.action](options, store)


def _network(options: argparse.Namespace, store: Store) -> Topology:
    shown = Shown(store, SystemClock())
    simulated, now = shown.simulated(), shown.now()
    return store.read(lambda sql: network(sql, options.school, now, simulated=simulated))[0]


def _show(options: argparse.Namespace, store: Store) -> int:
    if options.edits:
        kept = store.read(lambda sql: rows.edits(sql, options.school))
        document = {"version": kept.version, **to_document(kept.edits)}
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return OK
    found = _network(options, store)
    if not found.devices:
        print("nothing is known: no device of this school has answered SNMP (docs/topology.md)")
        return OK
    names = {one.id: clean(one.name or one.id) for one in found.devices}
    for one in found.devices:
        what = " ".join(part for part in (one.vendor, one.model, one.firmware) if part)
        role = "?" if one.role is None else one.role.value
        print(f"{names[one.id]}  {role}  {one.source.value}  {clean(what)}  [{clean(one.id, 200)}]")
    print()
    for link in found.links:
        speed = "?" if link.speed_bps is None else f"{link.speed_bps / 1e6:g} Mbit/s"
        odd = f"  differ: {' '.join(link.contradictions)}" if link.contradictions else ""
        ends = f"{_end(link.a, names)} - {_end(link.b, names)}"
        print(f"{ends}  {speed}  {link.duplex or '?'}  {' '.join(link.how)}{odd}")
    agent = None if found.agent is None else found.agent.end
    print(f"\nagent: {_end(agent, names)}\nwan: {_end(found.wan, names)}")
    return OK


def _edit(options: argparse.Namespace, store: Store) -> int:
    given = {
        name: str(value)
        for name, value in vars(options).items()
        if isinstance(value, str) and name != "school"
    }
    given["hidden"] = "yes" if options.hidden else ""
    edit, what = edit_of(given)
    now = SystemClock().now()
    version = change(store, options.school, edit, what, cli_actor(), now)
    print(f"kept as version {version}")
    return OK


def _export(options: argparse.Namespace, store: Store) -> int:
    found = _network(options, store)
    if options.format == "csv":
        sys.stdout.write(export.as_csv(found, options.table))
    else:
        written = export.as_json if options.format == "json" else export.as_graphml
        sys.stdout.write(written(found))
    return OK


def _diff(options: argparse.Namespace, store: Store) -> int:
    simulated = Shown(store, SystemClock()).simulated()
    found = store.read(
        lambda sql: compared(
            sql, options.school, simulated=simulated, before=options.before, after=options.after
        )
    )
    if found is None:
        known = store.read(lambda sql: rows.weeks(sql, options.school, simulated=simulated))
        raise BadArguments(f"two kept weeks are needed; kept are: {', '.join(known) or 'none'}")
    print(f"{found.before} to {found.after}")
    for one in found.changes:
        between = f"{one.device} - {one.other}" if one.other else one.device
        values = " -> ".join(part or "?" for part in (one.before, one.after))
        print(f"{one.kind.value}  {clean(between, 200)}  {clean(values, 200)}")
    if not found.changes:
        print("nothing changed")
    return OK


def _end(at: End | None, names: dict[str, str]) -> str:
    if at is None:
        return "not known"
    return clean(f"{names.get(at.device, at.device)} {at.port}".strip(), 130)


_ACTIONS: Final = {"show": _show, "edit": _edit, "export": _export, "diff": _diff}
