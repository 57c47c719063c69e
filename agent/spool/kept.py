"""Delivered results, kept for a while: a collector whose database was restored asks for them.

Each is kept under the id of the database that acknowledged it. When another database answers (an
older copy was restored, or it was begun anew), what the former had is sent again; the collector
knows by the key what it has. The share of the file is bounded, the oldest go first, and all of
them go before any result that still waits: keeping never costs a result its place.
"""

from typing import Final

from agent.spool.database import Connection, SpoolCorrupt

SHARE: Final = 4
"""The kept results may have one part in so many of the cap."""
MAX_RECORD_BYTES: Final = 16 * 1024
"""Larger ones are not kept: moving them would need too large a transaction."""
TABLE: Final = """CREATE TABLE IF NOT EXISTS kept (
    id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    result_id TEXT NOT NULL,
    record BLOB NOT NULL,
    digest BLOB NOT NULL,
    store_id TEXT NOT NULL
) STRICT"""


class Kept:
    """The kept results of one open file. Changes happen in the transaction of the caller."""

    def __init__(self, connection: Connection, cap_bytes: int) -> None:
        self._connection = connection
        self.share_bytes = cap_bytes // SHARE
        self.bytes = 0
        self._counts: dict[str, int] = {}
        for store_id, count, size in connection.execute(
            "SELECT store_id, count(*), sum(length(record)) FROM kept GROUP BY store_id"
        ):
            if not (isinstance(store_id, str) and isinstance(count, int) and isinstance(size, int)):
                raise SpoolCorrupt("the kept results cannot be counted")
            self._counts[store_id] = count
            self.bytes += size

    @property
    def count(self) -> int:
        """How many results are kept."""
        return sum(self._counts.values())

    def of_others(self, store_id: str) -> bool:
        """Whether results are kept that another database acknowledged.

        Those from before databases had ids are nobody's: whether they are needed is not known.
        """
        return any(count for one, count in self._counts.items() if one not in ("", store_id))

    def add(self, key: int, size: int, store_id: str) -> None:
        """Keep a waiting result of this size; the caller removes it from those that wait."""
        while self.count and self.bytes + size > self.share_bytes:
            self.drop(1)
        self._connection.execute(
            "INSERT INTO kept (key, result_id, record, digest, store_id) "
            "SELECT key, result_id, record, digest, ? FROM results WHERE key = ?",
            (store_id, key),
        )
        self._counts[store_id] = self._counts.get(store_id, 0) + 1
        self.bytes += size

    def drop(self, count: int) -> None:
        """Let go of the oldest."""
        gone = self._connection.execute(
            "DELETE FROM kept WHERE id IN (SELECT id FROM kept ORDER BY id LIMIT ?) "
            "RETURNING store_id, length(record)",
            (count,),
        )
        for store_id, size in gone:
            assert isinstance(store_id, str)
            assert isinstance(size, int)
            self._forget(store_id, size)
        if not gone:  # never: but a loop that waits for room must end
            self._counts.clear()
            self.bytes = 0

    def take_back(self, store_id: str, limit: int) -> int:
        """Move up to ``limit`` results of other databases back to those that wait; how many."""
        rows = self._connection.execute(
            "DELETE FROM kept WHERE id IN (SELECT id FROM kept WHERE store_id NOT IN ('', ?) "
            "ORDER BY id LIMIT ?) RETURNING store_id, length(record), key, result_id, record, "
            "digest",
            (store_id, limit),
        )
        for former, size, *result in rows:
            assert isinstance(former, str)
            assert isinstance(size, int)
            self._forget(former, size)
            self._connection.execute("INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?)", result)
        return len(rows)

    def _forget(self, store_id: str, size: int) -> None:
        self._counts[store_id] = self._counts.get(store_id, 0) - 1
        self.bytes -= size
