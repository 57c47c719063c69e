"""The audit log: every change with who made it, each record bound to the one before.

A record's hash covers its own fields and the hash of the record before it (Schneier and Kelsey
1999, without keys). Edited, deleted, inserted and reordered records are therefore detected. Not
detected from inside: records cut off at the end, and a whole chain written anew by someone who may
write the database. Both are detected by whoever keeps the head (number and hash) elsewhere.
"""

import hashlib
import json
import os
import pwd
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

FIRST: Final = 1
_COLUMNS: Final = "number, at, actor, action, subject, detail, previous_sha256, sha256"
_NEVER: Final = ("password", "secret", "token", "cookie", "authorization")
MAX_TEXT: Final = 200
_PAGE: Final = 1_000

Detail = Mapping[str, str | int | float | bool | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Record:
    """One change. ``detail`` is JSON text."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    previous_sha256: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record: what to keep elsewhere. Written ``NUMBER:HASH``."""

    number: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.number}:{self.sha256}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read NUMBER:HASH. Raises ValueError."""
        number, _, sha256 = text.strip().partition(":")
        if not number.isdecimal() or len(sha256) != 64:
            raise ValueError(f"found {text[:80]!r}, allowed is NUMBER:HASH as audit verify prints")
        return cls(int(number), sha256)


EMPTY: Final = Head(0, "")
"""The head of a log without records."""


def audit(
    sql: Sql,
    actor: str,
    action: str,
    subject: str,
    detail: Detail,
    now: datetime,
) -> None:
    """Note a change, inside the transaction that makes it.

    ``actor``: ``operator:NAME`` (:func:`collector.operators.signed_in.actor_of`), ``cli:USER``
    (:func:`cli_actor`), ``agent:ID`` or ``collector``. ``action``: ``subject.verb``, such as
    ``school.import``. ``subject``: what was changed, by its id. ``detail``: what else is worth
    knowing. Raises ValueError where a key of ``detail`` names a secret: those are never kept.
    """
    secret = [key for key in detail if any(word in key.lower() for word in _NEVER)]
    if secret:
        raise ValueError(f"the audit log keeps no secrets: leave out {', '.join(secret)}")
    sql.lock("audit")
    head = head_of(sql)
    fields = (
        head.number + 1,
        to_micros(now),
        _kept(actor),
        _kept(action),
        _kept(subject),
        json.dumps(detail, ensure_ascii=True, sort_keys=True, separators=(",", ":")),
        head.sha256,
    )
    sql.execute(
        f"INSERT INTO audit_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (*fields, chained_sha256(fields)),
    )


def chained_sha256(fields: Sequence[int | str]) -> str:
    """Hash number, microseconds, actor, action, subject, detail, hash before, as a JSON list."""
    return hashlib.sha256(json.dumps(list(fields), ensure_ascii=True).encode()).hexdigest()


def head_of(sql: Sql) -> Head:
    """Give the newest record's number and hash."""
    row = sql.execute(
        "SELECT number, sha256 FROM audit_log ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return EMPTY if row is None else Head(*row)


def newest(sql: Sql, limit: int, before: int | None = None) -> list[Record]:
    """Give the newest records (of those before a number), newest first."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM audit_log WHERE number < ? ORDER BY number DESC LIMIT ?",  # noqa: S608 - constants
        (2**62 if before is None else before, limit),
    )
    return [_record(row) for row in rows.fetchall()]


def verify(sql: Sql, kept: Head | None = None) -> list[str]:
    """Walk the chain; give each fault found as a sentence. ``kept``: a head kept elsewhere."""
    faults = list(_faults(_all(sql)))
    if kept is not None and kept != EMPTY:
        row = sql.execute(
            "SELECT sha256 FROM audit_log WHERE number = ?", (kept.number,)
        ).fetchone()
        if row is None:
            faults.append(
                f"record {kept.number}, the head that was kept, is missing: the end was cut off"
            )
        elif row[0] != kept.sha256:
            faults.append(
                f"record {kept.number} is not the head that was kept: the log was written anew"
            )
    return faults


def cli_actor() -> str:
    """Who runs a command on this machine: ``cli:USER``, with whom sudo ran it for."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user id without a name, as in a container
        name = f"uid-{os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"cli:{name} (sudo by {behind})" if behind else f"cli:{name}"


def _kept(text: str) -> str:
    """What every database can hold: no NUL, no half of a surrogate pair, bounded."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")


def _all(sql: Sql) -> Iterator[Record]:
    """All records in pages, so that a long log takes little memory."""
    after = -(2**62)
    while True:
        rows: list[Any] = sql.execute(
            f"SELECT {_COLUMNS} FROM audit_log WHERE number > ? ORDER BY number LIMIT ?",  # noqa: S608 - constants
            (after, _PAGE),
        ).fetchall()
        yield from (_record(row) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _faults(records: Iterable[Record]) -> Iterator[str]:
    expected, before = FIRST, ""
    for record in records:
        if record.number != expected:
            missing = f"{expected}" if record.number == expected + 1 else f"from {expected}"
            yield f"record {missing} is missing before record {record.number}"
        elif record.previous_sha256 != before:
            yield f"record {record.number} does not follow from the record before it"
        fields = (
            record.number,
            to_micros(record.at),
            record.actor,
            record.action,
            record.subject,
            record.detail,
            record.previous_sha256,
        )
        if chained_sha256(fields) != record.sha256:
            yield f"record {record.number} was changed after it was written"
        expected, before = record.number + 1, record.sha256


def _record(row: Sequence[Any]) -> Record:
    number, at, *rest = row
    return Record(number, from_micros(at), *rest)
