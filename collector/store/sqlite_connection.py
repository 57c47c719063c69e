"""Connections to one SQLite file: how they are opened, and which error means what."""

import contextlib
import errno
import fcntl
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final

from collector.store.interface import (
    StoreBusy,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreUnusable,
)
from collector.store.schema.migration import Dialect

BUSY_SECONDS: Final = 30.0
"""How long a write waits for another process's short transaction (an import, a code)."""
_WAL_ATTEMPTS: Final = 600
_WAL_PAUSE_SECONDS: Final = 0.05
_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Connection(sqlite3.Connection):
    """A connection that is a :class:`collector.store.migrate.Migrating`, so a ``Sql``."""

    dialect: Final[Dialect] = "sqlite"

    def lock(self, name: str, /) -> None:
        """Nothing to do: BEGIN IMMEDIATE leaves room for one writer."""

    def begin_alone(self) -> None:
        """Begin a transaction that no other migration runs beside."""
        self.execute("BEGIN IMMEDIATE")

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        found = self.execute(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)
        ).fetchone()
        return bool(found[0])


def connect(path: Path, *, read_only: bool = False) -> Connection:
    """Open the file in autocommit mode. A writer syncs each commit to disk (WAL, FULL)."""
    _create_private(path)
    try:
        connection = sqlite3.connect(
            path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            if read_only:
                connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StoreUnusable(
            f"cannot open the database {path}: {error}; {_advice(error)}"
        ) from error
    return connection


def _create_private(path: Path) -> None:
    """Make a new database its owner's alone; SQLite gives its log and index the same rights.

    A file that exists keeps the rights it has. Where it cannot be made, SQLite says why.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        os.close(os.open(path, flags, 0o600))


def translate(error: sqlite3.Error) -> StoreError:
    """Give our error for one of SQLite. The one seam."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _BUSY_CODES:
        return StoreBusy("the database is locked by another process; try again")
    if code == sqlite3.SQLITE_FULL:
        return StoreFull("the disk of the database is full: free some space")
    return StoreFailed(f"the database failed: {error}")


class ServiceLock:
    """An advisory lock on a file beside the database; the kernel frees it when we die."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".serving")
        self._descriptor: int | None = None
        self._guard = threading.Lock()

    def acquire(self) -> None:
        """Take the lock, or raise :class:`StoreUnusable` naming the process that has it."""
        with self._guard:
            if self._descriptor is not None:
                return
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
                os.close(descriptor)
                if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                    raise
                raise StoreUnusable(
                    f"another collector (process {holder or 'unknown'}) serves this database; "
                    "a SQLite database has exactly one: stop it, or name another database"
                ) from None
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one serve."""
        with self._guard:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for a lock here, so several starting at once must."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if translate(error).__class__ is not StoreBusy or attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            if mode != "wal":
                raise StoreUnusable(
                    f"the database cannot use a write-ahead log (journal mode {mode}): "
                    "put it on a local disk"
                )
            return


def _advice(error: sqlite3.Error) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN:
        return "does its directory exist, and may this user write there?"
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return "is it a database of this collector? Restore it from a backup"
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return "may this user write the file and its directory?"
    return "see the message of SQLite"
