"""Sheets of a workbook: heads that stay, widths for full-width text, formats, print set-up."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from collector.programme.exchange.cells import FORMULA, GUARD

_DANGEROUS: Final = (GUARD, *FORMULA)
_WIDEST: Final = 46
_A4: Final = 9
MOST_CHARACTERS: Final = 32_767
"""Of a cell."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula and the value it has."""

    text: str
    value: float
    share: bool = False


Cell = str | int | float | date | Formula | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; ``columns`` name its columns for formulas and formats."""

    columns: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    speeds: frozenset[str] = field(default_factory=frozenset)
    """Columns in Mbit/s."""

    def range_of(self, sheet: str, column: str) -> str:
        """Where a column's cells are, where the table begins in the first row of ``sheet``."""
        letter = xl_col_to_name(self.columns.index(column))
        return f"'{sheet}'!${letter}$2:${letter}${max(2, len(self.rows) + 1)}"


def width_of(text: str) -> float:
    """Width in half-width letters: full-width ones count two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WFA" else 1 for sign in text)


class Book:
    """Writes tables to sheets in one manner."""

    def __init__(self, workbook: xlsxwriter.Workbook, footer: str) -> None:
        self.workbook = workbook
        self._footer = footer.replace("&", "&&")
        add = workbook.add_format
        base = {"font_name": "BIZ UDPゴシック", "font_size": 10, "valign": "top"}
        self._head = add(
            base | {"bold": True, "bg_color": "#E9ECEF", "bottom": 2, "text_wrap": True}
        )
        self._text = add(base | {"text_wrap": True})
        self._quoted = add(base | {"text_wrap": True, "quote_prefix": True})
        self._whole = add(base | {"num_format": "#,##0"})
        self._speed = add(base | {"num_format": "#,##0.0"})
        self._share = add(base | {"num_format": "0.0%"})
        self._day = add(base | {"num_format": "yyyy-mm-dd"})
        self._title = add(base | {"bold": True, "font_size": 12})

    def table(self, name: str, table: Table, *, landscape: bool = False) -> None:
        """A sheet with one table from its first row on."""
        sheet = self._sheet(name, landscape=landscape)
        self._put(sheet, table, 0)
        self._widths(sheet, [table])
        sheet.freeze_panes(1, 2)
        sheet.repeat_rows(0)
        if table.rows:
            sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)

    def tables(self, name: str, tables: Sequence[Table]) -> None:
        """A sheet with several tables, one below the other, each with its title."""
        sheet = self._sheet(name)
        row = 0
        for table in tables:
            if table.title:
                sheet.write_string(row, 0, table.title, self._title)
                row += 1
            self._put(sheet, table, row)
            row += len(table.rows) + 2
        self._widths(sheet, tables)
        sheet.freeze_panes(1, 1)

    def pairs(self, name: str, rows: Sequence[tuple[str, Cell]], below: Table, at: int) -> Any:  # noqa: ANN401 - xlsxwriter's sheet
        """A sheet of names and values, and a table below from row ``at`` on."""
        sheet = self._sheet(name, landscape=True)
        for number, (label, value) in enumerate(rows):
            sheet.write_string(number, 0, label, self._head)
            self._cell(sheet, number, 1, value, speed=False)
        self._put(sheet, below, at)
        widest = max(width_of(str(value)) for _, value in rows if isinstance(value, str))
        sheet.set_column(1, 1, min(_WIDEST, widest + 2))
        sheet.set_column(2, 3, 11)
        sheet.freeze_panes(3, 1)
        return sheet

    def lines(self, name: str, lines: Sequence[str]) -> None:
        """A sheet of sentences."""
        sheet = self._sheet(name)
        sheet.set_column(0, 0, 100)
        for number, line in enumerate(lines):
            self._cell(sheet, number, 0, line, speed=False)
        sheet.freeze_panes(1, 0)

    def _sheet(self, name: str, *, landscape: bool = False) -> Any:  # noqa: ANN401 - as above
        sheet = self.workbook.add_worksheet(name)
        sheet.set_paper(_A4)
        if landscape:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.8)
        sheet.set_header("&L&8&A&R&8&P / &N")
        sheet.set_footer(f"&L&7{self._footer[:240]}")
        return sheet

    def _put(self, sheet: Any, table: Table, top: int) -> None:  # noqa: ANN401 - as above
        for number, head in enumerate(table.heads):
            sheet.write_string(top, number, head, self._head)
        for row, cells in enumerate(table.rows, start=top + 1):
            for number, value in enumerate(cells):
                self._cell(sheet, row, number, value, speed=table.columns[number] in table.speeds)

    def _cell(self, sheet: Any, row: int, column: int, value: Cell, *, speed: bool) -> None:  # noqa: ANN401 - as above
        if value is None:
            return
        if isinstance(value, Formula):
            form = self._share if value.share else self._whole
            sheet.write_formula(row, column, value.text, form, value.value)
        elif isinstance(value, str):
            form = self._quoted if value.startswith(_DANGEROUS) else self._text
            sheet.write_string(row, column, value[:MOST_CHARACTERS], form)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, self._day)
        else:
            sheet.write_number(row, column, value, self._speed if speed else self._whole)

    @staticmethod
    def _widths(sheet: Any, tables: Sequence[Table]) -> None:  # noqa: ANN401 - as above
        for number in range(max(len(table.columns) for table in tables)):
            widest = 6.0
            for table in tables:
                if number < len(table.heads):
                    widest = max(widest, width_of(table.heads[number]) + 3)  # room for the filter
                    for row in table.rows:
                        widest = max(widest, width_of(_shown(row[number])) + 1)
            sheet.set_column(number, number, min(_WIDEST, widest))


def _shown(value: Cell) -> str:
    if value is None or isinstance(value, Formula):
        return "00,000"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
