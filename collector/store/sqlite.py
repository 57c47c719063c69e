"""The store on one SQLite file: WAL, every commit synced, one writer thread, many readers."""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from collector.clock import Clock, SystemClock
from collector.store.base import SqlStore
from collector.store.interface import Batch
from collector.store.migrate import migrate
from collector.store.schema import migrations
from collector.store.sql import Sql
from collector.store.sqlite_connection import Connection, ServiceLock, connect, translate
from collector.store.sqlite_ingest import insert_batches
from collector.store.sqlite_readers import Readers
from collector.store.writer import GroupWriter

T = TypeVar("T")


class SqliteStore(SqlStore):
    """Implements :class:`collector.store.interface.Store`."""

    def __init__(self, path: str, clock: Clock | None = None) -> None:
        self._path = Path(path).absolute()
        self._lock = ServiceLock(self._path)
        self._readers = Readers(self._path)
        first = connect(self._path)
        try:
            applied = migrate(first, (clock or SystemClock()).now(), migrations("sqlite"))
        except sqlite3.Error as error:
            raise translate(error) from error
        finally:
            first.close()
        super().__init__(GroupWriter(_Writes(self._path)), applied)

    def claim_service(self) -> None:
        """See the interface."""
        self._lock.acquire()

    def close(self) -> None:
        """See the interface."""
        self._writer.close()
        self._readers.close()
        self._lock.release()

    def read(self, question: Callable[[Sql], T]) -> T:
        """See the interface."""
        return self._readers.ask(question)


class _Writes:
    """What :class:`GroupWriter` asks of SQLite."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> Connection:
        """Open the connection that writes."""
        return connect(self._path)

    def discard(self, connection: Connection) -> None:
        """Close it."""
        with contextlib.suppress(sqlite3.Error):
            connection.close()

    def insert(self, connection: Connection, batches: Sequence[Batch]) -> None:
        """Write batches inside a transaction."""
        insert_batches(connection, batches)

    def transact(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """Take the write lock, run, commit; or roll back and raise our error."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translate(error) from error
        return result
