"""Changing a policy: checked for every school before anything is kept, and audited with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.judge.week import local
from collector.operators.audit import audit
from collector.policy import table
from collector.policy.effective import Policies
from collector.policy.model import Layer, Scope, ScopeKind
from collector.schools.model import School
from collector.store.interface import Store
from collector.store.sql import Sql
from wire.measurement import Json
from wire.policy import PolicyRefused, canonical, read_layer, sha256_of

LIST_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
MAX_NOTE_CHARACTERS: Final = 200
_TOLD: Final = 5


class ChangeRefused(Exception):
    """A change that was not made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, when, and what they say of it."""

    actor: str
    now: datetime
    note: str = ""


def set_layer(
    store: Store, policies: Policies, scope: Scope, document: Mapping[str, Json], author: Author
) -> Layer:
    """Lay down a new version for a scope; an empty document removes its layer.

    Raises :class:`ChangeRefused` (no such scope; or schools would be left without a policy that
    can be used) and :class:`~wire.policy.PolicyRefused` (the document itself).
    """
    if document:
        read_layer(document)
    note = author.note[:MAX_NOTE_CHARACTERS]
    schools = store.schools()

    def change(sql: Sql) -> Layer:
        sql.lock(table.LOCK)
        _refuse_unknown(sql, scope, schools)
        layers = table.current_layers(sql)
        before = layers.get(scope)
        if not document and before is None:
            raise ChangeRefused(f"{scope} has no policy: there is nothing to remove")
        changed = {one: layer for one, layer in layers.items() if one != scope}
        if document:
            changed[scope] = _draft(scope, document, author)
        _refuse_broken(policies, schools, changed, table.lists(sql), author.now)
        layer = table.add_version(sql, scope, document, note, author.actor, author.now)
        audit(
            sql,
            author.actor,
            "policy.set" if document else "policy.remove",
            str(scope),
            {
                "revision": layer.revision,
                "sha256": layer.sha256,
                "before_revision": before.revision if before else None,
                "sections": sorted(document),
                "note": note,
            },
            author.now,
        )
        return layer

    return store.write(change)


def set_list(
    store: Store, policies: Policies, name: str, codes: Sequence[str], author: Author
) -> None:
    """Say which schools a named list holds; none: the list is gone. Raises ChangeRefused."""
    if LIST_NAME.fullmatch(name) is None:
        raise ChangeRefused(f"list: found {name[:40]!r}, allowed are letters, digits, . _ -")
    schools = store.schools()
    unknown = sorted(set(codes) - {school.code for school in schools})
    if unknown:
        raise ChangeRefused(f"there is no school {' '.join(unknown[:_TOLD])}: see school list")

    def change(sql: Sql) -> None:
        sql.lock(table.LOCK)
        lists = {**table.lists(sql), name: tuple(codes)}
        _refuse_broken(policies, schools, table.current_layers(sql), lists, author.now)
        table.replace_list(sql, name, codes)
        detail = {"schools": sorted(set(codes))[:500], "note": author.note[:MAX_NOTE_CHARACTERS]}
        audit(sql, author.actor, "policy.list", f"list:{name}", detail, author.now)

    store.write(change)


def check(
    store: Store, policies: Policies, scope: Scope, document: Mapping[str, Json], now: datetime
) -> Mapping[Scope, Layer]:
    """Say what the layers would be with this one, without keeping it. Raises as set_layer."""
    read_layer(document)
    schools = store.schools()

    def look(sql: Sql) -> Mapping[Scope, Layer]:
        _refuse_unknown(sql, scope, schools)
        changed = {**table.current_layers(sql), scope: _draft(scope, document, Author("", now))}
        _refuse_broken(policies, schools, changed, table.lists(sql), now)
        return changed

    return store.read(look)


def require_scope(sql: Sql, scope: Scope, schools: Sequence[School]) -> None:
    """Raise :class:`ChangeRefused` for a group, list or school that there is not."""
    _refuse_unknown(sql, scope, schools)


def _draft(scope: Scope, document: Mapping[str, Json], author: Author) -> Layer:
    """A layer that has no revision yet."""
    return Layer(
        revision=0,
        scope=scope,
        document=document,
        sha256=sha256_of(canonical(document)),
        note="",
        set_at=author.now,
        set_by=author.actor,
    )


def _refuse_unknown(sql: Sql, scope: Scope, schools: Sequence[School]) -> None:
    known: set[str] = {""}
    if scope.kind is ScopeKind.SCHOOL:
        known = {school.code for school in schools}
    elif scope.kind is ScopeKind.GROUP:
        known = {school.aggregation_group for school in schools} - {""}
    elif scope.kind is ScopeKind.LIST:
        known = set(table.lists(sql))
    if scope.name not in known:
        some = " ".join(sorted(known)[:20]) or "none there is"
        raise ChangeRefused(f"{scope}: there is no such {scope.kind.value}; allowed is {some}")


def _refuse_broken(
    policies: Policies,
    schools: Sequence[School],
    layers: Mapping[Scope, Layer],
    lists: Mapping[str, Sequence[str]],
    now: datetime,
) -> None:
    broken = policies.refused(schools, layers, lists, local(now).date())
    if broken:
        codes = sorted(broken)
        reason: PolicyRefused = broken[codes[0]]
        more = f" and {len(codes) - _TOLD} more" if len(codes) > _TOLD else ""
        raise ChangeRefused(
            f"nothing was changed: with it the policy of {len(codes)} schools "
            f"({' '.join(codes[:_TOLD])}{more}) could not be used:\n{reason}"
        )
