"""Questions of retention, in portable SQL: what is old, and its end in small pieces.

Results are as old as they say they were measured; those of a suspect clock are as old as their
arrival. So an agent in the year 2100 keeps nothing for ever and one in 1970 loses nothing early.
"""

from collections.abc import Sequence
from typing import Final

from collector.retention.policy import Kind
from collector.rollup.figures import HEAVY
from collector.rollup.rows import BELIEVED
from collector.store.sql import Sql

PIECE_ROWS: Final = 1_000
"""Rows that one transaction deletes at most."""
LOCK: Final = "retention"
RAN: Final = "(run)"
"""Class under which the time of the last run is kept."""
_PROBES: Final = sorted(HEAVY)
_HEAVY: Final = f"probe IN ({', '.join('?' * len(_PROBES))})"
_OF_KIND: Final = {
    Kind.HEAVY_RESULTS: _HEAVY,
    Kind.LIGHT_RESULTS: f"NOT {_HEAVY}",
}
RESULTS: Final = tuple(_OF_KIND)
_SPANS: Final = {Kind.HOUR_ROLLUPS: "hour", Kind.DAY_ROLLUPS: "day"}
_BY_TIME: Final[dict[Kind, tuple[tuple[str, str, str], ...]]] = {
    Kind.QUARANTINE: (("quarantine", "agent_id, record_sha256", "received_at < ?"),),
    Kind.HEARTBEATS: (
        ("agent_state_change", "agent_id, changed_at, state", "changed_at < ?"),
        ("agent_life", "agent_id, life_id", "alive_at < ?"),
        ("agent_flag", "agent_id, flag, raised_at", "cleared_at < ?"),
    ),
}
"""Table, its key, and what makes a row old."""


def schools_with_old_results(sql: Sql, kind: Kind, cut: int) -> list[str]:
    """Schools of which results of a class are older than ``cut``, or arrived before it undated."""
    found = sql.execute(
        "SELECT code FROM school WHERE EXISTS (SELECT 1 FROM result "  # noqa: S608 - constants
        f"WHERE school_code = school.code AND started_at < ? AND {_OF_KIND[kind]} AND {BELIEVED}) "
        "OR EXISTS (SELECT 1 FROM result WHERE school_code = school.code AND received_at < ? "
        f"AND {_OF_KIND[kind]} AND NOT {BELIEVED}) ORDER BY code",
        (cut, *_PROBES, cut, *_PROBES),
    )
    return [code for (code,) in found]


def delete_results(sql: Sql, kind: Kind, school_code: str, cut: int) -> int:
    """Delete a piece of a school's old results; give how many."""
    deleted = 0
    for age, clock in (("started_at", BELIEVED), ("received_at", f"NOT {BELIEVED}")):
        deleted += sql.execute(
            "DELETE FROM result WHERE (agent_id, started_at, result_id) IN ("  # noqa: S608 - constants
            "SELECT agent_id, started_at, result_id FROM result WHERE school_code = ? "
            f"AND {age} < ? AND {_OF_KIND[kind]} AND {clock} LIMIT ?)",
            (school_code, cut, *_PROBES, PIECE_ROWS - deleted),
        ).rowcount
        if deleted >= PIECE_ROWS:
            break
    return deleted


def count_results(sql: Sql, kind: Kind, cut: int) -> int:
    """How many results of a class are old."""
    count: int = sql.execute(
        "SELECT count(*) FROM result "  # noqa: S608 - constants
        f"WHERE {_OF_KIND[kind]} AND CASE WHEN {BELIEVED} THEN started_at ELSE received_at END < ?",
        (*_PROBES, cut),
    ).fetchone()[0]
    return count


def delete_rollups(sql: Sql, kind: Kind, cut: int) -> int:
    """Delete a piece of old roll-ups with their values; give how many."""
    old = sql.execute(
        "SELECT school_code, started_at FROM rollup WHERE span = ? AND started_at < ? "
        "GROUP BY school_code, started_at ORDER BY school_code, started_at LIMIT ?",
        (_SPANS[kind], cut, PIECE_ROWS // 10),
    ).fetchall()
    deleted = 0
    for school_code, started_at in old:
        for table in ("rollup_value", "rollup"):
            deleted += sql.execute(
                f"DELETE FROM {table} WHERE school_code = ? AND span = ? AND started_at = ?",  # noqa: S608 - constants
                (school_code, _SPANS[kind], started_at),
            ).rowcount
    return deleted


def count_rollups(sql: Sql, kind: Kind, cut: int) -> int:
    """How many rows of roll-ups are old."""
    count = 0
    for table in ("rollup_value", "rollup"):
        count += sql.execute(
            f"SELECT count(*) FROM {table} WHERE span = ? AND started_at < ?",  # noqa: S608 - constants
            (_SPANS[kind], cut),
        ).fetchone()[0]
    return count


def delete_by_time(sql: Sql, kind: Kind, cut: int) -> int:
    """Delete a piece of what has a time of its own; give how many."""
    deleted = 0
    for table, key, old in _BY_TIME[kind]:
        deleted += sql.execute(
            f"DELETE FROM {table} WHERE ({key}) IN "  # noqa: S608 - constants
            f"(SELECT {key} FROM {table} WHERE {old} LIMIT ?)",
            (cut, PIECE_ROWS),
        ).rowcount
    return deleted


def count_by_time(sql: Sql, kind: Kind, cut: int) -> int:
    """How many of them are old."""
    return sum(
        sql.execute(f"SELECT count(*) FROM {table} WHERE {old}", (cut,)).fetchone()[0]  # noqa: S608 - constants
        for table, _, old in _BY_TIME[kind]
    )


def rollups_wait(sql: Sql, cut: int) -> bool:
    """Whether a roll-up is still to be made from what is about to go."""
    found = sql.execute("SELECT 1 FROM rollup_due WHERE started_at < ? LIMIT 1", (cut,))
    return found.fetchone() is not None


def note(sql: Sql, name: str, before: int, ran_at: int, deleted: int) -> None:
    """Keep how far retention has come with a class. It never goes back."""
    sql.execute(
        "INSERT INTO retention_done VALUES (?, ?, ?, ?) ON CONFLICT (class) DO UPDATE SET "
        "before = CASE WHEN retention_done.before > excluded.before THEN retention_done.before "
        "ELSE excluded.before END, ran_at = excluded.ran_at, "
        "deleted_count = retention_done.deleted_count + excluded.deleted_count",
        (name, before, ran_at, deleted),
    )


def done(sql: Sql) -> dict[str, tuple[int, int, int]]:
    """(before, time of the last run, deleted in all) by class."""
    found: Sequence[tuple[str, int, int, int]] = sql.execute(
        "SELECT class, before, ran_at, deleted_count FROM retention_done"
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def newest_sign_of_life(sql: Sql) -> int | None:
    """When an agent was last heard, or retention last ran, by the collector's clock then."""
    times = [
        sql.execute("SELECT max(last_seen_at) FROM agent").fetchone()[0],
        sql.execute("SELECT max(ran_at) FROM retention_done").fetchone()[0],
    ]
    return max((at for at in times if at is not None), default=None)
