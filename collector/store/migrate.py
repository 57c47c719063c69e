"""Bring a database to this release's schema.

One transaction per migration, which first becomes the only one that migrates: a process killed
at any statement leaves the database at the version before, and of several that start at once one
migrates while the others wait. The drivers are in autocommit mode, so they commit nothing behind
our back.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from collector.store.interface import StoreUnusable
from collector.store.schema.migration import Dialect, Migration
from collector.store.sql import Sql
from collector.store.times import to_micros

_LEDGER: Final = Migration(
    0,
    "the ledger of migrations",
    (
        """CREATE TABLE IF NOT EXISTS schema_migration (
    version {int} PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    applied_at {int} NOT NULL
) {strict}""",
    ),
)

_DROP_VIEWS: Final = "DROP SCHEMA IF EXISTS dashboard CASCADE"
"""Views of the tables (deploy/postgres/grafana.sql), made anew at the next start: they would hold
fast what a migration changes."""

Before = Callable[[str], None]


class Migrating(Sql, Protocol):
    """What a connection of a dialect gives beside :class:`Sql`."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def begin_alone(self) -> None:
        """Begin a transaction that no other migration runs beside."""
        ...

    def has_table(self, name: str) -> bool:
        """Whether there is such a table."""
        ...

    @property
    def dialect(self) -> Dialect:
        """Which words this database understands."""
        ...


def migrate(
    connection: Migrating,
    now: datetime,
    migrations: Sequence[Migration],
    before: Before = lambda _statement: None,
) -> list[Migration]:
    """Apply what is missing and return it. ``before`` is called with each statement.

    Raises :class:`StoreUnusable` where the database is of a newer release.
    """
    ledger = _LEDGER.for_dialect(connection.dialect).statements
    applied: list[Migration] = []
    while (current := _version(connection)) < migrations[-1].version:
        before("BEGIN")
        connection.begin_alone()
        try:
            step = _next(connection, migrations)
            if step is not None:
                if connection.dialect == "postgresql":
                    connection.execute(_DROP_VIEWS)
                for statement in (*ledger, *step.statements):
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


def newest_version(connection: Sql) -> int:
    """Give the number of the newest migration of a database that has been migrated."""
    newest: int = connection.execute(
        "SELECT coalesce(max(version), 0) FROM schema_migration"
    ).fetchone()[0]
    return newest


def _next(connection: Migrating, migrations: Sequence[Migration]) -> Migration | None:
    current = _version(connection)
    return next((step for step in migrations if step.version > current), None)


def _version(connection: Migrating) -> int:
    """The newest migration that is there; 0 for an empty database."""
    return newest_version(connection) if connection.has_table("schema_migration") else 0
