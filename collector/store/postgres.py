"""The store on PostgreSQL 15 or newer: results in monthly partitions, several collectors."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import psycopg

from collector.clock import Clock, SystemClock
from collector.store.base import SqlStore
from collector.store.interface import Batch, StoreFailed, StoreUnreachable, StoreUnusable
from collector.store.migrate import migrate
from collector.store.postgres_connection import Address, Readers
from collector.store.postgres_ingest import STAGE, insert_batches
from collector.store.postgres_months import drop_months
from collector.store.postgres_partitions import Partitions
from collector.store.postgres_sql import PostgresSql, translate
from collector.store.schema import migrations
from collector.store.sql import Sql
from collector.store.times import to_micros
from collector.store.writer import GroupWriter

T = TypeVar("T")
_ATTEMPTS: Final = 5
_LOG: Final = logging.getLogger(__name__)


class PostgresStore(SqlStore):
    """Implements :class:`collector.store.interface.Store`."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._address = Address(url)
        try:
            first = self._address.connect()
        except StoreUnreachable as error:
            raise StoreUnusable(str(error)) from error
        try:
            applied = migrate(first, (clock or SystemClock()).now(), migrations("postgresql"))
        except psycopg.errors.InsufficientPrivilege as error:
            raise StoreUnusable(
                f"this user may not make tables in the database {self._address}: make it the "
                "owner of the database (ALTER DATABASE .. OWNER TO ..)"
            ) from error
        except psycopg.Error as error:
            raise translate(error) from error
        finally:
            first.raw.close()
        self._readers = Readers(self._address)
        super().__init__(GroupWriter(_Writes(self._address)), applied)

    def read(self, question: Callable[[Sql], T]) -> T:
        """See the interface."""
        return self._readers.ask(question)

    def claim_service(self) -> None:
        """See the interface. PostgreSQL admits many; say where its commits are not durable."""
        off = self.read(
            lambda sql: sql.execute(
                "SELECT name FROM pg_settings WHERE setting = 'off' "
                "AND name IN ('fsync', 'full_page_writes') ORDER BY name"
            ).fetchall()
        )
        for (name,) in off:
            _LOG.warning("%s is off in the database: a power cut may destroy it", name)

    def drop_result_months(self, before: datetime) -> Sequence[str]:
        """See the interface."""
        return drop_months(self, to_micros(before))

    def close(self) -> None:
        """See the interface."""
        self._writer.close()
        self._readers.close()


class _CommitLost(Exception):
    """The connection was lost between COMMIT and its answer."""


class _Writes:
    """What :class:`GroupWriter` asks of PostgreSQL."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._partitions = Partitions()

    def open(self) -> PostgresSql:
        """Open the connection that writes."""
        sql = self._address.connect()
        try:
            sql.execute(STAGE)
        except psycopg.Error as error:
            self.discard(sql)
            raise translate(error) from error
        return sql

    def discard(self, connection: PostgresSql) -> None:
        """Close it."""
        with contextlib.suppress(psycopg.Error):
            connection.raw.close()

    def insert(self, connection: PostgresSql, batches: Sequence[Batch]) -> None:
        """Write batches inside a transaction."""
        insert_batches(connection, batches, self._partitions)

    def transact(self, connection: PostgresSql, work: Callable[[PostgresSql], T]) -> T:
        """Run, commit; or roll back and raise our error.

        ``work`` runs again where PostgreSQL chose this transaction to end a deadlock with.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _once(connection, work)
            except (
                psycopg.errors.DeadlockDetected,
                psycopg.errors.SerializationFailure,
            ) as error:
                if attempt == _ATTEMPTS:
                    raise translate(error) from error
            except psycopg.Error as error:
                raise translate(error) from error
            except _CommitLost as error:
                raise StoreUnreachable(
                    "the connection to the database was lost while it committed: whether it did "
                    "is not known",
                    perhaps_committed=True,
                ) from error
        raise AssertionError("the last attempt returns or raises")


def _once(connection: PostgresSql, work: Callable[[PostgresSql], T]) -> T:
    connection.execute("BEGIN")
    try:
        result = work(connection)
        if connection.in_failed_transaction:
            raise StoreFailed("a statement failed and was passed over: nothing was kept")
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if isinstance(translate(error), StoreUnreachable):
                raise _CommitLost from error
            raise
    finally:
        if not connection.lost and connection.in_transaction:
            with contextlib.suppress(psycopg.OperationalError):  # lost: it is rolled back then
                connection.execute("ROLLBACK")
    return result
