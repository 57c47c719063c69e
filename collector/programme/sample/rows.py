"""Samples that were adopted, in portable SQL. The newest is in force."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from collector.programme.model import EditedMeanwhile
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_COLUMNS: Final = "revision, origin, document, adopted_at, adopted_by"


class Origin(StrEnum):
    """How a sample came about."""

    PROPOSED = "proposed"
    """As the program proposed it."""
    BY_HAND = "by_hand"
    """Picked, or changed, by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A sample that was adopted."""

    revision: int
    origin: Origin
    document: Mapping[str, Any]
    """``codes``, and of a proposed one ``seed``; ``note``; ``judged``: figures when adopted."""
    adopted_at: datetime
    adopted_by: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Its schools."""
        return tuple(self.document["codes"])


def adopted(sql: Sql, limit: int = 1) -> list[Adopted]:
    """Give the newest samples, newest first."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM sample_choice ORDER BY revision DESC LIMIT ?",  # noqa: S608 - constants
        (limit,),
    )
    return [
        Adopted(
            revision=row[0],
            origin=Origin(row[1]),
            document=json.loads(row[2]),
            adopted_at=from_micros(row[3]),
            adopted_by=row[4],
        )
        for row in rows
    ]


def add(
    sql: Sql,
    expected: int,
    origin: Origin,
    document: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> int:
    """Keep a sample and mark its schools; give its revision.

    ``expected``: the revision that was in force when it was chosen, 0 for none. Raises
    :class:`EditedMeanwhile` where another was adopted since.
    """
    sql.lock("sample")
    newest = adopted(sql)
    standing = newest[0].revision if newest else 0
    if standing != expected:
        raise EditedMeanwhile("the sample", expected, standing)
    sql.execute(
        f"INSERT INTO sample_choice ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            standing + 1,
            origin.value,
            json.dumps(document, ensure_ascii=False, sort_keys=True),
            to_micros(now),
            actor,
        ),
    )
    codes = list(document["codes"])
    marks = ", ".join("?" * len(codes))
    sql.execute("UPDATE school SET sample = ? WHERE sample = ?", (0, 1))
    sql.execute(f"UPDATE school SET sample = ? WHERE code IN ({marks})", (1, *codes))  # noqa: S608 - placeholders
    return standing + 1
