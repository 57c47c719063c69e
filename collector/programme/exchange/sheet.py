"""What one exchanged table is: its columns, how rows go out, how they come back.

Columns that say which school a row is about (``name``) are not changed here; where they differ
from what is known the rows have slipped against each other, and the file is refused.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches

from collector.programme.exchange.cells import Cell, guarded
from collector.programme.exchange.read import SheetTable
from collector.programme.facts_catalogue import FactDefinition
from collector.schools.model import School
from collector.schools.table import Row
from collector.store.sql import Sql

Explanation = Sequence[tuple[str, str, str]]
"""Column, what it is in Japanese, and in English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rows may name."""

    schools: Mapping[str, School]
    facts: Mapping[str, FactDefinition]
    findings: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who imports, when, and which day that is in Japan."""

    actor: str
    now: datetime
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an import did."""

    changed: Sequence[str]
    """School codes of the changed rows, in the order of the file."""
    unchanged_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """How one table is exchanged."""

    header: Sequence[str]
    explanation: Explanation
    rows: Callable[[Sql, Known], list[list[Cell]]]
    """Give the rows as they go out."""
    take: Callable[[Sql, SheetTable, bytes, Known, Author], Taken]
    """Check and keep the rows of a file, inside a transaction. Raises ImportRefused."""


def school_of(row: Row, known: Known) -> School | None:
    """Give the school of a row; its name must be the one that is known."""
    code = row.code("code")
    if not code:
        return None
    school = known.schools.get(code)
    if school is None:
        near = get_close_matches(code, known.schools, 1, 0.6)
        hint = f" (did you mean {near[0]}?)" if near else ""
        row.wrong("code", f"the code of a school{hint}")
        return None
    if row.fields["name"].strip() not in (school.name, guarded(school.name), ""):
        row.wrong("name", f"{school.name}, the name of {code}: have rows slipped?")
        return None
    return school
