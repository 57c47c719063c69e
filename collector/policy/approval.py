"""Approvals of checks of a school's network: granted, revoked, told to its agents.

A record is never changed but by revoking it, and never deleted: what a result was measured under
can be looked up by its number. Who approved stays here; agents get number, scope and time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from collector.operators.audit import audit
from collector.policy.change import Author, ChangeRefused
from collector.store.interface import Store
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from wire.approval import CHECKS, MAX_APPROVALS, MAX_NETWORKS, Approval, networks_of

MAX_TEXT_CHARACTERS: Final = 200
LONGEST: Final = timedelta(days=400)
_LOCK: Final = "approval"
_COLUMNS: Final = (
    "number, school_code, approved_by, approver_role, checks, networks, note, valid_from, "
    "valid_until, granted_at, granted_by, revoked_at, revoked_by"
)


class State(StrEnum):
    """Whether a record holds."""

    PLANNED = "planned"
    IN_FORCE = "in_force"
    ENDED = "ended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be approved."""

    school_code: str
    approved_by: str
    """Name of the person who approved."""
    role: str
    """In which office: head of the school, head of section."""
    checks: Sequence[str]
    networks: Sequence[str]
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One record."""

    approval: Approval
    approved_by: str
    role: str
    note: str
    granted_at: datetime
    granted_by: str
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def state(self, now: datetime) -> State:
        """Whether it holds."""
        if self.revoked_at is not None:
            return State.REVOKED
        if now < self.approval.valid_from:
            return State.PLANNED
        return State.IN_FORCE if now < self.approval.valid_until else State.ENDED


def grant(store: Store, wanted: Wanted, author: Author) -> Granted:
    """Lay down a record. Raises :class:`~collector.policy.change.ChangeRefused`."""
    ranges = _checked(wanted, author.now)
    if store.school(wanted.school_code) is None:
        raise ChangeRefused(
            f"there is no school {wanted.school_code[:40]!r}: see hakaru-collector school list"
        )

    def change(sql: Sql) -> Granted:
        sql.lock(_LOCK)
        if len(for_agents(sql, wanted.school_code, author.now)) >= MAX_APPROVALS:
            raise ChangeRefused(
                f"{wanted.school_code} has {MAX_APPROVALS} approvals already: revoke some first"
            )
        newest = sql.execute("SELECT COALESCE(MAX(number), 0) FROM lan_approval").fetchone()[0]
        granted = Granted(
            approval=Approval(
                number=newest + 1,
                school=wanted.school_code,
                checks=tuple(check for check in CHECKS if check in wanted.checks),
                networks=ranges,
                valid_from=wanted.valid_from,
                valid_until=wanted.valid_until,
            ),
            approved_by=wanted.approved_by.strip(),
            role=wanted.role.strip(),
            note=author.note[:MAX_TEXT_CHARACTERS],
            granted_at=author.now,
            granted_by=author.actor,
        )
        _insert(sql, granted)
        audit(sql, author.actor, "approval.grant", _subject(granted), _told(granted), author.now)
        return granted

    return store.write(change)


def revoke(store: Store, number: int, author: Author) -> Granted:
    """Take a record back. Raises :class:`~collector.policy.change.ChangeRefused`."""

    def change(sql: Sql) -> Granted:
        sql.lock(_LOCK)
        found = by_number(sql, number)
        if found is None:
            raise ChangeRefused(f"there is no approval {number}: see approval list")
        if found.state(author.now) in (State.ENDED, State.REVOKED):
            raise ChangeRefused(f"approval {number} does not hold any more")
        sql.execute(
            "UPDATE lan_approval SET revoked_at = ?, revoked_by = ? WHERE number = ?",
            (to_micros(author.now), author.actor, number),
        )
        note = author.note[:MAX_TEXT_CHARACTERS]
        told: dict[str, str | int] = {"number": number, "note": note}
        audit(sql, author.actor, "approval.revoke", _subject(found), told, author.now)
        return found

    return store.write(change)


def for_agents(sql: Sql, school_code: str, now: datetime) -> tuple[Approval, ...]:
    """What a school's agents are told: all that hold or will hold."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM lan_approval WHERE school_code = ? AND valid_until > ? "  # noqa: S608 - constants
        "AND revoked_at IS NULL ORDER BY number",
        (school_code, to_micros(now)),
    )
    return tuple(_granted(row).approval for row in rows.fetchall())


