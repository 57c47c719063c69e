"""One connection to PostgreSQL that speaks the portable SQL of :mod:`collector.store.sql`."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from collector.store.interface import (
    StoreBusy,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreUnreachable,
)
from collector.store.schema.migration import Dialect
from collector.store.sql import Rows

_PIECE: Final = re.compile(
    r"'(?:[^']|'')*'"  # a literal, with its doubled quotes
    r'|"(?:[^"]|"")*"'  # a name in quotes
    r"|--[^\n]*"  # a comment to the end of the line
    r"|/\*.*?\*/"
    r"|[?%]",
    re.DOTALL,
)
_BUSY: Final = frozenset({"40001", "40P01", "53300", "55P03", "57014"})
"""Serialization failure, deadlock, too many connections, lock not to be had, time is up."""
_AWAY: Final = frozenset({"25006", "57P01", "57P02", "57P03", "57P04", "57P05"})
"""Read-only after a fail-over, shut down, crashed, starting, database dropped, idle too long."""
_FULL: Final = frozenset({"53100"})


class PostgresSql:
    """A connection that is a :class:`collector.store.migrate.Migrating`, so a ``Sql``.

    It is in autocommit mode: transactions are begun and ended in words.
    """

    dialect: Final[Dialect] = "postgresql"

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        adapters = connection.adapters
        adapters.register_dumper(int, Int8Dumper)  # one type, so one prepared statement
        adapters.register_dumper(bool, _FlagDumper)
        adapters.register_loader("bool", _FlagLoader)
        adapters.register_loader("numeric", _NumberLoader)
        self.raw = connection

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run one statement; ``?`` stands for a parameter."""
        cursor = self.raw.cursor()
        if parameters:
            return cursor.execute(percent_placeholders(sql), parameters)
        return cursor.execute(sql)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Rows:
        """Run one statement for each row of parameters."""
        cursor = self.raw.cursor()
        cursor.executemany(percent_placeholders(sql), parameters)
        return cursor

    def lock(self, name: str, /) -> None:
        """Be the only transaction of all collectors that holds this name, until its end."""
        self.raw.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_key(name),))

    def begin_alone(self) -> None:
        """Begin a transaction that no other migration runs beside."""
        self.raw.execute("BEGIN")
        self.lock("migration")

    def has_table(self, name: str) -> bool:
        """Whether there is such a table where this user's tables are.

        Read from the catalogue and not with to_regclass(), which may still remember from before
        the wait for a lock that there was none.
        """
        found = self.raw.execute(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables "
            "WHERE tablename = %s AND schemaname = ANY (current_schemas(false)))",
            (name,),
        ).fetchone()
        return bool(found and found[0])

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.raw.info.transaction_status in {
            TransactionStatus.ACTIVE,
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }

    @property
    def in_failed_transaction(self) -> bool:
        """Whether a statement of the open transaction failed: COMMIT would silently roll back."""
        return self.raw.info.transaction_status == TransactionStatus.INERROR

    @property
    def lost(self) -> bool:
        """Whether the server is no longer at the other end."""
        return self.raw.closed


def translate(error: psycopg.Error) -> StoreError:
    """Give our error for one of psycopg. The one seam.

    Only the server's first line is kept: details and context quote rows, and so their secrets.
    """
    code = error.sqlstate
    said = error.diag.message_primary or str(error).partition("\n")[0]
    if code in _FULL:
        return StoreFull("the disk of the database is full: free some space")
    if code in _BUSY:
        return StoreBusy(f"the database is busy ({said}); try again")
    lost = code is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if lost or code in _AWAY or (code or "").startswith("08"):
        return StoreUnreachable(f"the connection to the database was lost: {said}")
    return StoreFailed(f"the database failed: {said}")


@lru_cache(maxsize=1024)
def percent_placeholders(sql: str) -> str:
    """Write ``%s`` for ``?`` and ``%%`` for ``%``; literals keep their question marks."""

    def piece(match: re.Match[str]) -> str:
        text = match[0]
        return "%s" if text == "?" else text.replace("%", "%%")

    return _PIECE.sub(piece, sql)


def _lock_key(name: str) -> int:
    """A 64-bit number for a name; advisory locks know only numbers."""
    digest = hashlib.sha256(f"hakaru {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


class _FlagDumper(Dumper):
    """A flag is 0 or 1 in a whole number, as on SQLite."""

    oid = psycopg.adapters.types["int8"].oid

    def dump(self, obj: bool) -> Buffer:
        return b"1" if obj else b"0"


class _FlagLoader(Loader):
    """A comparison that was asked for is 0 or 1, as on SQLite."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _NumberLoader(Loader):
    """A sum of whole numbers is a whole number, a mean is not, as on SQLite."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode("ascii")
        return int(text) if text.lstrip("-").isdigit() else float(text)
