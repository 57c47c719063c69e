"""What a page of the report is made of, for every format that has pages: plain dictionaries.

Each element has ``t``, its kind; strings are plain text, to be escaped by whoever prints them.
"""

from collections.abc import Sequence
from typing import Final

Element = dict[str, object]
MARKS: Final = {"met": "●", "not_met": "▲", "undetermined": "□"}
"""Verdicts are told apart without colour."""


def heading(text: str, level: int = 2, *, new_page: bool = False) -> Element:
    """A heading; ``level`` 1 for parts of the report."""
    return {"t": "heading", "text": text, "level": level, "new_page": new_page}


def paragraph(text: str, *, small: bool = False) -> Element:
    """Running text."""
    return {"t": "paragraph", "text": text, "small": small}


def bullets(items: Sequence[str]) -> Element:
    """A list."""
    return {"t": "list", "items": list(items)}


def column(head: str, width: float = 0, *, number: bool = False) -> dict[str, object]:
    """A column; ``width`` is its share of what is left, 0: as wide as its content."""
    return {"head": head, "width": width, "number": number}


def table(
    columns: Sequence[dict[str, object]],
    rows: Sequence[Sequence[str]],
    *,
    label: str,
    small: bool = False,
) -> Element:
    """A table whose head is repeated on each page; ``label`` names it for who cannot see it."""
    return {
        "t": "table",
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "label": label,
        "small": small,
    }


def together(items: Sequence[Element]) -> Element:
    """Elements that stay on one page."""
    return {"t": "together", "items": list(items)}
