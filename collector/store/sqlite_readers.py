"""Connections for questions to one SQLite file: each belongs to a question, never to a thread.

Threads come and go: the server ends those that were idle and starts others. A connection of each
would stay open with two descriptors and its memory, and nobody would close it.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from collector.store.interface import StoreFailed
from collector.store.sqlite_connection import Connection, connect, translate

T = TypeVar("T")
IDLE: Final = 8
"""Connections that are kept while nobody asks."""


class Readers:
    """As many connections as there are questions at once; a few are kept for the next ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[Connection] = []
        self._held = threading.local()
        self._guard = threading.Lock()
        self._closed = False

    def ask(self, question: Callable[[Connection], T]) -> T:
        """Run ``question``. Raises :class:`StoreError`, and what ``question`` raised."""
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:  # a question within a question
            return _asked(held, question)
        connection = self._held.connection = self._take()
        try:
            result = _asked(connection, question)
        except BaseException:  # its statement may still be open, and with it an old state of things
            connection.close()
            raise
        finally:
            self._held.connection = None
        self._put_back(connection)
        return result

    def close(self) -> None:
        """Close those that nobody uses; the others are closed when their question has ended."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        with self._guard:
            if self._closed:
                raise StoreFailed("the store is closed")
            if self._idle:
                return self._idle.pop()
        return connect(self._path, read_only=True)

    def _put_back(self, connection: Connection) -> None:
        with self._guard:
            if not self._closed and len(self._idle) < IDLE:
                self._idle.append(connection)
                return
        connection.close()


def _asked(connection: Connection, question: Callable[[Connection], T]) -> T:
    try:
        return question(connection)
    except sqlite3.Error as error:
        raise translate(error) from error
