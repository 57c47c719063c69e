"""``hakaru-collector measure export | import``: measures of schools as a spreadsheet."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from collector.clock import SystemClock
from collector.commands.common import OK, BadArguments
from collector.operators.audit import cli_actor
from collector.programme.exchange.files import SheetName, export_file, import_file
from collector.programme.exchange.write import Format
from collector.schools.table import MAX_FILE_BYTES, ImportRefused
from collector.store.interface import Store

AddAction = Callable[[str, str, str], argparse.ArgumentParser]


def configure(action: AddAction) -> None:
    """Add these actions."""
    export = action("export", "write the measures of schools as a table", "measures.xlsx")
    taking = action("import", "take an edited table of measures in", "measures.xlsx")
    export.add_argument("file", metavar="FILE", type=Path, help="ends in .csv or .xlsx")
    taking.add_argument("file", metavar="FILE", type=Path, help="as it was exported, CSV or XLSX")


def _export(options: argparse.Namespace, store: Store) -> int:
    suffix = options.file.suffix.lower().removeprefix(".")
    if suffix not in {one.value for one in Format}:
        raise BadArguments(f"{options.file}: found {suffix!r}, allowed is .csv or .xlsx")
    raw = export_file(store, SheetName.MEASURES, Format(suffix))
    try:
        options.file.write_bytes(raw)
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be written ({error.strerror})") from None
    told = {"file": str(options.file), "bytes": len(raw)}
    print(json.dumps(told) if options.json else f"{options.file}: {len(raw)} bytes")
    return OK


def _import(options: argparse.Namespace, store: Store) -> int:
    try:
        with options.file.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadArguments(f"{options.file}: cannot be read ({error.strerror})") from None
    now = SystemClock().now()
    try:
        taken = import_file(store, SheetName.MEASURES, raw, str(options.file), cli_actor(), now)
    except ImportRefused as refused:
        raise BadArguments(str(refused)) from None
    told = {"changed": list(taken.changed), "unchanged": taken.unchanged_count}
    text = f"{len(taken.changed)} changed, {taken.unchanged_count} unchanged"
    print(json.dumps(told) if options.json else text)
    return OK


ACTIONS: Final[dict[str, Callable[[argparse.Namespace, Store], int]]] = {
    "export": _export,
    "import": _import,
}
