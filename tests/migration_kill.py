"""kill -9 of a migration before one of its statements, on either database, many times cheaply.

One process loads the collector once and forks for each death; the test talks to it by lines.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Self

from collector.store.migrate import Migrating, migrate
from collector.store.postgres_connection import Address
from collector.store.schema import migrations
from collector.store.schema.migration import Migration
from collector.store.sqlite_connection import connect

NOW: Final = datetime(2026, 5, 11, tzinfo=UTC)
_SQLITE: Final = "sqlite:///"


def steps(url: str) -> tuple[Migration, ...]:
    """The migrations of this kind of database."""
    return migrations("sqlite" if url.startswith(_SQLITE) else "postgresql")


@contextmanager
def connected(url: str) -> Iterator[Migrating]:
    """A connection as the store opens it, without migrating."""
    if url.startswith(_SQLITE):
        with closing(connect(Path(url.removeprefix(_SQLITE)))) as sqlite:
            yield sqlite
        return
    postgres = Address(url).connect()
    with closing(postgres.raw):
        yield postgres


def statements(url: str) -> list[str]:
    """All that a migration of an empty database says, in order."""
    said: list[str] = []
    with connected(url) as connection:
        migrate(connection, NOW, steps(url), said.append)
    return said


def schema(connection: Migrating) -> list[tuple[Any, ...]]:
    """Everything that tells one schema from another."""
    if connection.dialect == "sqlite":
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()
    columns = connection.execute(
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name "
        "FROM information_schema.columns WHERE table_schema = 'public' "
        "ORDER BY table_name, ordinal_position"
    ).fetchall()
    indexes = connection.execute(
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "ORDER BY indexname"
    ).fetchall()
    constraints = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    ).fetchall()
    return [*columns, *indexes, *constraints]


def tables(connection: Migrating) -> set[str]:
    """Names of the tables that are there."""
    where = (
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
        if connection.dialect == "sqlite"
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    return {name for (name,) in connection.execute(where)}


def tables_of(migrations_done: tuple[Migration, ...]) -> set[str]:
    """The tables that these migrations make, with the ledger."""
    made = {"schema_migration"} if migrations_done else set()
    for step in migrations_done:
        for text in step.statements:
            if text.startswith("CREATE TABLE"):
                made.add(text.split()[2])
            elif text.startswith("DROP TABLE"):
                made.discard(text.split()[2])
    return made


class Killer:
    """Has migrations die. Use as a context."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.migration_kill"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._write.close()
        self._process.wait(60)
        self._read.close()

    def die_at(self, url: str, statement: int) -> int:
        """Migrate, kill -9 before the statement of that number; give the signal it died of."""
        self._write.write(f"{statement} {url}\n")
        self._write.flush()
        return int(self._read.readline())

    @property
    def _write(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _read(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout


def check_killed_at(killer: Killer, url: str, statement: int, expected: list[Any]) -> None:
    """Kill there; only whole migrations are there; resumed: the expected schema, all rows."""
    assert killer.die_at(url, statement) == 9
    with connected(url) as connection:
        known = steps(url)
        done = connection.has_table("schema_migration")
        reached = (
            connection.execute("SELECT max(version) FROM schema_migration").fetchone()[0]
            if done
            else 0
        )
        assert tables(connection) >= tables_of(known[:reached])
        assert not (tables(connection) & tables_of(known)) - tables_of(known[:reached])
        if reached:
            connection.execute("INSERT INTO setting VALUES ('kept', 'yes')")
        applied = migrate(connection, NOW, known)
        kept = connection.execute("SELECT value FROM setting WHERE name = 'kept'").fetchall()
        assert kept == ([("yes",)] if reached else [])
        assert [step.version for step in applied] == [step.version for step in known[reached:]]
        assert schema(connection) == expected


def _serve() -> None:
    import os  # noqa: PLC0415 - of the process that forks only
    import signal  # noqa: PLC0415

    for line in sys.stdin:
        number, url = line.split()
        child = os.fork()
        if child == 0:
            left = int(number)

            def before(_statement: str) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            with connected(url) as connection:
                migrate(connection, NOW, steps(url), before)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    _serve()
