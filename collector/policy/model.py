"""Whom a policy is for, and what a school has of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wire.measurement import Json
from wire.policy import Policy


class ScopeKind(StrEnum):
    """From far to near: the nearer one wins."""

    CITY = "city"
    GROUP = "group"
    """Schools of one aggregation group."""
    LIST = "list"
    """A named list of schools."""
    SCHOOL = "school"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Whom a layer or a suppression is for."""

    kind: ScopeKind
    name: str = ""
    """Empty for the city."""

    def __str__(self) -> str:
        return self.kind.value if self.kind is ScopeKind.CITY else f"{self.kind.value}:{self.name}"


CITY = Scope(ScopeKind.CITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One version of what a scope lays down. ``document`` is empty where it was removed."""

    revision: int
    """Counted over all scopes, from 1."""
    scope: Scope
    document: Mapping[str, Json]
    sha256: str
    note: str
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What a school's agents go by: its layers laid over each other, with the calendar's days."""

    version: str
    """REVISION-HASH: the newest revision among the layers and the start of the text's SHA-256."""
    sha256: str
    text: str
    """Canonical."""
    policy: Policy
    sources: Mapping[str, tuple[Scope, ...]]
    """Section (or ``timetable.NAME``) to the layers it comes from, nearest last."""
