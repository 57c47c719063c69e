"""One-time codes in the database, and binding an appliance with one.

Of a code its HMAC-SHA-256 is kept. The key comes from the file that ``HAKARU_CODE_KEY_FILE`` names;
without one it is made once and kept among the settings. With the file elsewhere a stolen
database does not let anyone try codes; without it 55 bits have to be tried within the days that a
code lives. A slow hash would cost the collector as much as the thief, for every wrong code.
"""

import hashlib
import hmac
import os
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from collector.fleet import flags, renewal
from collector.operators.audit import Detail, audit
from collector.schools.model import School
from collector.store import rows_identity
from collector.store.interface import CodeRefused, Store, StoreUnusable
from collector.store.sql import Sql
from collector.store.times import to_micros
from wire.enrolment_code import make_code, read_code
from wire.parsing import Refused

KEY_VARIABLE: Final = "HAKARU_CODE_KEY_FILE"
KEY_SETTING: Final = "code_key"
LEAST_KEY_BYTES: Final = 16
DEFAULT_LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An appliance's request to be bound."""

    code: str
    agent_id: str
    token_sha256: str


def code_key(store: Store, environment: Mapping[str, str] | None = None) -> bytes:
    """The key of the codes' hashes. Raises :class:`StoreUnusable` where the file is no key."""
    named = (os.environ if environment is None else environment).get(KEY_VARIABLE)
    if named:
        try:
            key = Path(named).read_bytes().strip()
        except OSError as error:
            raise StoreUnusable(f"{KEY_VARIABLE}: {named}: {error.strerror}") from error
        if len(key) < LEAST_KEY_BYTES:
            raise StoreUnusable(
                f"{KEY_VARIABLE}: {named} holds {len(key)} bytes, {LEAST_KEY_BYTES} are needed: "
                f"head -c 32 /dev/urandom > {named}"
            )
        return key
    return bytes.fromhex(store.setting(KEY_SETTING) or store.write(_make_key))


def code_hash(key: bytes, code: str) -> str:
    """Hash a code as typed. Raises :class:`~wire.parsing.Refused` for what cannot be one."""
    return hmac.new(key, read_code(code).encode(), hashlib.sha256).hexdigest()


def new_code(store: Store, school_code: str, expires_at: datetime, chance: random.Random) -> str:
    """Make a one-time code and keep its hash. Raises Enrolment where there is no such school."""
    code, key = make_code(chance), code_key(store)
    hashed = code_hash(key, code)
    store.write(lambda sql: add_code(sql, school_code, hashed, expires_at))
    return code


def add_code(sql: Sql, school_code: str, hashed: str, expires_at: datetime) -> None:
    """Keep the hash of a code. Raises Enrolment where there is no such school."""
    rows_identity.add_code(sql, school_code, hashed, expires_at)


def enrol(sql: Sql, key: bytes, asked: Asked, now: datetime) -> School:
    """Use up a code and bind the agent; the agent it replaces, if any, is retired.

    Raises CodeRefused and AgentBound; then nothing has changed.
    """
    try:
        hashed = code_hash(key, asked.code)
    except Refused as refused:
        raise CodeRefused(f"this is no code ({refused})") from None
    before = sql.execute(
        "SELECT token_sha256 FROM agent WHERE agent_id = ?", (asked.agent_id,)
    ).fetchone()
    school = rows_identity.enrol(sql, hashed, asked.agent_id, asked.token_sha256, now)
    if before is None or before[0] != asked.token_sha256:
        renewal.issued(sql, asked.agent_id, None if before is None else before[0], now)
        # a new secret ends what copies of the old one could do
        flags.clear_flag(sql, asked.agent_id, flags.CLONED, now, "enrolled anew")
        sql.execute("DELETE FROM agent_life WHERE agent_id = ?", (asked.agent_id,))
        detail: Detail = {"school": school.code, "anew": before is not None}
        audit(sql, f"agent:{asked.agent_id}", "agent.enrol", asked.agent_id, detail, now)
    sql.execute(
        "UPDATE agent_replacement SET successor_id = ?, replaced_at = ? "
        "WHERE code_sha256 = ? AND replaced_at IS NULL AND agent_id <> ?",
        (asked.agent_id, to_micros(now), hashed, asked.agent_id),
    )
    return school


def _make_key(sql: Sql) -> str:
    sql.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (KEY_SETTING, secrets.token_hex(32)),
    )
    row = sql.execute("SELECT value FROM setting WHERE name = ?", (KEY_SETTING,)).fetchone()
    return str(row[0])
