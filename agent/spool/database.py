"""The little of SQLite that the spool uses, and the errors it can end in.

::

    SpoolError
    ├── SpoolFull         no room: the disk, or the cap as a last resort
    ├── SpoolCorrupt      the file is not what was written
    └── SpoolUnavailable  anything else: I/O error, read-only disk, locked

Statements go through :class:`Connection`, so that a test can drive the very same spool over
another SQLite binding with a virtual file system that fails, tears and forgets.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

SqlValue = None | int | float | str | bytes
Row = tuple[SqlValue, ...]


class SpoolError(Exception):
    """The spool could not do what was asked; nothing was changed."""


class SpoolFull(SpoolError):
    """No room on the disk."""


class SpoolCorrupt(SpoolError):
    """The file is damaged; it is set aside and a new one is begun."""


class SpoolUnavailable(SpoolError):
    """The disk or the file cannot be used now."""


class Connection(Protocol):
    """One connection in autocommit mode: transactions are begun and ended by statements."""

    def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        """Run one statement to its end and give all its rows. Raises :class:`SpoolError`."""
        ...

    def close(self) -> None:
        """Close; what is committed stays. Raises :class:`SpoolError`."""
        ...


Connect = Callable[[Path], Connection]

# primary result codes, https://sqlite.org/rescode.html
_ERROR, _CORRUPT, _FULL, _MISMATCH, _NOTADB, _IOERR = 1, 11, 13, 20, 26, 10
_IOERR_SHORT_READ: Final = 10 | (2 << 8)
_IOERR_CORRUPTFS: Final = 10 | (33 << 8)


def error_for(extended_code: int | None, text: str) -> SpoolError:
    """Name an SQLite error by its extended result code.

    A statement of ours that does not compile (SQLITE_ERROR) or finds a value of another type
    means that the schema in the file is not ours any more, so the file is damaged.
    """
    if extended_code is None or extended_code in (_IOERR_SHORT_READ, _IOERR_CORRUPTFS):
        return SpoolCorrupt(text)
    primary = extended_code & 0xFF
    if primary in (_CORRUPT, _NOTADB, _ERROR, _MISMATCH):
        return SpoolCorrupt(text)
    if primary == _FULL:
        return SpoolFull(text)
    return SpoolUnavailable(text)


class SqliteConnection:
    """:class:`Connection` over the standard library's sqlite3."""

    def __init__(self, path: Path) -> None:
        try:
            # the spool serialises its callers itself, so any thread may use the connection
            self._connection = sqlite3.connect(
                path, isolation_level=None, timeout=0.0, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise _translated(error) from error

    def execute(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        """Run one statement to its end and give all its rows."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Close; what is committed stays."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise _translated(error) from error


def _translated(error: sqlite3.Error) -> SpoolError:
    # errors that the module raises by itself carry no code: text in the file is not UTF-8
    code = getattr(error, "sqlite_errorcode", None)
    return error_for(code, str(error))
