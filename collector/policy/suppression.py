"""Suppression: a school, a group, a list or everybody measures nothing until a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from collector.operators.audit import audit
from collector.policy.change import Author, ChangeRefused, require_scope
from collector.policy.model import Scope, ScopeKind
from collector.schools.model import School
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros

MAX_REASON_CHARACTERS: Final = 200
LONGEST: Final = timedelta(days=400)
_COLUMNS: Final = "suppression_id, scope_kind, scope_name, until, reason, set_at, set_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """One suppression in force."""

    suppression_id: int
    scope: Scope
    until: datetime
    reason: str
    set_at: datetime
    set_by: str


def suppress(store: Store, scope: Scope, until: datetime, reason: str, author: Author) -> int:
    """Suppress; give its number. Raises :class:`ChangeRefused`."""
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON_CHARACTERS or not reason.isprintable():
        raise ChangeRefused(f"reason: allowed is one line of 1 to {MAX_REASON_CHARACTERS}")
    if not author.now < until <= author.now + LONGEST:
        raise ChangeRefused(
            f"until: found {until.isoformat()}, allowed is a time within the next "
            f"{LONGEST.days} days"
        )
    schools = store.schools()

    def change(sql: Sql) -> int:
        sql.lock("suppression")
        require_scope(sql, scope, schools)
        number: int = sql.execute(
            "SELECT COALESCE(MAX(suppression_id), 0) + 1 FROM suppression"
        ).fetchone()[0]
        sql.execute(
            f"INSERT INTO suppression ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
            (
                number,
                scope.kind.value,
                scope.name,
                to_micros(until),
                reason,
                to_micros(author.now),
                author.actor,
            ),
        )
        told: dict[str, str | int] = {"until": until.isoformat(), "reason": reason}
        audit(
            sql,
            author.actor,
            "suppress.set",
            str(scope),
            {**told, "number": number},
            author.now,
        )
        return number

    return store.write(change)


def lift(store: Store, scope: Scope, author: Author) -> int:
    """Lift every suppression of exactly this scope; give how many there were."""

    def change(sql: Sql) -> int:
        lifted = sql.execute(
            """UPDATE suppression SET lifted_at = ?, lifted_by = ?
            WHERE scope_kind = ? AND scope_name = ? AND lifted_at IS NULL AND until > ?""",
            (
                to_micros(author.now),
                author.actor,
                scope.kind.value,
                scope.name,
                to_micros(author.now),
            ),
        ).rowcount
        if lifted:
            audit(
                sql, author.actor, "suppress.lift", str(scope), {"suppressions": lifted}, author.now
            )
        return lifted

    return store.write(change)


def in_force(sql: Sql, now: datetime) -> list[Suppressed]:
    """All that hold now, the one that ends last first."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM suppression WHERE lifted_at IS NULL AND until > ? "  # noqa: S608 - constants
        "ORDER BY until DESC, suppression_id",
        (to_micros(now),),
    )
    return [_suppressed(row) for row in rows.fetchall()]


def on_school(sql: Sql, school: School, now: datetime) -> list[Suppressed]:
    """Those that hold for a school now, the one that ends last first."""
    rows = sql.execute(
        f"""SELECT {_COLUMNS} FROM suppression WHERE lifted_at IS NULL AND until > ? AND (
            scope_kind = 'city'
            OR (scope_kind = 'group' AND scope_name = ? AND scope_name <> '')
            OR (scope_kind = 'list'
                AND scope_name IN (SELECT name FROM school_list WHERE school_code = ?))
            OR (scope_kind = 'school' AND scope_name = ?))
        ORDER BY until DESC, suppression_id""",  # noqa: S608 - constants
        (to_micros(now), school.aggregation_group, school.code, school.code),
    )
    return [_suppressed(row) for row in rows.fetchall()]


def _suppressed(row: Sequence[Any]) -> Suppressed:
    number, kind, name, until, reason, set_at, set_by = row
    return Suppressed(
        suppression_id=number,
        scope=Scope(ScopeKind(kind), name),
        until=from_micros(until),
        reason=reason,
        set_at=from_micros(set_at),
        set_by=set_by,
    )
