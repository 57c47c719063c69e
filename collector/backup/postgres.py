"""Copies of a PostgreSQL database by pg_dump, and putting one back by pg_restore.

The dump and the counts of the manifest are of one exported snapshot. For databases that are too
large to dump every night, docs/operations.md says how to use pg_basebackup instead.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from collector.backup.manifest import BackupRefused

FILE: Final = "hakaru.dump"
_TABLES: Final = """SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')
    AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1"""
SECONDS: Final = 24 * 3600.0


def copy(url: str, target: Path) -> Mapping[str, int]:
    """Dump and verify; give rows by table in the dump. Raises :class:`BackupRefused`."""
    try:
        with psycopg.connect(_plain(url)) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            found = connection.execute("SELECT pg_export_snapshot()").fetchone()
            assert found is not None
            _run(
                url,
                ["pg_dump", "--format=custom", f"--snapshot={found[0]}", f"--file={target}"],
            )
            counts = _counts(connection)
    except psycopg.Error as error:
        raise BackupRefused(f"cannot read the database: {_said(error)}") from error
    _run(url, ["pg_restore", "--list", str(target)], database=False)
    return counts


def restore(copied: Path, url: str, counts: Mapping[str, int]) -> None:
    """Put a dump into an empty database and compare. Raises :class:`BackupRefused`."""
    try:
        with psycopg.connect(_plain(url), autocommit=True) as connection:
            there = connection.execute(_TABLES).fetchall()
            if there:
                raise BackupRefused(
                    f"the database has tables already ({there[0][0]}, ..): make an empty one "
                    "(CREATE DATABASE .. TEMPLATE template0) and name that"
                )
            _run(
                url,
                [
                    "pg_restore",
                    "--exit-on-error",
                    "--single-transaction",
                    "--no-owner",
                    "--no-privileges",
                    str(copied),
                ],
            )
            connection.execute("ANALYZE")
            restored = _counts(connection)
    except psycopg.Error as error:
        raise BackupRefused(f"cannot use the database: {_said(error)}") from error
    if restored != dict(counts):
        wrong = sorted(name for name in counts if restored.get(name) != counts[name])
        raise BackupRefused(f"not all rows came back (tables {', '.join(wrong)}): use another copy")


def _counts(connection: "psycopg.Connection[tuple[object, ...]]") -> dict[str, int]:
    counts: dict[str, int] = {}
    for (name,) in connection.execute(_TABLES).fetchall():
        quoted = psycopg.sql.SQL("SELECT count(*) FROM {}").format(
            psycopg.sql.Identifier(str(name))
        )
        row = connection.execute(quoted).fetchone()
        assert row is not None
        counts[str(name)] = int(str(row[0]))
    return counts


def _run(url: str, command: Sequence[str], *, database: bool = True) -> None:
    """Run a program of PostgreSQL; the password goes by its environment, never as an argument."""
    given = {name: str(value) for name, value in conninfo_to_dict(_plain(url)).items()}
    password = given.pop("password", None)
    environment = dict(os.environ) | ({} if password is None else {"PGPASSWORD": password})
    if database:
        command = [
            command[0],
            "--no-password",
            f"--dbname={make_conninfo('', **given)}",
            *command[1:],
        ]
    try:
        subprocess.run(  # noqa: S603 - a fixed program, no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
            timeout=SECONDS,
        )
    except FileNotFoundError:
        raise BackupRefused(
            f"{command[0]} is not installed: install the client programs of PostgreSQL "
            "(Debian: postgresql-client), of the server's version or newer"
        ) from None
    except subprocess.TimeoutExpired:
        raise BackupRefused(f"{command[0]} did not end within a day") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BackupRefused(
            f"{command[0]} failed: {said[-1][:300] if said else 'no word'}"
        ) from None


def _plain(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def _said(error: psycopg.Error) -> str:
    return error.diag.message_primary or " ".join(str(error).split())
