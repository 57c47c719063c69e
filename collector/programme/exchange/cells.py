"""One cell, as text: the same text in CSV and XLSX, so that either can be made from the other.

A spreadsheet runs what begins with ``= + - @``, a tab or a line end as a formula when it opens a
CSV file, and Japanese ones take the full-width signs too. Such a text goes out with an apostrophe
before it, and so does one that begins with an apostrophe itself; the first apostrophe is taken off
when it comes back. Without the apostrophe such a text is refused: nobody can tell whether a person
wrote it or a spreadsheet made it.
"""

from datetime import date
from typing import Final

Cell = str | int | float | bool | date | None
"""What a cell holds; None: it is empty."""
FORMULA: Final = tuple("=+-@＝＋－＠\t\r\n")
GUARD: Final = "'"
YES: Final = "yes"
NO: Final = "no"


def guarded(text: str) -> str:
    """Write a text so that no spreadsheet takes it for a formula."""
    return GUARD + text if text.startswith((GUARD, *FORMULA)) else text


def unguarded(text: str) -> str:
    """Read a text as :func:`guarded` wrote it. Raises ValueError for a formula."""
    if text.startswith(GUARD):
        return text[1:]
    if text.startswith(FORMULA):
        raise ValueError("a text that does not begin with = + - @ (a formula), or ' before it")
    return text


def text_of(cell: Cell) -> str:
    """Write a cell as text; texts are guarded, numbers are not: ``-1`` is a number."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return YES if cell else NO
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        return guarded(cell)
    return number_text(cell)


def number_text(number: float) -> str:
    """Write a number so that reading it gives the same; a whole one without a point."""
    if float(number).is_integer() and abs(number) < 1e15:
        return str(int(number))
    return repr(float(number))
