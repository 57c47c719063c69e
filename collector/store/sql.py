"""The SQL that every subject's own questions are written in, whichever database answers.

A subject keeps its statements in a module of its own as functions over :class:`Sql`, and runs
them with ``store.read`` and ``store.write``. The common ground of SQLite and PostgreSQL 15:
``?`` placeholders, ``ON CONFLICT``, ``RETURNING``, ``CASE``; times as whole microseconds since
1970 UTC, flags as 0 and 1, documents as JSON text. Not in it: ``INSERT OR REPLACE``, ``max(a, b)``,
``FOR UPDATE``, LIKE without thought (its case differs), booleans; in DO UPDATE a column of the
row that is there needs its table's name before it; a statement that failed ends the transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Rows changed by an INSERT, UPDATE or DELETE."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 - a row has the columns that were asked for
        """The next row as a tuple, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Sql(Protocol):
    """A connection inside a transaction (``store.write``) or reading (``store.read``)."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement; ``?`` stands for a parameter."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        """Run one statement for each row of parameters."""
        ...

    def lock(self, name: str, /) -> None:
        """Be the only transaction that holds this name, until its end.

        SQLite's writers are alone anyway; PostgreSQL takes an advisory lock.
        """
        ...
