"""Copies of a SQLite database that is being written to, and putting one back.

SQLite's online backup, in one step: it holds a snapshot of the write-ahead log, so the copy is the
database of one moment, and neither the serving collector nor its agents wait for it.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from collector.backup.manifest import BackupRefused
from collector.store.sqlite_connection import Connection

FILE: Final = "hakaru.db"
T = TypeVar("T")
_SUFFIXES: Final = ("", "-wal", "-shm")


def copy(database: Path, target: Path) -> Mapping[str, int]:
    """Copy and verify; give rows by table in the copy. Raises :class:`BackupRefused`."""
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"file:{_quoted(database)}?mode=ro", uri=True)
            ) as source,
            contextlib.closing(sqlite3.connect(target)) as made,
        ):
            source.backup(made, pages=-1)
            made.execute("PRAGMA journal_mode = DELETE")  # one file, no log beside it
            return _verify(made)
    except sqlite3.Error as error:
        raise BackupRefused(f"cannot copy {database}: {error}") from error


def restore(
    copied: Path, database: Path, prepare: Callable[[Connection], T]
) -> tuple[T, list[Path]]:
    """Put a copy in the place of a database that nobody serves.

    The copy is checked once more where it then lies, and prepared before it is in place. Gives
    what ``prepare`` gave and what was set aside: the former files are renamed, not deleted.
    """
    beside = database.with_name(database.name + ".restoring")
    aside: list[Path] = []
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out, copied.open("rb") as source:
            while chunk := source.read(1 << 20):
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.closing(sqlite3.connect(beside, factory=Connection)) as made:
            _verify(made)
            with made:
                prepared = prepare(made)
        name = _free_name(database)
        for suffix in _SUFFIXES:
            former = Path(f"{database}{suffix}")
            if former.exists():
                aside.append(former.rename(f"{name}{suffix}"))
        beside.rename(database)
        _sync(database.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupRefused(f"cannot restore to {database}: {error}") from error
    return prepared, aside


def _verify(made: sqlite3.Connection) -> dict[str, int]:
    found = made.execute("PRAGMA integrity_check(3)").fetchall()
    if found != [("ok",)]:
        raise BackupRefused(f"the copy is not sound: {found[0][0]}; is the disk?")
    if broken := made.execute("PRAGMA foreign_key_check").fetchone():
        raise BackupRefused(f"the copy has a row of {broken[0]} without what it refers to")
    tables = made.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
        "ORDER BY name"
    ).fetchall()
    return {
        name: made.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - from the schema
        for (name,) in tables
    }


def _free_name(database: Path) -> Path:
    number = 1
    while (name := database.with_name(f"{database.name}.before-restore-{number}")).exists():
        number += 1
    return name


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
