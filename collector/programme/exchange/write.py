"""Write a table as CSV or XLSX."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import xlsxwriter

from collector.programme.exchange.cells import Cell, text_of

EXPLANATION: Final = "説明"
"""Name of the second sheet, which says what the columns are; it is not read back."""
_CREATED: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a fixed time, so that same rows give same bytes
_FEWEST_WIDTH, _MOST_WIDTH = 8, 60


class Format(StrEnum):
    """A kind of file."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        """For HTTP."""
        if self is Format.CSV:
            return "text/csv; charset=utf-8"
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it goes out."""

    name: str
    """Of the sheet and of the file, without extension."""
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    explanation: Sequence[tuple[str, str, str]]
    """Column, what it is in Japanese, and in English."""


def write(table: Table, form: Format) -> bytes:
    """Write a table; the same rows always give the same bytes."""
    return to_csv(table.header, table.rows) if form is Format.CSV else to_xlsx(table)


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write CSV: UTF-8 with its mark, because Excel reads it wrongly without, lines end CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([text_of(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def to_xlsx(table: Table) -> bytes:
    """Write XLSX: texts as texts, numbers as numbers, days as days; no cell is a formula."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"created": _CREATED})
    head = book.add_format({"bold": True, "bottom": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    words = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(table.name)
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(table.header):
        sheet.write_string(0, column, name, head)
        sheet.set_column(column, column, _width(table, column), words)
    for number, row in enumerate(table.rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                moment = datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a day
                sheet.write_datetime(number, column, moment, day)
            elif _is_number(cell):
                sheet.write_number(number, column, cell)
            elif text := text_of(cell):
                sheet.write_string(number, column, text, words)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.header) - 1)
    about = book.add_worksheet(EXPLANATION)
    about.set_column(0, 0, 20)
    about.set_column(1, 2, 60, words)
    for number, line in enumerate((("column", "日本語", "English"), *table.explanation)):
        for column, text in enumerate(line):
            about.write_string(number, column, text, head if number == 0 else words)
    book.close()
    return out.getvalue()


def _is_number(cell: Cell) -> bool:
    """Say whether XLSX keeps a number exactly: it is written with 16 digits."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return float(f"{cell:.16G}") == cell and abs(cell) < 1e15


def _width(table: Table, column: int) -> int:
    longest = max((len(text_of(row[column])) for row in table.rows), default=0)
    return min(max(longest + 2, len(table.header[column]) + 4, _FEWEST_WIDTH), _MOST_WIDTH)
