"""What makers put where: profiles as data (configs/snmp/*.toml), matched by sysObjectID.

The longest matching prefix wins. Some devices give the number of the software they were made with,
or none: they are known by how their description begins, which counts more than any prefix. Where
two profiles match alike, the first in order of file names counts. Each value of a profile is a
closed word below and says where its OID is from.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agent.snmp.text import line, number
from agent.snmp.values import Oid, Value, parse_oid
from agent.snmp.walk import Rows
from wire import checks
from wire.checks import Wrong
from wire.table import Reader, Table


class Figure(StrEnum):
    """What a profile may tell. The unit is in the name."""

    CPU_RATIO = "cpu_ratio"
    MEMORY_RATIO = "memory_ratio"
    MEMORY_USED = "memory_used"
    """Any unit: only with memory_free or memory_total, as a ratio."""
    MEMORY_FREE = "memory_free"
    MEMORY_TOTAL = "memory_total"
    SESSIONS_COUNT = "sessions_count"
    SESSIONS_LIMIT_COUNT = "sessions_limit_count"
    NAT_ENTRIES_COUNT = "nat_entries_count"
    ACCESS_POINTS_COUNT = "access_points_count"
    ACCESS_POINTS_DOWN_COUNT = "access_points_down_count"
    CLIENTS_COUNT = "clients_count"
    TEMPERATURE_CELSIUS = "temperature_celsius"
    MODEL = "model"
    FIRMWARE = "firmware"


class Combine(StrEnum):
    """How rows of a column become one figure."""

    FIRST = "first"
    MAX = "max"
    MEAN = "mean"
    SUM = "sum"
    ROWS = "rows"
    """The number of rows."""


TEXTS: Final = (Figure.MODEL, Figure.FIRMWARE)
_KEYS: Final = ("figure", "oid", "column", "combine", "scale", "equals", "most", "source", "seen")
_MOST_ROWS: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value of a profile."""

    figure: Figure
    oid: Oid
    """A single value, or the column of a table."""
    column: bool = False
    combine: Combine = Combine.FIRST
    scale: float = 1.0
    """What was read times this is in the figure's unit."""
    equals: int | None = None
    """Only rows of this value count (with ``rows``)."""
    most: float | None = None
    """More than this, before the scale, means 'not known'."""
    source: str
    seen: str
    """The recording it was checked against; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is particular about the devices of a maker."""

    id: str
    name: str
    vendor: str
    role: str
    """``router``, ``switch``, ``access_point``, ``controller``, ``firewall``, or empty."""
    match: tuple[Oid, ...]
    description_starts: tuple[str, ...]
    entries: tuple[Entry, ...]

    def scalars(self) -> tuple[Oid, ...]:
        """Single values to ask for."""
        return tuple(entry.oid for entry in self.entries if not entry.column)

    def columns(self) -> tuple[Oid, ...]:
        """Columns to walk."""
        return tuple(entry.oid for entry in self.entries if entry.column)


class ProfilesRefused(Exception):
    """A profile that cannot be used; each line is one mistake."""