def newest(sql: Sql, school_code: str | None, limit: int) -> list[Granted]:
    """Records, newest first: of one school, or of all."""
    where = "" if school_code is None else "WHERE school_code = ? "
    given = () if school_code is None else (school_code,)
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM lan_approval {where}ORDER BY number DESC LIMIT ?",  # noqa: S608 - constants
        (*given, limit),
    )
    return [_granted(row) for row in rows.fetchall()]


def by_number(sql: Sql, number: int) -> Granted | None:
    """One record."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM lan_approval WHERE number = ?",  # noqa: S608 - constants
        (number,),
    ).fetchone()
    return None if row is None else _granted(row)


def _checked(wanted: Wanted, now: datetime) -> tuple[str, ...]:
    """The ranges in their usual spelling. Raises ChangeRefused for what makes no record."""
    for name, text in (("approved-by", wanted.approved_by), ("role", wanted.role)):
        if not text.strip() or len(text) > MAX_TEXT_CHARACTERS or not text.isprintable():
            raise ChangeRefused(f"{name}: allowed is one line of 1 to {MAX_TEXT_CHARACTERS}")
    unknown = [check for check in wanted.checks if check not in CHECKS]
    if unknown or not wanted.checks:
        found = unknown[0][:40] if unknown else "nothing"
        raise ChangeRefused(f"checks: found {found!r}, allowed is some of {' '.join(CHECKS)}")
    if not 1 <= len(wanted.networks) <= MAX_NETWORKS:
        raise ChangeRefused(f"networks: allowed is 1 to {MAX_NETWORKS} ranges")
    try:
        ranges = tuple(map(str, networks_of(wanted.networks)))
    except ValueError as error:
        raise ChangeRefused(f"networks: {error}; allowed are ranges as 192.0.2.0/24") from None
    if not wanted.valid_from < wanted.valid_until <= wanted.valid_from + LONGEST:
        raise ChangeRefused(f"until: allowed is a time within {LONGEST.days} days after from")
    if wanted.valid_until <= now:
        raise ChangeRefused("until: allowed is a time to come")
    return ranges


def _insert(sql: Sql, granted: Granted) -> None:
    one = granted.approval
    sql.execute(
        f"INSERT INTO lan_approval ({_COLUMNS}) "  # noqa: S608 - constants
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        (
            one.number,
            one.school,
            granted.approved_by,
            granted.role,
            " ".join(one.checks),
            " ".join(one.networks),
            granted.note,
            to_micros(one.valid_from),
            to_micros(one.valid_until),
            to_micros(granted.granted_at),
            granted.granted_by,
        ),
    )


def _told(granted: Granted) -> dict[str, Any]:
    one = granted.approval
    return {
        "number": one.number,
        "approved_by": granted.approved_by,
        "role": granted.role,
        "checks": list(one.checks),
        "networks": list(one.networks),
        "valid_from": one.valid_from.isoformat(),
        "valid_until": one.valid_until.isoformat(),
        "note": granted.note,
    }


def _subject(granted: Granted) -> str:
    return f"school:{granted.approval.school}"


def _granted(row: Sequence[Any]) -> Granted:
    (number, school, approved_by, role, checks, networks, note, valid_from, valid_until,
     granted_at, granted_by, revoked_at, revoked_by) = row  # fmt: skip
    return Granted(
        approval=Approval(
            number=number,
            school=school,
            checks=tuple(checks.split()),
            networks=tuple(networks.split()),
            valid_from=from_micros(valid_from),
            valid_until=from_micros(valid_until),
        ),
        approved_by=approved_by,
        role=role,
        note=note,
        granted_at=from_micros(granted_at),
        granted_by=granted_by,
        revoked_at=None if revoked_at is None else from_micros(revoked_at),
        revoked_by=revoked_by,
    )
