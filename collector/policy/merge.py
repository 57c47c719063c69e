"""Layers laid over each other: which one a section comes from. Pure.

- Nearest wins for each section: school over named list over aggregation group over city. Of two
  lists the one whose name comes later in the alphabet is the nearer.
- ``timetable`` is one section for each of its names: a school with lesson hours of its own keeps
  the city's quiet hours.
- ``closed`` and ``blackouts`` add up. No layer can take an exam of another away: who needs an
  exception lays the blackout down nearer in the first place.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from collector.policy.model import Layer, Scope, ScopeKind
from wire.measurement import Json
from wire.policy import FORMAT

ADDED: Final = ("closed", "blackouts")
_NEAR: Final = {kind: number for number, kind in enumerate(ScopeKind)}


def by_nearness(layers: Iterable[Layer]) -> list[Layer]:
    """Put layers in order, the nearest last."""
    return sorted(layers, key=lambda layer: (_NEAR[layer.scope.kind], layer.scope.name))


def merge(layers: Iterable[Layer]) -> dict[str, Json]:
    """Lay the layers over each other; empty where none says anything."""
    merged: dict[str, Any] = {}
    for layer in by_nearness(layers):
        for section, value in layer.document.items():
            if section in ADDED and isinstance(value, list):
                merged[section] = _union(merged.get(section, []), value)
            elif section == "timetable" and isinstance(value, Mapping):
                merged[section] = {**merged.get(section, {}), **value}
            elif section != "format":
                merged[section] = value
    return {"format": FORMAT, **merged} if merged else {}


def sources(layers: Iterable[Layer]) -> dict[str, tuple[Scope, ...]]:
    """Say from which layers each section comes."""
    found: dict[str, tuple[Scope, ...]] = {}
    for layer in by_nearness(layers):
        for section, value in layer.document.items():
            if section in ADDED:
                found[section] = (*found.get(section, ()), layer.scope)
            elif section == "timetable" and isinstance(value, Mapping):
                found |= {f"timetable.{name}": (layer.scope,) for name in value}
            elif section != "format":
                found[section] = (layer.scope,)
    return found


def add_days(
    document: Mapping[str, Json], closed: Sequence[Json], blackouts: Sequence[Json]
) -> dict[str, Json]:
    """Add the days of the school's calendar to a merged document."""
    whole: dict[str, Any] = dict(document)
    for section, added in (("closed", closed), ("blackouts", blackouts)):
        if added:
            whole[section] = _union(whole.get(section, []), added)
    return whole


def _union(first: Sequence[Json], second: Sequence[Json]) -> list[Json]:
    """Both, in order, each entry once."""
    found: list[Json] = []
    for entry in (*first, *second):
        if entry not in found:
            found.append(entry)
    return found
