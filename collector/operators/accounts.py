"""Accounts of operators in the database. Callers note each change in the audit log."""

import re
import unicodedata
from datetime import datetime
from typing import Any, Final

from collector.operators.model import Operator, Role
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
MAX_TYPED_CHARACTERS: Final = 256
"""What is longer is no name. NFKC takes minutes to put 100,000 combining marks in order."""
COLUMNS: Final = (
    "operator.operator_id, name, role, operator.created_at, disabled_at, "
    "CASE WHEN password_hash IS NULL THEN 0 ELSE 1 END, must_change"
)


class AccountRefused(Exception):
    """A change of an account that is not made. ``reason`` is also the key of its words."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def name_of(text: str) -> str:
    """Give the one form of a sign-in name. Raises :class:`AccountRefused`."""
    name = ""
    if len(text) <= MAX_TYPED_CHARACTERS:
        name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not _NAME.fullmatch(name):
        raise AccountRefused(
            "bad_name",
            f"found {text[:80]!r}, allowed are 1 to 64 letters, digits and . _ @ + - "
            "(such as an e-mail address), beginning with a letter or digit",
        )
    return name


def add(
    sql: Sql,
    operator_id: str,
    name: str,
    role: Role,
    password_hash: str | None,
    now: datetime,
    *,
    must_change: bool = False,
    provider_subject: str | None = None,
) -> None:
    """Make an account. Raises :class:`AccountRefused` where the name is taken."""
    sql.lock("operators")
    if sql.execute("SELECT 1 FROM operator WHERE name = ?", (name,)).fetchone() is not None:
        raise AccountRefused("name_taken", f"there is an operator {name} already: see the list")
    sql.execute(
        "INSERT INTO operator "
        "(operator_id, name, role, password_hash, must_change, provider_subject, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            operator_id,
            name,
            role.value,
            password_hash,
            int(must_change),
            provider_subject,
            to_micros(now),
        ),
    )


def every(sql: Sql) -> list[Operator]:
    """All operators by name, disabled ones too."""
    rows = sql.execute(f"SELECT {COLUMNS} FROM operator ORDER BY name").fetchall()  # noqa: S608 - constants
    return [operator_of_row(row) for row in rows]


def any_at_all(sql: Sql) -> bool:
    """Say whether an operator was ever made."""
    return sql.execute("SELECT 1 FROM operator LIMIT 1").fetchone() is not None


def by_name(sql: Sql, name: str) -> Operator | None:
    """The operator of a name."""
    return _one(sql, "name", name)


def by_id(sql: Sql, operator_id: str) -> Operator | None:
    """The operator of an id."""
    return _one(sql, "operator_id", operator_id)


def by_provider(sql: Sql, provider_subject: str) -> Operator | None:
    """The operator whom the identity provider calls so."""
    return _one(sql, "provider_subject", provider_subject)


def require(sql: Sql, name: str) -> Operator:
    """The operator of a name. Raises :class:`AccountRefused`."""
    found = by_name(sql, name)
    if found is None:
        raise AccountRefused("no_operator", f"there is no operator {name}: see the list")
    return found


def password_hash_of(sql: Sql, operator_id: str) -> str | None:
    """The hash that is kept of a password."""
    row = sql.execute(
        "SELECT password_hash FROM operator WHERE operator_id = ?", (operator_id,)
    ).fetchone()
    return None if row is None else row[0]


def set_password(
    sql: Sql, operator_id: str, password_hash: str, *, must_change: bool = False
) -> None:
    """Replace the hash. Ending the operator's sessions is left to the caller."""
    sql.execute(
        "UPDATE operator SET password_hash = ?, must_change = ? WHERE operator_id = ?",
        (password_hash, int(must_change), operator_id),
    )


def set_role(sql: Sql, operator: Operator, role: Role, *, keep_one: bool) -> None:
    """Give another role. ``keep_one``: not where no administrator would be left."""
    sql.lock("operators")
    sql.execute(
        "UPDATE operator SET role = ? WHERE operator_id = ?", (role.value, operator.operator_id)
    )
    if keep_one:
        _require_administrator(sql)


def set_disabled(sql: Sql, operator: Operator, at: datetime | None, *, keep_one: bool) -> None:
    """Disable (or enable: None) an account. ``keep_one`` as in :func:`set_role`."""
    sql.lock("operators")
    sql.execute(
        "UPDATE operator SET disabled_at = ? WHERE operator_id = ?",
        (None if at is None else to_micros(at), operator.operator_id),
    )
    if keep_one:
        _require_administrator(sql)


def operator_of_row(row: Any) -> Operator:  # noqa: ANN401 - a row of a database
    """Read a row of the columns that this module asks for."""
    return Operator(
        operator_id=row[0],
        name=row[1],
        role=Role(row[2]),
        created_at=from_micros(row[3]),
        disabled_at=None if row[4] is None else from_micros(row[4]),
        has_password=bool(row[5]),
        must_change=bool(row[6]),
    )


def _one(sql: Sql, column: str, value: str) -> Operator | None:
    row = sql.execute(f"SELECT {COLUMNS} FROM operator WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - constants
    return None if row is None else operator_of_row(row)


def _require_administrator(sql: Sql) -> None:
    """Raise :class:`AccountRefused`, which rolls the change back."""
    left = sql.execute(
        "SELECT 1 FROM operator WHERE role = ? AND disabled_at IS NULL LIMIT 1",
        (Role.ADMINISTRATOR.value,),
    ).fetchone()
    if left is None:
        raise AccountRefused(
            "last_administrator",
            "nobody would be left to administer: make another administrator first",
        )
