"""The name of a database: every acknowledgement carries it, every restore changes it.

An agent keeps what it has delivered for a while, each result under the name of the database that
acknowledged it. When another name answers, it sends those results again.
"""

import secrets
from datetime import datetime
from typing import Final

from collector.store.interface import Store
from collector.store.sql import Sql
from wire.ids import uuid4

NAME: Final = "store_id"
RESTORED_AT: Final = "restored_at"
RESTORED_FROM: Final = "restored_from"


def store_id(store: Store) -> str:
    """Give the name; the first collector that asks makes it."""
    return store.setting(NAME) or store.write(_first)


def renew(store: Store, now: datetime, taken_at: str) -> str:
    """Give the database a new name: it lacks what was acknowledged since ``taken_at``."""
    return store.write(lambda sql: rename(sql, now, taken_at))


def rename(sql: Sql, now: datetime, taken_at: str) -> str:
    """The same, inside a transaction."""
    made = uuid4(secrets.randbits(128))
    for name, value in (
        (NAME, made),
        (RESTORED_AT, now.isoformat(timespec="seconds")),
        (RESTORED_FROM, taken_at),
    ):
        sql.execute(
            "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
            "value = excluded.value",
            (name, value),
        )
    return made


def _first(sql: Sql) -> str:
    made = uuid4(secrets.randbits(128))
    sql.execute("INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (NAME, made))
    found: str = sql.execute("SELECT value FROM setting WHERE name = ?", (NAME,)).fetchone()[0]
    return found