def folder() -> Path:
    """Where the profiles are: in the wheel beside the agent's code, else in the checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / "configs"
    return packaged if packaged.is_dir() else here.parent.parent / "configs" / "snmp"


def load(place: Path | None = None) -> tuple[Profile, ...]:
    """Read all profiles. Raises :class:`ProfilesRefused`."""
    found = []
    for path in sorted((place or folder()).glob("*.toml")):
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ProfilesRefused(f"{path}: {error}") from error
        found += parse(given, path.stem, str(path))
    return tuple(found)


def parse(given: Mapping[str, Any], stem: str, name: str) -> list[Profile]:
    """Check what a file gave: ``[[profile]]`` tables. Raises :class:`ProfilesRefused`."""
    reader = Reader()
    top = Table(reader, "", given, ("profile",))
    profiles = []
    for place, table in enumerate(
        top.tables("profile", ("name", "vendor", "role", "match", "description_starts", "value"))
    ):
        entries = [_entry(one) for one in table.tables("value", _KEYS)]
        profiles.append(
            Profile(
                id=stem if place == 0 else f"{stem}-{place + 1}",
                name=table.need("name", "", checks.text),
                vendor=table.need("vendor", "", checks.text),
                role=table.need("role", "", _maybe_text),
                match=table.take("match", (), _oids),
                description_starts=table.take("description_starts", (), _texts),
                entries=tuple(entry for entry in entries if entry is not None),
            )
        )
    if reader.mistakes:
        raise ProfilesRefused("\n".join(f"{name}: {mistake}" for mistake in reader.mistakes))
    return profiles


def match(
    profiles: Sequence[Profile], object_id: Oid | None, description: str | None
) -> Profile | None:
    """Give the profile of a device; None where there is none for it."""
    best: tuple[int, Profile] | None = None
    for profile in profiles:
        score = 0
        if description is not None and description.startswith(
            profile.description_starts or ("\0",)
        ):
            score = 1_000
        for prefix in profile.match:
            if object_id is not None and object_id[: len(prefix)] == prefix:
                score = max(score, len(prefix))
        if score and (best is None or score > best[0]):
            best = (score, profile)
    return None if best is None else best[1]


def figures(
    profile: Profile, scalars: Mapping[Oid, Value], rows: Rows
) -> dict[Figure, float | int | str]:
    """Turn what was read into figures; what is not there or makes no sense is left out."""
    found: dict[Figure, float | int | str] = {}
    for entry in profile.entries:
        if entry.figure in found:
            continue  # an earlier line of the profile told it
        values = _values(entry, scalars, rows)
        figure: float | int | str | None
        if entry.figure in TEXTS:
            figure = line(values[0]) if values else None
        else:
            figure = _number(entry, values)
        if figure is not None:
            found[entry.figure] = figure
    _settle_memory(found)
    return found


def _values(entry: Entry, scalars: Mapping[Oid, Value], rows: Rows) -> list[Value]:
    if not entry.column:
        return [scalars[entry.oid]] if entry.oid in scalars else []
    return [row[entry.oid] for _, row in sorted(rows.items()) if entry.oid in row]


def _number(entry: Entry, values: list[Value]) -> float | int | None:
    told = [_read_number(value) for value in values]
    numbers = [one for one in told if one is not None and one >= 0]
    if entry.most is not None:
        numbers = [one for one in numbers if one <= entry.most]
    if entry.combine is Combine.ROWS:
        if not values:
            return None
        return len(values) if entry.equals is None else sum(one == entry.equals for one in told)
    if not numbers:
        return None
    plain = {
        Combine.FIRST: numbers[0],
        Combine.MAX: max(numbers),
        Combine.SUM: sum(numbers),
        Combine.MEAN: sum(numbers) / len(numbers),
    }[entry.combine]
    scaled = plain * entry.scale
    if entry.figure.endswith("_ratio"):
        return scaled if scaled <= 1.0 else None
    return round(scaled) if entry.figure.endswith("_count") else scaled


def _read_number(value: Value) -> float | None:
    """Read a number, or text that is one: some makers write '12.5' or '37 %'."""
    plain = number(value)
    if plain is not None:
        return plain
    text = (line(value) or "").removesuffix("%").strip()
    try:
        return float(text) if len(text) <= 12 else None
    except ValueError:
        return None


def _settle_memory(found: dict[Figure, float | int | str]) -> None:
    used = found.pop(Figure.MEMORY_USED, None)
    free = found.pop(Figure.MEMORY_FREE, None)
    total = found.pop(Figure.MEMORY_TOTAL, None)
    if Figure.MEMORY_RATIO in found:
        return
    if isinstance(used, float | int):
        if isinstance(total, float | int) and 0 <= used <= total and total > 0:
            found[Figure.MEMORY_RATIO] = used / total
        elif isinstance(free, float | int) and used + free > 0:
            found[Figure.MEMORY_RATIO] = used / (used + free)
    elif (
        isinstance(free, float | int) and isinstance(total, float | int) and 0 <= free <= total > 0
    ):
        found[Figure.MEMORY_RATIO] = 1 - free / total


def _entry(table: Table) -> Entry | None:
    figure = table.need("figure", "", checks.one_of(*(one.value for one in Figure)))
    nothing: Oid = ()
    single = table.take("oid", nothing, _oid)
    column = table.take("column", nothing, _oid)
    if bool(single) == bool(column):
        table.reader.refuse(table.at("oid"), "both or neither", "one of oid and column")
    combine = table.take("combine", "first", checks.one_of(*(one.value for one in Combine)))
    entry = Entry(
        figure=Figure(figure) if figure else Figure.MODEL,
        oid=column or single,
        column=bool(column),
        combine=Combine(combine),
        scale=table.take("scale", 1.0, checks.number(1e-9, 1e9)),
        equals=table.take("equals", None, checks.whole(0, 1 << 31)),
        most=table.take("most", None, checks.number(0, 1e18)),
        source=table.need("source", "", checks.text),
        seen=table.need("seen", "", _maybe_text),
    )
    return entry if figure and entry.oid else None


def _oid(value: object) -> Oid:
    try:
        return parse_oid(value if isinstance(value, str) else "")
    except ValueError:
        raise Wrong("a dotted OID such as 1.3.6.1.2.1.1.3.0") from None


def _oids(value: object) -> tuple[Oid, ...]:
    if not isinstance(value, list) or not value:
        raise Wrong("a list of dotted OIDs")
    return tuple(_oid(one) for one in value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise Wrong("a list of texts")
    return tuple(value)


def _maybe_text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("the name of a recording, or empty")
    return value
