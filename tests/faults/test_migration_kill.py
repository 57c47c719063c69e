"""C6: a migration killed at every statement, on both databases."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Case
from tests.migration_kill import Killer, check_killed_at, connected, schema, statements
from tests.postgres import Cluster

pytestmark = pytest.mark.faults


def test_killed_at_every_statement_sqlite_resumes(tmp_path: Path, case: Case) -> None:
    """The file holds whole migrations only, and the next start makes the same schema."""
    whole = f"sqlite:///{tmp_path}/whole.db"
    count = len(statements(whole))
    with connected(whole) as connection:
        expected: list[Any] = schema(connection)
    with Killer() as killer:
        for statement in range(count):
            check_killed_at(killer, f"sqlite:///{tmp_path}/{statement}.db", statement, expected)
    case("C6", "migration killed at every statement, SQLite", runs=count, other="same schema")


def test_killed_at_every_statement_postgresql_resumes(postgres: Cluster, case: Case) -> None:
    """A whole number of migrations is there, no lock is left, and the next start goes on."""
    whole = postgres.new_database(migrated=False)
    count = len(statements(whole))
    with connected(whole) as connection:
        expected: list[Any] = schema(connection)
    postgres.drop(whole)
    with Killer() as killer:
        for statement in range(count):
            url = postgres.new_database(migrated=False)
            check_killed_at(killer, url, statement, expected)
            postgres.drop(url)
    case("C6", "migration killed at every statement, PostgreSQL", runs=count, other="same schema")
