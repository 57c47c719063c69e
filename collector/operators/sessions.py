"""Sessions of operators and the browsers they came from, in the database; of secrets the hash."""

from datetime import datetime, timedelta
from typing import Final

from collector.operators import accounts
from collector.operators.model import Operator
from collector.store.sql import Sql
from collector.store.times import to_micros

IDLE: Final = timedelta(hours=1)
"""A session ends when nothing was asked for so long."""
LONGEST: Final = timedelta(hours=12)
"""A session ends so long after sign-in, whatever was asked."""
TOUCH: Final = timedelta(minutes=1)
"""The last use is noted no more often than this."""
DEVICE: Final = timedelta(days=90)
"""A browser is known so long after its last sign-in."""
_MICROSECOND: Final = timedelta(microseconds=1)


def start(sql: Sql, operator_id: str, token_sha256: str, now: datetime) -> None:
    """Begin a session; those that have run out are swept."""
    moment = to_micros(now)
    sql.execute(
        "DELETE FROM operator_session WHERE last_used_at <= ? OR created_at <= ?",
        (moment - IDLE // _MICROSECOND, moment - LONGEST // _MICROSECOND),
    )
    sql.execute(
        "INSERT INTO operator_session (token_sha256, operator_id, created_at, last_used_at) "
        "VALUES (?, ?, ?, ?)",
        (token_sha256, operator_id, moment, moment),
    )


def find(sql: Sql, token_sha256: str, now: datetime) -> tuple[Operator, bool] | None:
    """Who signed in, and whether to :func:`touch`; None where the session is over."""
    moment = to_micros(now)
    row = sql.execute(
        f"SELECT {accounts.COLUMNS}, last_used_at FROM operator_session "  # noqa: S608 - constants
        "JOIN operator ON operator.operator_id = operator_session.operator_id "
        "WHERE token_sha256 = ? AND disabled_at IS NULL AND last_used_at > ? "
        "AND operator_session.created_at > ?",
        (token_sha256, moment - IDLE // _MICROSECOND, moment - LONGEST // _MICROSECOND),
    ).fetchone()
    if row is None:
        return None
    return accounts.operator_of_row(row), moment - row[7] >= TOUCH // _MICROSECOND


def touch(sql: Sql, token_sha256: str, now: datetime) -> None:
    """Note the use of a session."""
    sql.execute(
        "UPDATE operator_session SET last_used_at = ? WHERE token_sha256 = ? AND last_used_at < ?",
        (to_micros(now), token_sha256, to_micros(now)),
    )


def end(sql: Sql, token_sha256: str) -> None:
    """End a session."""
    sql.execute("DELETE FROM operator_session WHERE token_sha256 = ?", (token_sha256,))


def end_all(sql: Sql, operator_id: str) -> int:
    """End every session of an operator and forget their browsers; give how many sessions."""
    sql.execute("DELETE FROM operator_device WHERE operator_id = ?", (operator_id,))
    return sql.execute(
        "DELETE FROM operator_session WHERE operator_id = ?", (operator_id,)
    ).rowcount


def know_device(sql: Sql, operator_id: str, token_sha256: str, now: datetime) -> None:
    """Remember a browser; those not seen for long are swept."""
    sql.execute(
        "DELETE FROM operator_device WHERE last_used_at < ?",
        (to_micros(now) - DEVICE // _MICROSECOND,),
    )
    sql.execute(
        "INSERT INTO operator_device (token_sha256, operator_id, last_used_at) VALUES (?, ?, ?) "
        "ON CONFLICT (token_sha256) DO UPDATE SET operator_id = excluded.operator_id, "
        "last_used_at = excluded.last_used_at",
        (token_sha256, operator_id, to_micros(now)),
    )


def device_known(sql: Sql, operator_id: str, token_sha256: str, now: datetime) -> bool:
    """Say whether this operator has signed in from this browser lately."""
    row = sql.execute(
        "SELECT 1 FROM operator_device "
        "WHERE token_sha256 = ? AND operator_id = ? AND last_used_at >= ?",
        (token_sha256, operator_id, to_micros(now) - DEVICE // _MICROSECOND),
    ).fetchone()
    return row is not None
