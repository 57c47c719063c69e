"""What the rows of the programme share: one school or all, versions, days."""

from datetime import date
from typing import Any

from collector.programme.model import EditedMeanwhile


def where_of(school_code: str | None) -> tuple[str, tuple[str, ...]]:
    """Give the condition of one school, or of none, and its parameters."""
    return ("", ()) if school_code is None else ("WHERE school_code = ?", (school_code,))


def next_version(found: Any, expected: int, what: str) -> int:  # noqa: ANN401 - a row or None
    """Give the version after ``expected``. Raises :class:`EditedMeanwhile` where another stands."""
    standing: int = 0 if found is None else found[0]
    if standing != expected:
        raise EditedMeanwhile(what, expected, standing)
    return standing + 1


def day_text(day: date | None) -> str | None:
    """Write a day, ISO 8601."""
    return None if day is None else day.isoformat()


def day_of(text: str | None) -> date | None:
    """Read a day."""
    return None if text is None else date.fromisoformat(text)
