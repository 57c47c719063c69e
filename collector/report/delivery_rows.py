"""What became of deliveries, and which collector delivers now, in portable SQL."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

LEASE: Final = timedelta(minutes=10)
"""Longer than everything that is delivered in one turn may take."""
_NAME: Final = "report"
MAX_PROBLEM_CHARACTERS: Final = 500


class Channel(StrEnum):
    """A way in which reports are delivered."""

    MAIL = "mail"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One revision by one way."""

    week: str
    simulated: bool
    revision: int
    channel: Channel
    attempts: int
    delivered_at: datetime | None
    problem: str
    """What went wrong the last time; empty where nothing did."""


def deliveries(
    sql: Sql, *, simulated: bool, week: str | None = None, revision: int | None = None
) -> list[Delivery]:
    """What was delivered and what was not, the newest week and revision first."""
    where = ("" if week is None else " AND week = ?") + (
        "" if revision is None else " AND revision = ?"
    )
    given = [one for one in (week, revision) if one is not None]
    rows = sql.execute(
        "SELECT week, simulated, revision, channel, attempts, delivered_at, problem "  # noqa: S608 - constants
        f"FROM report_delivery WHERE simulated = ?{where} "
        "ORDER BY week DESC, revision DESC, channel",
        (simulated, *given),
    )
    return [
        Delivery(
            week=row[0],
            simulated=bool(row[1]),
            revision=row[2],
            channel=Channel(row[3]),
            attempts=row[4],
            delivered_at=None if row[5] is None else from_micros(row[5]),
            problem=row[6],
        )
        for row in rows
    ]


def note(sql: Sql, one: Delivery) -> None:
    """Keep what became of a delivery."""
    sql.execute(
        "INSERT INTO report_delivery (week, simulated, revision, channel, attempts, delivered_at, "
        "problem) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (week, simulated, revision, channel) DO UPDATE SET "
        "attempts = excluded.attempts, delivered_at = excluded.delivered_at, "
        "problem = excluded.problem",
        (
            one.week,
            one.simulated,
            one.revision,
            one.channel.value,
            one.attempts,
            None if one.delivered_at is None else to_micros(one.delivered_at),
            one.problem[:MAX_PROBLEM_CHARACTERS],
        ),
    )


def acquire(sql: Sql, holder: str, now: datetime) -> bool:
    """Be the one that issues and delivers, or stay it; False where another collector is."""
    sql.lock("report lease")
    until = to_micros(now + LEASE)
    row = sql.execute(
        "SELECT holder, held_until FROM report_lease WHERE name = ?", (_NAME,)
    ).fetchone()
    if row is not None and row[0] != holder and row[1] > to_micros(now):
        return False
    sql.execute(
        "INSERT INTO report_lease (name, holder, held_until) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, "
        "held_until = excluded.held_until",
        (_NAME, holder, until),
    )
    return True


def release(sql: Sql, holder: str) -> None:
    """Let another collector go on at once."""
    sql.execute(
        "UPDATE report_lease SET held_until = 0 WHERE name = ? AND holder = ?", (_NAME, holder)
    )
