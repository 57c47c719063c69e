"""Migrations: killed anywhere, started together, of another release."""

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.store import create_store
from collector.store.interface import StoreUnusable
from collector.store.migrate import migrate
from collector.store.schema import migrations
from collector.store.sqlite_connection import connect
from tests.migration_kill import Killer, check_killed_at, connected, schema, statements

MIGRATIONS = migrations("sqlite")

NOW = datetime(2026, 5, 11, tzinfo=UTC)


def _schema(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    ).fetchall()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_a_statement_it_resumes_to_the_same_schema(
    kind: str, tmp_path: Path, new_database: Any
) -> None:
    """A kill -9 before ten of the statements: whole migrations only are there, and it goes on."""

    def new(name: str) -> str:
        sqlite = f"sqlite:///{tmp_path}/{name}.db"
        return sqlite if kind == "sqlite" else str(new_database(migrated=False))

    whole = new("whole")
    count = len(statements(whole))
    with connected(whole) as connection:
        expected = schema(connection)
    with Killer() as killer:
        for statement in {0, count - 1, *range(1, count, max(1, count // 8))}:
            check_killed_at(killer, new(str(statement)), statement, expected)


_MIGRATE = """
import sys
from collector.store import create_store
create_store(sys.argv[1]).close()
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_that_start_at_once_make_one_schema(
    kind: str, tmp_path: Path, new_database: Any
) -> None:
    """Six processes on one new database: all succeed, each migration is applied once."""
    url = new_database(migrated=False) if kind == "postgresql" else f"sqlite:///{tmp_path}/new.db"
    command = [sys.executable, "-c", _MIGRATE, url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(6)]
    errors = [process.communicate()[1].decode() for process in started]
    assert errors == [""] * 6
    with connected(url) as connection:
        versions = connection.execute(
            "SELECT version FROM schema_migration ORDER BY version"
        ).fetchall()
    assert versions == [(step.version,) for step in MIGRATIONS]


def test_a_migration_keeps_the_rows(tmp_path: Path) -> None:
    """What the first migration's tables hold is there after the rest."""
    connection = connect(tmp_path / "store.db")
    migrate(connection, NOW, MIGRATIONS[:1])
    connection.execute("INSERT INTO setting VALUES ('kept', 'yes')")
    migrate(connection, NOW, MIGRATIONS)
    assert connection.execute("SELECT * FROM setting").fetchall() == [("kept", "yes")]
    connection.close()


def test_a_statement_that_fails_takes_its_whole_migration_back(tmp_path: Path) -> None:
    """DDL before the failing statement is rolled back with it."""
    broken = MIGRATIONS[0].__class__(1, "broken", ("CREATE TABLE one (a) ", "CREATE TABLE one (a)"))
    connection = connect(tmp_path / "store.db")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, NOW, (broken,))
    assert _schema(connection) == []
    connection.close()


def test_a_database_of_a_newer_release_is_refused_with_advice(url: str) -> None:
    """It is left as it is."""
    store = create_store(url)
    store.write(
        lambda sql: sql.execute("INSERT INTO schema_migration VALUES (999, 'of the future', 0)")
    )
    store.close()
    with pytest.raises(StoreUnusable, match=r"has schema 999.*install the newer release"):
        create_store(url)


def test_versions_count_up_without_gaps() -> None:
    """The list of migrations is numbered from 1."""
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_every_table_is_strict() -> None:
    """SQLite checks types only in STRICT tables."""
    created = [
        text for step in MIGRATIONS for text in step.statements if text.startswith("CREATE TABLE")
    ]
    assert created
    assert [text for text in created if "STRICT" not in text.rpartition(")")[2]] == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_command_says_what_it_applied(
    kind: str, sqlite_url: str, new_database: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second time there is nothing to apply."""
    url = sqlite_url if kind == "sqlite" else new_database(migrated=False)
    assert main(["migrate", "--database", url]) == 0
    assert "applied: 1 schools, baseline, settings" in capsys.readouterr().out
    assert main(["migrate", "--database", url]) == 0
    said = capsys.readouterr().out
    assert said == f"the database has schema {len(MIGRATIONS)}, which is this release's\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("postgresql://user:secret@127.0.0.1:1/hakaru", "'hakaru' at 127.0.0.1:1"),
        ("postgresql://user:secret@127.0.0.1:1/hakaru", "does it run, may this user connect"),
        ("postgresql://user:secret%@db/hakaru", "use postgresql://USER@HOST:PORT/NAME"),
        ("postgresql://127.0.0.1/hakaru?password=secret&port=1", "'hakaru' at 127.0.0.1:1"),
        ("mysql://user:secret@db/hakaru", "'mysql://...@db/hakaru' is no database URL"),
        ("hakaru.db", "'hakaru.db' is no database URL: use sqlite:///PATH"),
        ("sqlite:///", "is no database URL"),
        ("sqlite:///no/such/folder/x.db", "does its directory exist"),
    ],
)
def test_addresses_that_cannot_be_used_are_explained(given: str, message: str) -> None:
    """Each message says what to do, and none shows a password."""
    with pytest.raises(StoreUnusable) as refused:
        create_store(given)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    """Under a generous umask database, log and index are 0600; rights given later are kept."""
    before = os.umask(0)
    try:
        store = create_store(f"sqlite:///{tmp_path}/store.db")
        store.set_setting("a", "b")
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert {"store.db", "store.db-wal", "store.db-shm"} <= set(files)
    assert set(files.values()) == {0o600}
    (tmp_path / "store.db").chmod(0o640)
    create_store(f"sqlite:///{tmp_path}/store.db").close()
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o640


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """Somebody's text file is refused, not overwritten."""
    other = tmp_path / "notes.txt"
    other.write_text("minutes of the meeting\n" * 100)
    with pytest.raises(StoreUnusable, match="is it a database of this collector"):
        create_store(f"sqlite:///{other}")
    assert other.read_text().startswith("minutes")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@127.0.0.1:1/hakaru",
        "postgresql://127.0.0.1:1/hakaru?sslmode=require&password=secret",
    ],
)
def test_a_password_on_the_command_line_is_refused(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user of the machine sees arguments; the environment is one's own. Neither is shown."""
    assert main(["migrate", "--database", url]) == 2
    said = capsys.readouterr().err
    assert "PGPASSFILE" in said
    monkeypatch.setenv("HAKARU_DATABASE", url)
    assert main(["migrate"]) == 1
    refused = capsys.readouterr().err
    assert "cannot connect to the database 'hakaru' at 127.0.0.1:1" in refused
    assert "secret" not in said + refused
