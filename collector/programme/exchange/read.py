"""Read a table that comes back, CSV or XLSX, with the same messages: file, line, column, value.

A line of a workbook is its row. Every mistake is noted before the file is refused as a whole.
"""

from collections.abc import Callable, Iterator
from datetime import date
from enum import StrEnum
from typing import TypeVar

from collector.judge.reading import words
from collector.programme import texts
from collector.programme.exchange.cells import unguarded
from collector.programme.exchange.workbook import (
    FOREIGN_FORMULA,
    NotAWorkbook,
    is_workbook,
)
from collector.programme.exchange.workbook import rows as workbook_rows
from collector.schools.table import MAX_FILE_BYTES, CsvTable, Row

Choice = TypeVar("Choice", bound=StrEnum)


class SheetTable(CsvTable):
    """One file being read, CSV or XLSX by what is in it."""

    def rows(self, raw: bytes) -> Iterator[Row]:
        """Give the rows that have the right number of fields; empty rows are passed over."""
        if len(raw) > MAX_FILE_BYTES or not is_workbook(raw):
            yield from super().rows(raw)
            return
        try:
            yield from self._of_workbook(raw)
        except NotAWorkbook as error:
            self.wrong(1, "1", words(error.found), error.allowed)

    def _of_workbook(self, raw: bytes) -> Iterator[Row]:
        width = len(self.header)
        for line, found in enumerate(workbook_rows(raw), 1):
            fields = list(found)
            while len(fields) > width and not fields[-1].strip():
                fields.pop()
            if line == 1:
                if not self._header_fits(fields):
                    return
                continue
            if not any(field.strip() for field in fields):
                continue
            fields += [""] * (width - len(fields))  # a spreadsheet leaves out empty cells
            if self._width_fits(line, fields):
                row = Row(self, line, dict(zip(self.header, fields, strict=True)))
                if self._without_formulas(row):
                    yield row

    def _without_formulas(self, row: Row) -> bool:
        formulas = [name for name, text in row.fields.items() if text == FOREIGN_FORMULA]
        for name in formulas:
            self.wrong(row.line, name, words("a formula"), "its value: paste values only")
        return not formulas


def text(row: Row, column: str, *, may_be_empty: bool = True, most: int = texts.MAX_LINE) -> str:
    """Give one line as people wrote it; notes a mistake and gives ''."""
    return _text(row, column, lambda found: texts.line(found, most, may_be_empty=may_be_empty))


def note(row: Row, column: str, *, may_be_empty: bool = True) -> str:
    """Give some lines as people wrote them; notes a mistake and gives ''."""
    return _text(row, column, lambda found: texts.note(found, may_be_empty=may_be_empty))


def _text(row: Row, column: str, checked: Callable[[str], str]) -> str:
    try:
        return checked(unguarded(row.fields[column].strip(" \u3000")))
    except ValueError as error:
        row.wrong(column, str(error))
        return ""


def word(row: Row, column: str, allowed: type[Choice]) -> Choice | None:
    """Give a word of a closed vocabulary."""
    found = row.fields[column].strip()
    if found in {one.value for one in allowed}:
        return allowed(found)
    row.wrong(column, f"one of {', '.join(one.value for one in allowed)}")
    return None


def day(row: Row, column: str) -> date | None:
    """Give a day; None and a note where it is none."""
    found = row.day(column)
    return date.fromisoformat(found) if found else None


def day_if_any(row: Row, column: str) -> date | None:
    """Give a day, or None where the cell is empty."""
    return None if row.is_empty(column) else day(row, column)


def version(row: Row, column: str = "version") -> int:
    """Give the version a row was made from; an empty cell is a new row."""
    if row.is_empty(column):
        return 0
    return row.whole(column, 0, 1_000_000_000) or 0
