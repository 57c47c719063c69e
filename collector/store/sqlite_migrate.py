"""Bring a SQLite database to this release's schema.

One transaction per migration, begun with BEGIN IMMEDIATE: a process killed at any statement
leaves the database at the version before, and of several that start at once one migrates while
the others wait. The driver is in autocommit mode, so it commits nothing behind our back.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from collector.store.interface import StoreUnusable
from collector.store.schema.migration import Migration
from collector.store.sql import Sql
from collector.store.sqlite_connection import Connection
from collector.store.sqlite_schema import MIGRATIONS
from collector.store.times import to_micros

_LEDGER = """CREATE TABLE IF NOT EXISTS schema_migration (
    version INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT"""

Before = Callable[[str], None]


def migrate(
    connection: Connection,
    now: datetime,
    migrations: Sequence[Migration] = MIGRATIONS,
    before: Before = lambda _statement: None,
) -> list[Migration]:
    """Apply what is missing and return it. ``before`` is called with each statement.

    Raises :class:`StoreUnusable` where the database is of a newer release.
    """
    applied: list[Migration] = []
    while (current := version(connection)) < migrations[-1].version:
        before("BEGIN IMMEDIATE")
        connection.execute("BEGIN IMMEDIATE")
        try:
            step = _next(connection, migrations)
            if step is not None:
                for statement in (_LEDGER, *step.statements):
                    before(statement)
                    connection.execute(statement)
                before("INSERT")
                connection.execute(
                    "INSERT INTO schema_migration VALUES (?, ?, ?)",
                    (step.version, step.name, to_micros(now)),
                )
                before("COMMIT")
                connection.execute("COMMIT")
                applied.append(step)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    if current > migrations[-1].version:
        raise StoreUnusable(
            f"the database has schema {current}, this release knows up to "
            f"{migrations[-1].version}: install the newer release again, or restore the backup "
            "made before the upgrade"
        )
    return applied


def _next(connection: Connection, migrations: Sequence[Migration]) -> Migration | None:
    current = version(connection)
    return next((step for step in migrations if step.version > current), None)


def version(connection: Sql) -> int:
    """Give the number of the newest migration that is there; 0 for an empty database."""
    known = connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'"
    ).fetchone()[0]
    if not known:
        return 0
    newest: int = connection.execute(
        "SELECT coalesce(max(version), 0) FROM schema_migration"
    ).fetchone()[0]
    return newest
