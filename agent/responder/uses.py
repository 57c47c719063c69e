"""Tokens that were used, kept on disk: a restart does not make a used token good again.

Written and synchronised before the first flow of a token is admitted. What cannot be written down
is not admitted. A token is forgotten a week after it has expired: its time speaks against it by
then, unless the clock is set back by more than that.
"""

import contextlib
import sqlite3
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

KEPT: Final = timedelta(days=7)
BUSY_SECONDS: Final = 2.0


class CannotNote(Exception):
    """The file cannot be written: nobody may be admitted. The text says why."""


class UsedTokens:
    """The file. Several processes may share it: each token is won by one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
            with contextlib.closing(self._file.cursor()) as cursor:
                cursor.execute("PRAGMA journal_mode = DELETE")
                cursor.execute("PRAGMA synchronous = FULL")
                cursor.execute(
                    "CREATE TABLE IF NOT EXISTS used "
                    "(token_id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT"
                )
            self._file.commit()
        except sqlite3.Error as error:
            raise CannotNote(f"{path}: {error}: name another file with --used") from error

    def use(self, token_id: str, expires_at: datetime, now: datetime) -> bool:
        """Note the use of a token, durably; False where it was used before.

        Raises :class:`CannotNote`.
        """
        forget = int((now - KEPT).timestamp())
        with self._lock:
            try:
                with self._file:
                    self._file.execute("DELETE FROM used WHERE expires_at < ?", (forget,))
                    noted = self._file.execute(
                        "INSERT INTO used VALUES (?, ?) ON CONFLICT DO NOTHING",
                        (token_id, int(expires_at.timestamp())),
                    )
            except sqlite3.Error as error:
                raise CannotNote(f"{self._path}: {error}") from error
        return noted.rowcount == 1

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()
