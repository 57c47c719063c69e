"""Export and import of the programme's tables: a file out, a file in, audited."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Final

from collector.judge.week import local
from collector.operators.audit import Detail, audit
from collector.programme.exchange import (
    decisions_sheet,
    facts_sheet,
    measures_sheet,
    progress_sheet,
)
from collector.programme.exchange.read import SheetTable
from collector.programme.exchange.sheet import Author, Known, Sheet, Taken
from collector.programme.exchange.write import Format, Table, write
from collector.programme.facts_catalogue import FactDefinition, load_facts
from collector.programme.findings_catalogue import load_findings
from collector.programme.model import EditedMeanwhile
from collector.store import rows_schools
from collector.store.interface import Store
from collector.store.sql import Sql

MAX_NAMED: Final = 50
"""School codes that a record of the audit log names; its counts are complete."""


class SheetName(StrEnum):
    """A table that is exchanged."""

    PROGRESS = "progress"
    FACTS = "facts"
    DECISIONS = "decisions"
    MEASURES = "measures"


SHEETS: Final[Mapping[SheetName, Sheet]] = {
    SheetName.PROGRESS: progress_sheet.SHEET,
    SheetName.FACTS: facts_sheet.SHEET,
    SheetName.DECISIONS: decisions_sheet.SHEET,
    SheetName.MEASURES: measures_sheet.SHEET,
}


def export_file(store: Store, name: SheetName, form: Format) -> bytes:
    """Write a table as a file; the same rows give the same bytes."""
    sheet = SHEETS[name]
    rows = store.read(lambda sql: sheet.rows(sql, _known(sql)))
    return write(
        Table(name=name, header=sheet.header, rows=rows, explanation=sheet.explanation), form
    )


def import_file(
    store: Store, name: SheetName, raw: bytes, file: str, actor: str, now: datetime
) -> Taken:
    """Take a table in, CSV or XLSX by what is in it, whole or not at all.

    Raises ImportRefused with every mistake; then nothing was changed.
    """
    sheet = SHEETS[name]
    author = Author(actor=actor, now=now, today=local(now).date())

    def work(sql: Sql) -> Taken:
        table = SheetTable(file, sheet.header)
        try:
            taken = sheet.take(sql, table, raw, _known(sql), author)
        except EditedMeanwhile as edited:  # between our look and our change, by another collector
            table.wrong(1, "version", edited.expected, f"{edited.found}: {edited.what} was changed")
            table.refuse_if_wrong()
            raise
        detail: Detail = {
            "changed": len(taken.changed),
            "unchanged": taken.unchanged_count,
            "codes": sorted(set(taken.changed))[:MAX_NAMED],
        }
        if taken.changed:
            audit(sql, actor, f"{name.value}.import", name.value, detail, now)
        return taken

    return store.write(work)


def _known(sql: Sql) -> Known:
    return Known(
        schools={one.code: one for one in rows_schools.all_schools(sql)},
        facts=_catalogues()[0],
        findings=_catalogues()[1],
    )


@cache
def _catalogues() -> tuple[Mapping[str, FactDefinition], tuple[str, ...]]:
    return load_facts(), tuple(load_findings())
