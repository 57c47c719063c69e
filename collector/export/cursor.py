"""What has been written to a time-series store, kept in the database, and who writes now.

Results are found by when they arrived. They become visible in another order than they arrived in,
because a commit takes its time and several collectors have several clocks: so the last
:data:`OVERLAP_SECONDS` are looked at again and again, and what was written of them is remembered
by its id. One collector at a time holds a store; the hold ends by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.export.series import Arrived
from collector.store.sql import Sql

OVERLAP_SECONDS: Final = 300.0
"""Longer than an agent waits for a reply, so longer than any commit that is acknowledged."""
HELD_SECONDS: Final = 120.0
PAGE_RESULTS: Final = 500
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Holder:
    """One collector's hold on one store."""

    store: str
    """Name of the time-series store: its address."""
    holder: str
    """Name of this collector's life, made anew at each start."""


def acquire(sql: Sql, who: Holder, now: int) -> bool:
    """Hold the store, or hold it longer; False where another collector does."""
    sql.lock(f"export {who.store}")
    row = sql.execute(
        "SELECT holder, held_until FROM export_cursor WHERE store = ?", (who.store,)
    ).fetchone()
    until = now + int(HELD_SECONDS * _MICROS)
    if row is None:
        sql.execute(
            "INSERT INTO export_cursor (store, settled_at, holder, held_until) VALUES (?, 0, ?, ?)",
            (who.store, who.holder, until),
        )
        return True
    if row[0] != who.holder and row[1] > now:
        return False
    sql.execute(
        "UPDATE export_cursor SET holder = ?, held_until = ? WHERE store = ?",
        (who.holder, until, who.store),
    )
    return True


def release(sql: Sql, who: Holder) -> None:
    """Let another collector write at once."""
    sql.execute(
        "UPDATE export_cursor SET held_until = 0 WHERE store = ? AND holder = ?",
        (who.store, who.holder),
    )


def settled_at(sql: Sql, store: str) -> int:
    """All that arrived before this is written; microseconds since 1970."""
    row = sql.execute("SELECT settled_at FROM export_cursor WHERE store = ?", (store,)).fetchone()
    return 0 if row is None else int(row[0])


def page(sql: Sql, store: str, limit: int = PAGE_RESULTS) -> list[Arrived]:
    """Give the next results to write, by arrival."""
    rows = sql.execute(
        """SELECT r.received_at, r.agent_id, r.result_id, r.school_code, r.started_at, r.outcome,
            r.record
        FROM result r WHERE r.received_at >= ? AND NOT EXISTS (
            SELECT 1 FROM export_written w WHERE w.store = ? AND w.received_at = r.received_at
            AND w.agent_id = r.agent_id AND w.result_id = r.result_id)
        ORDER BY r.received_at LIMIT ?""",
        (settled_at(sql, store), store, limit),
    )
    return [Arrived(*row) for row in rows]


def settle(
    sql: Sql, who: Holder, written: Sequence[Arrived], now: int, *, page_was_full: bool
) -> bool:
    """Remember what was written. False, and nothing is remembered, where the hold was lost."""
    sql.lock(f"export {who.store}")
    row = sql.execute(
        "SELECT holder, settled_at FROM export_cursor WHERE store = ?", (who.store,)
    ).fetchone()
    if row is None or row[0] != who.holder:
        return False
    sql.executemany(
        "INSERT INTO export_written (store, received_at, agent_id, result_id) "
        "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(who.store, one.received_at, one.agent_id, one.result_id) for one in written],
    )
    reached = now - int(OVERLAP_SECONDS * _MICROS)
    if page_was_full and written:
        reached = min(reached, written[-1].received_at)
    reached = max(reached, int(row[1]))
    sql.execute(
        "UPDATE export_cursor SET settled_at = ?, held_until = ? WHERE store = ?",
        (reached, now + int(HELD_SECONDS * _MICROS), who.store),
    )
    sql.execute(
        "DELETE FROM export_written WHERE store = ? AND received_at < ?", (who.store, reached)
    )
    return True
