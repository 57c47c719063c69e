"""Rows of an XLSX file that somebody sent: as texts, within limits, nothing run.

A workbook is a ZIP archive: what it unpacks to is bounded before anything is unpacked. XML entities
are refused (defusedxml, which openpyxl takes where it is installed). Links, macros and formulas are
not followed; a formula is a mistake of its cell.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, Final

import openpyxl
from defusedxml.common import DefusedXmlException
from openpyxl.xml import DEFUSEDXML

from collector.programme.exchange.cells import number_text

MAX_MEMBERS: Final = 300
MAX_UNPACKED_BYTES: Final = 80_000_000
MAX_ROWS: Final = 100_000
MAX_EMPTY_ROWS: Final = 2_000
"""In a row: a cell at the far end of a sheet costs as much as all rows before it."""
MAX_COLUMNS: Final = 60
MAX_CELL_CHARACTERS: Final = 32_767
"""Excel's own limit."""
FOREIGN_FORMULA: Final = "\0formula"
"""Stands for a cell with a formula: no text can begin with it."""
_ZIP: Final = b"PK\x03\x04"
_OLD: Final = b"\xd0\xcf\x11\xe0"


class NotAWorkbook(ValueError):
    """The bytes are no XLSX file that is read. ``found`` and ``allowed`` are words."""

    def __init__(self, found: str, allowed: str) -> None:
        self.found = found
        self.allowed = allowed
        super().__init__(f"found {found}, allowed is {allowed}")


def is_workbook(raw: bytes) -> bool:
    """Say whether bytes are meant as a workbook, whatever their file is called."""
    return raw.startswith((_ZIP, _OLD))


def rows(raw: bytes) -> Iterator[list[str]]:
    """Give the rows of the first sheet as texts, empty ones as well. Raises NotAWorkbook."""
    if not DEFUSEDXML:
        raise NotAWorkbook("a workbook", "CSV, because defusedxml is not installed")
    _check_archive(raw)
    try:
        yield from _rows(raw)
    except NotAWorkbook:
        raise
    # openpyxl has no error of its own for broken files: it lets through whatever broke inside
    except Exception as error:  # noqa: BLE001
        forbidden = isinstance(error.__context__ or error, DefusedXmlException)
        found = "XML entities" if forbidden else f"a broken workbook ({type(error).__name__})"
        raise NotAWorkbook(found, "a workbook as a spreadsheet program saves it") from None


def _check_archive(raw: bytes) -> None:
    if raw.startswith(_OLD):
        raise NotAWorkbook("an old or encrypted workbook", "XLSX without a password, or CSV")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
        raise NotAWorkbook("a broken archive", "XLSX or CSV") from None
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS:
        raise NotAWorkbook(f"{len(members)} parts", f"at most {MAX_MEMBERS}")
    if unpacked > MAX_UNPACKED_BYTES:
        raise NotAWorkbook(f"{unpacked} bytes unpacked", f"at most {MAX_UNPACKED_BYTES}")


def _rows(raw: bytes) -> Iterator[list[str]]:
    book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, keep_links=False)
    try:
        sheet, empty = book.worksheets[0], 0
        sheet.reset_dimensions()  # what the file says of its size is not believed
        for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), 1):
            if number > MAX_ROWS:
                raise NotAWorkbook(f"more than {MAX_ROWS} rows", f"at most {MAX_ROWS}")
            texts = [_text(cell) for cell in cells]
            if any(texts[MAX_COLUMNS:]):
                raise NotAWorkbook("too many columns", f"at most {MAX_COLUMNS}")
            while texts and not texts[-1]:
                texts.pop()
            empty = 0 if texts else empty + 1
            if empty > MAX_EMPTY_ROWS:
                raise NotAWorkbook(f"{empty} empty rows", f"at most {MAX_EMPTY_ROWS} together")
            yield texts
    finally:
        book.close()


def _text(cell: Any) -> str:  # noqa: ANN401 - openpyxl has several kinds of cell
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f" or not isinstance(value, str | int | float | bool | date | time):
        return FOREIGN_FORMULA
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float):
        return number_text(value)
    if cell.data_type == "e":  # such as #REF!
        return FOREIGN_FORMULA
    return value[: MAX_CELL_CHARACTERS + 1]
