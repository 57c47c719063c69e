"""What is amiss with an identity until a person has looked: raised once, kept with its end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

CLONED: Final = "cloned"
WRONG_PLACE: Final = "wrong_place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One thing that was amiss."""

    agent_id: str
    flag: str
    raised_at: datetime
    detail: str
    cleared_at: datetime | None
    cleared_by: str | None


def raise_flag(sql: Sql, agent_id: str, flag: str, now: datetime, detail: str) -> bool:
    """Raise a flag unless it is up already; True where it went up now."""
    if flag in open_flags(sql, agent_id):
        return False
    sql.execute(
        "INSERT INTO agent_flag (agent_id, flag, raised_at, detail) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (agent_id, flag, raised_at) DO UPDATE SET cleared_at = NULL",
        (agent_id, flag, to_micros(now), detail),
    )
    return True


def clear_flag(sql: Sql, agent_id: str, flag: str, now: datetime, who: str) -> bool:
    """Take a flag down; False where it was not up."""
    done = sql.execute(
        "UPDATE agent_flag SET cleared_at = ?, cleared_by = ? "
        "WHERE agent_id = ? AND flag = ? AND cleared_at IS NULL",
        (to_micros(now), who, agent_id, flag),
    )
    return done.rowcount > 0


def open_flags(sql: Sql, agent_id: str) -> dict[str, str]:
    """The flags that are up, with what they say."""
    rows = sql.execute(
        "SELECT flag, detail FROM agent_flag WHERE agent_id = ? AND cleared_at IS NULL",
        (agent_id,),
    )
    return {row[0]: row[1] for row in rows}


def all_open(sql: Sql) -> dict[tuple[str, str], Flag]:
    """The flags that are up, by agent and flag."""
    rows = sql.execute(f"{_SELECT} WHERE cleared_at IS NULL")
    return {(row[0], row[1]): _flag(row) for row in rows}


def history(sql: Sql, agent_id: str) -> list[Flag]:
    """All flags of an agent, the newest first."""
    rows = sql.execute(f"{_SELECT} WHERE agent_id = ? ORDER BY raised_at DESC", (agent_id,))
    return [_flag(row) for row in rows]


_SELECT: Final = "SELECT agent_id, flag, raised_at, detail, cleared_at, cleared_by FROM agent_flag"


def _flag(row: tuple[str, str, int, str, int | None, str | None]) -> Flag:
    return Flag(
        agent_id=row[0],
        flag=row[1],
        raised_at=from_micros(row[2]),
        detail=row[3],
        cleared_at=None if row[4] is None else from_micros(row[4]),
        cleared_by=row[5],
    )
