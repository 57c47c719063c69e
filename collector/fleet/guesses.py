"""How many wrong codes are taken: kept in the database, so over restarts and for all collectors."""

from datetime import datetime, timedelta
from typing import Final

from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

PER_PEER: Final = 10
IN_ALL: Final = 300
WINDOW: Final = timedelta(minutes=15)


def wait_seconds(sql: Sql, peer: str, now: datetime) -> float | None:
    """How long this address has to wait before it may try a code; None: not at all."""
    since = to_micros(now - WINDOW)
    ahead = to_micros(now + WINDOW)  # noted before this clock was set back
    rows = sql.execute(
        "SELECT guessed_at, peer FROM code_guess WHERE guessed_at > ? AND guessed_at < ? "
        "ORDER BY guessed_at DESC LIMIT ?",
        (since, ahead, IN_ALL),
    ).fetchall()
    own = [row[0] for row in rows if row[1] == peer]
    oldest = [own[PER_PEER - 1]] if len(own) >= PER_PEER else []
    if len(rows) >= IN_ALL:
        oldest.append(rows[IN_ALL - 1][0])
    if not oldest:
        return None
    return max(0.0, (from_micros(max(oldest)) + WINDOW - now).total_seconds())


def count_wrong(sql: Sql, peer: str, now: datetime) -> None:
    """Note one wrong code; forget those that no longer count."""
    sql.execute(
        "DELETE FROM code_guess WHERE guessed_at <= ? OR guessed_at >= ?",
        (to_micros(now - WINDOW), to_micros(now + WINDOW)),
    )
    sql.execute("INSERT INTO code_guess (guessed_at, peer) VALUES (?, ?)", (to_micros(now), peer))
