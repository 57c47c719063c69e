"""Tables for spreadsheets: no text is run as a formula, the same table gives the same bytes."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import xlsxwriter

from collector.programme.exchange.cells import FORMULA, GUARD, guarded

Cell = str | int | float | date | None
"""What a cell may hold; None is an empty one, never 0."""
_FORMULA: Final = (GUARD, *FORMULA)
_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a constant of the file, no time of anything
MAX_WIDTH_CHARACTERS: Final = 30
MIN_WIDTH_CHARACTERS: Final = 9
LINE_POINTS: Final = 15
WIDE_COLUMNS: Final = 12
"""A table with more columns is printed on A3, two pages side by side, its first two repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table: its head and its rows, all of one width."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    """Lines below the table, of an XLSX file only."""


def safe(text: str) -> str:
    """Write a text so that no spreadsheet takes it for a formula; :func:`plain` reads it back."""
    return guarded(text)


def plain(text: str) -> str:
    """Read what :func:`safe` wrote."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def csv_bytes(sheet: Sheet) -> bytes:
    """Write a table as CSV, UTF-8 with the mark that Excel asks for, lines ended by CR LF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([safe(name) for name in sheet.header])
    writer.writerows([[_text(cell) for cell in row] for row in sheet.rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def xlsx_bytes(sheets: Sequence[Sheet]) -> bytes:
    """Write tables as one XLSX file; the same tables give the same bytes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"created": _EPOCH})
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"})
    body = book.add_format({"text_wrap": True, "valign": "top"})
    for sheet in sheets:
        page = book.add_worksheet(sheet.name)
        page.freeze_panes(1, 0)
        page.repeat_rows(0)
        page.set_landscape()
        wide = len(sheet.header) > WIDE_COLUMNS
        page.set_paper(8 if wide else 9)  # A3, A4
        page.fit_to_pages(2 if wide else 1, 0)
        if wide:
            page.repeat_columns(0, 1)
        widths: list[int] = []
        for column, name in enumerate(sheet.header):
            width = max([_width(""), *(_width(_text(row[column])) for row in sheet.rows)])
            widths.append(min(width + 2, MAX_WIDTH_CHARACTERS))
            page.set_column(column, column, widths[-1])
            page.write_string(0, column, safe(name), head)
        page.set_row(0, LINE_POINTS * _lines(sheet.header, widths))
        for line, row in enumerate(sheet.rows, 1):
            page.set_row(line, LINE_POINTS * _lines([_text(cell) for cell in row], widths))
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    page.write_datetime(line, column, cell, day)
                elif isinstance(cell, str):
                    page.write_string(line, column, safe(cell), body)
                elif cell is not None:
                    page.write_number(line, column, cell, body)
        if sheet.rows:
            page.autofilter(0, 0, len(sheet.rows), len(sheet.header) - 1)
        for line, note in enumerate(sheet.notes, len(sheet.rows) + 2):
            page.write_string(line, 0, safe(note))
    book.close()
    return out.getvalue()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell) if isinstance(cell, int) else f"{cell:.10g}"


def _width(text: str) -> int:
    """Columns a text takes: two for a wide character. Long ones break."""
    longest = max(text.splitlines() or [""], key=len)
    return max(MIN_WIDTH_CHARACTERS, sum(2 if ord(char) > 0x2E7F else 1 for char in longest))


def _lines(texts: Sequence[str], widths: Sequence[int]) -> int:
    """Lines that a row takes where long texts break: programs differ in whether they find out."""
    return max(
        sum(-(-_width(part) // (width - 1)) for part in text.splitlines() or [""])
        for text, width in zip(texts, widths, strict=True)
    )
