"""Secrets that are renewed: offered under the old one, in force once shown to be held.

Theory of operation. The appliance makes a new secret and keeps it; it offers the hash under the old
secret; it confirms by coming with the new one. Until the confirmation is committed the old one is
valid and the new one good for nothing else; from then on only the new one is. Both steps may be
repeated. So whichever side dies at whatever step, one of the two secrets that the appliance holds
lets it go on.

An identity that two machines use is not renewed: the first to renew would win in silence.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from collector.fleet import flags
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

RENEW_AFTER: Final = timedelta(days=30)
EXPIRES_AFTER: Final = timedelta(days=400)
"""A secret that nobody renewed for so long is no longer taken: an appliance in a cupboard. Longer
than any vacation and any repair, so that no one who comes back is locked out."""


class Refusal(StrEnum):
    """Why a secret is not taken."""

    CLONED = "cloned"
    TAKEN = "taken"
    """It is or was somebody's secret already."""
    UNKNOWN = "unknown"
    REVOKED = "revoked"


def issued(sql: Sql, agent_id: str, old_sha256: str | None, now: datetime) -> None:
    """Note that an agent has a new secret from now on."""
    if old_sha256 is not None:
        sql.execute(
            "INSERT INTO agent_old_secret (token_sha256, agent_id, retired_at) VALUES (?, ?, ?) "
            "ON CONFLICT (token_sha256) DO NOTHING",
            (old_sha256, agent_id, to_micros(now)),
        )
    sql.execute(
        "INSERT INTO agent_secret (agent_id, issued_at) VALUES (?, ?) ON CONFLICT (agent_id) "
        "DO UPDATE SET issued_at = excluded.issued_at, offered_sha256 = NULL, offered_at = NULL",
        (agent_id, to_micros(now)),
    )
    sql.execute(
        "UPDATE agent SET token_expires_at = ? WHERE agent_id = ?",
        (to_micros(now + EXPIRES_AFTER), agent_id),
    )


def due(sql: Sql, agent_id: str, enrolled_at: datetime, now: datetime) -> bool:
    """Whether a secret is old enough to be renewed, and may be."""
    row = sql.execute(
        "SELECT issued_at FROM agent_secret WHERE agent_id = ?", (agent_id,)
    ).fetchone()
    since = enrolled_at if row is None else from_micros(row[0])
    return now - since >= RENEW_AFTER and flags.CLONED not in flags.open_flags(sql, agent_id)


def offer(sql: Sql, agent_id: str, token_sha256: str, now: datetime) -> Refusal | None:
    """Keep the hash of a secret that is to follow. None: kept (again, where it was)."""
    sql.lock("secrets")
    if flags.CLONED in flags.open_flags(sql, agent_id):
        return Refusal.CLONED
    taken = sql.execute(
        "SELECT agent_id FROM agent WHERE token_sha256 = ? "
        "UNION ALL SELECT agent_id FROM agent_old_secret WHERE token_sha256 = ? "
        "UNION ALL SELECT agent_id FROM agent_secret WHERE offered_sha256 = ? AND agent_id <> ?",
        (token_sha256, token_sha256, token_sha256, agent_id),
    ).fetchone()
    if taken is not None:
        return Refusal.TAKEN
    enrolled = sql.execute(
        "SELECT enrolled_at FROM agent WHERE agent_id = ?", (agent_id,)
    ).fetchone()
    sql.execute(
        "INSERT INTO agent_secret (agent_id, issued_at, offered_sha256, offered_at) "
        "VALUES (?, ?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET "
        "offered_sha256 = excluded.offered_sha256, offered_at = excluded.offered_at",
        (agent_id, enrolled[0], token_sha256, to_micros(now)),
    )
    return None


def confirm(sql: Sql, token_sha256: str, now: datetime) -> str | Refusal:
    """Put an offered secret in force for whoever holds it; give the agent (again)."""
    sql.lock("secrets")
    row = sql.execute(
        "SELECT agent.agent_id, agent.token_sha256, agent.revoked_at FROM agent "
        "LEFT JOIN agent_secret ON agent_secret.agent_id = agent.agent_id "
        "WHERE agent.token_sha256 = ? OR agent_secret.offered_sha256 = ?",
        (token_sha256, token_sha256),
    ).fetchone()
    if row is None:
        return Refusal.UNKNOWN
    agent_id, current, revoked_at = row
    if revoked_at is not None:
        return Refusal.REVOKED
    if current == token_sha256:
        return str(agent_id)
    if flags.CLONED in flags.open_flags(sql, agent_id):
        return Refusal.CLONED
    sql.execute("UPDATE agent SET token_sha256 = ? WHERE agent_id = ?", (token_sha256, agent_id))
    issued(sql, agent_id, current, now)
    return str(agent_id)
