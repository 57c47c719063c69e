"""Versions of layers and lists of schools in the database. Nothing is ever overwritten."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from collector.policy.model import CITY, Layer, Scope, ScopeKind
from collector.schools.model import School
from collector.store.sql import Sql
from collector.store.times import from_micros, to_micros
from wire.measurement import Json
from wire.policy import canonical, sha256_of

_COLUMNS: Final = "revision, scope_kind, scope_name, document, sha256, note, set_at, set_by"
LOCK: Final = "policy"


def add_version(
    sql: Sql, scope: Scope, document: Mapping[str, Json], note: str, actor: str, now: datetime
) -> Layer:
    """Lay down a new version of a scope's layer; an empty document removes it."""
    sql.lock(LOCK)
    newest: int = sql.execute("SELECT COALESCE(MAX(revision), 0) FROM policy_version").fetchone()[0]
    text = canonical(document) if document else ""
    layer = Layer(
        revision=newest + 1,
        scope=scope,
        document=document,
        sha256=sha256_of(text),
        note=note,
        set_at=now,
        set_by=actor,
    )
    sql.execute(
        f"INSERT INTO policy_version ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            layer.revision,
            scope.kind.value,
            scope.name,
            text,
            layer.sha256,
            note,
            to_micros(now),
            actor,
        ),
    )
    return layer


def revisions_for(sql: Sql, school: School) -> list[int]:
    """Revisions of the layers that a school is under, removed ones included, ascending."""
    rows = sql.execute(
        """SELECT MAX(revision) FROM policy_version
        WHERE scope_kind = 'city'
            OR (scope_kind = 'group' AND scope_name = ? AND scope_name <> '')
            OR (scope_kind = 'list'
                AND scope_name IN (SELECT name FROM school_list WHERE school_code = ?))
            OR (scope_kind = 'school' AND scope_name = ?)
        GROUP BY scope_kind, scope_name""",
        (school.aggregation_group, school.code, school.code),
    )
    return sorted(revision for (revision,) in rows.fetchall())


def layers_by_revision(sql: Sql, revisions: Iterable[int]) -> list[Layer]:
    """The layers with these revisions, removed ones left out."""
    found = (version(sql, revision) for revision in revisions)
    return [layer for layer in found if layer is not None and layer.document]


def current_layers(sql: Sql) -> dict[Scope, Layer]:
    """The newest version of every scope that has one, removed ones left out."""
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM policy_version WHERE revision IN "  # noqa: S608 - constants
        "(SELECT MAX(revision) FROM policy_version GROUP BY scope_kind, scope_name)"
    ).fetchall()
    return {layer.scope: layer for row in rows if (layer := _layer(row)).document}


def current_layer(sql: Sql, scope: Scope) -> Layer | None:
    """The layer of one scope in force, None where it has none."""
    newest = next(iter(history(sql, scope, 1)), None)
    return newest if newest is not None and newest.document else None


def history(sql: Sql, scope: Scope | None, limit: int) -> list[Layer]:
    """Versions, newest first: of one scope, or of all."""
    where = "" if scope is None else "WHERE scope_kind = ? AND scope_name = ? "
    given: tuple[Any, ...] = () if scope is None else (scope.kind.value, scope.name)
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM policy_version {where}ORDER BY revision DESC LIMIT ?",  # noqa: S608 - constants
        (*given, limit),
    )
    return [_layer(row) for row in rows.fetchall()]


def version(sql: Sql, revision: int) -> Layer | None:
    """One version."""
    row = sql.execute(
        f"SELECT {_COLUMNS} FROM policy_version WHERE revision = ?",  # noqa: S608 - constants
        (revision,),
    ).fetchone()
    return None if row is None else _layer(row)


def lists(sql: Sql) -> dict[str, tuple[str, ...]]:
    """Named lists of schools: name to codes."""
    found: dict[str, tuple[str, ...]] = {}
    rows = sql.execute("SELECT name, school_code FROM school_list ORDER BY name, school_code")
    for name, code in rows.fetchall():
        found[name] = (*found.get(name, ()), code)
    return found


def replace_list(sql: Sql, name: str, codes: Iterable[str]) -> None:
    """Put these schools, and no others, into a list; without any it is gone."""
    sql.lock(LOCK)
    sql.execute("DELETE FROM school_list WHERE name = ?", (name,))
    sql.executemany(
        "INSERT INTO school_list (name, school_code) VALUES (?, ?)",
        [(name, code) for code in sorted(set(codes))],
    )


def scopes_of(school: School, named: Sequence[str]) -> tuple[Scope, ...]:
    """Whose layers a school is under, far to near."""
    group = school.aggregation_group
    return (
        CITY,
        *((Scope(ScopeKind.GROUP, group),) if group else ()),
        *(Scope(ScopeKind.LIST, name) for name in sorted(named)),
        Scope(ScopeKind.SCHOOL, school.code),
    )


def _layer(row: Sequence[Any]) -> Layer:
    revision, kind, name, document, sha256, note, set_at, set_by = row
    return Layer(
        revision=revision,
        scope=Scope(ScopeKind(kind), name),
        document=json.loads(document) if document else {},
        sha256=sha256,
        note=note,
        set_at=from_micros(set_at),
        set_by=set_by,
    )
