"""What an import changes: only rows that differ, and only where nobody else changed them since."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from collector.judge.reading import words
from collector.schools.table import Row

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Generic[K, T]):
    """A row of the file: what it says, and the version it was exported with."""

    row: Row
    key: K
    value: T | None
    """None: the row takes back what there is."""
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged(Generic[K, T]):
    """What to change, in the order of the file."""

    changes: list[Given[K, T]]
    unchanged_count: int


def merge(
    given: Iterable[Given[K, T]],
    current: Mapping[K, tuple[T, int]],
    same: Callable[[T, T], bool],
) -> Merged[K, T]:
    """Compare. A row that was changed since its export, or comes twice, is noted as a mistake.

    ``current``: value and version by key. ``same``: whether two values say the same, whatever
    their versions. The caller refuses the file where anything was noted.
    """
    seen: dict[K, int] = {}
    changes: list[Given[K, T]] = []
    unchanged = 0
    for one in given:
        if one.key in seen:
            one.row.wrong(one.row.table.header[0], f"each row once; see line {seen[one.key]}")
            continue
        seen[one.key] = one.row.line
        held = current.get(one.key)
        if _says_the_same(one.value, held, same):
            unchanged += 1
        elif one.version != (held[1] if held else 0):
            _changed_since(one, held[1] if held else 0)
        else:
            changes.append(one)
    return Merged(changes=changes, unchanged_count=unchanged)


def _says_the_same(
    value: T | None, held: tuple[T, int] | None, same: Callable[[T, T], bool]
) -> bool:
    if value is None or held is None:
        return value is None and held is None
    return same(value, held[0])


def _changed_since(one: Given[K, T], standing: int) -> None:
    now = f"version {standing} now" if standing else "taken back since"
    one.row.table.wrong(
        one.row.line,
        "version",
        words(f"version {one.version}"),
        f"what it is now: this row was changed by someone else since the export ({now}); "
        "export again, then change it",
    )
