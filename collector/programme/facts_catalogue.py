"""The list of what may be known of a school's network (configs/programme/facts.toml)."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import inf, isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Final

from collector import resources
from collector.judge.reading import Reading, Table, parse_toml, read_bytes
from collector.programme.catalogue_reading import KEY, MAX_ENTRIES, both, choice, matches
from collector.programme.model import Value
from collector.programme.words import Segment

MAX_TEXT_CHARACTERS: Final = 200
_KEYS: Final = ("name", "kind", "unit", "range", "choices", "segment", "section", "measured")


class FactKind(StrEnum):
    """What a value of a fact is."""

    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    TEXT = "text"


class Unit(StrEnum):
    """Unit of a number."""

    BPS = "bps"
    SECONDS = "seconds"
    RATIO = "ratio"
    COUNT = "count"
    BYTES = "bytes"
    YEAR = "year"
    PER_DAY = "per_day"
    PER_MONTH = "per_month"
    PER_SECOND = "per_second"


class Section(StrEnum):
    """Part of the on-site checklist that asks for a fact, in this order."""

    LINE = "line"
    ROUTER = "router"
    WIRING = "wiring"
    ACCESS_POINT = "access_point"
    OPERATION = "operation"
    MEASURED = "measured"
    """Asked of nobody: the agent's results give it."""
    RECORD = "record"
    """Asked of nobody: it is in the record of the school."""

    @property
    def is_asked(self) -> bool:
        """Whether people are asked for its facts."""
        return self not in (Section.MEASURED, Section.RECORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactDefinition:
    """One fact that may be known. ``name`` and ``choices`` are told by language."""

    key: str
    kind: FactKind
    unit: Unit | None
    names: Mapping[str, str]
    """By language, ``ja`` and ``en``."""
    segment: Segment
    section: Section
    choices: Mapping[str, Mapping[str, str]]
    """Of a choice: value to its name by language."""
    low: float | None
    high: float | None
    """The least and the greatest that can be right, of a number."""
    measured: str
    """Which results give it and how; empty: none do."""

    @property
    def allowed(self) -> str:
        """What a value may be, in words for who gave another."""
        if self.kind is FactKind.NUMBER:
            unit = "" if self.unit is None else f" ({self.unit})"
            return f"a number from {self._low:g} to {self._high:g}{unit}"
        if self.kind is FactKind.YES_NO:
            return "true or false"
        if self.kind is FactKind.CHOICE:
            return f"one of {', '.join(self.choices)}"
        return f"a text of 1 to {MAX_TEXT_CHARACTERS} characters"

    def check(self, value: object) -> Value:
        """Give a value as it is kept. Raises ValueError naming what is allowed."""
        if self.kind is FactKind.NUMBER:
            number = number_of(value)
            if number is not None and self._low <= number <= self._high:
                return number
        elif self.kind is FactKind.YES_NO and isinstance(value, bool):
            return value
        elif isinstance(value, str) and (
            value in self.choices
            if self.kind is FactKind.CHOICE
            else self.kind is FactKind.TEXT and _is_line(value)
        ):
            return value.strip()
        raise ValueError(f"{self.key}: found {str(value)[:60]!r}, allowed is {self.allowed}")

    @property
    def _low(self) -> float:
        return -inf if self.low is None else self.low

    @property
    def _high(self) -> float:
        return inf if self.high is None else self.high


def number_of(value: object) -> float | None:
    """Give a finite number; None for anything else. True and false are none."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return None
        return number if isfinite(number) else None
    return None


def _is_line(text: str) -> bool:
    return 0 < len(text.strip()) <= MAX_TEXT_CHARACTERS and text.strip().isprintable()


def default_facts() -> Path:
    """Give the packaged list."""
    return resources.configs_folder() / "programme" / "facts.toml"


def load_facts(path: Path | None = None) -> Mapping[str, FactDefinition]:
    """Read a list of facts, or the packaged one, in its order. Raises ConfigRefused."""
    path = path or default_facts()
    return parse_facts(read_bytes(path), str(path))


@functools.lru_cache(maxsize=4)
def parse_facts(raw: bytes, file: str) -> Mapping[str, FactDefinition]:
    """Read a list, once each; ``file`` names it in messages. Raises ConfigRefused, all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("version", "fact"))
    reading.text(document, "", "version")
    tables = reading.table(document, "", "fact")
    if not tables or len(tables) > MAX_ENTRIES:
        reading.wrong("fact", len(tables), f"1 to {MAX_ENTRIES} facts")
    found: dict[str, FactDefinition] = {}
    for key in list(tables)[:MAX_ENTRIES]:
        one = _definition(reading, key, reading.table(tables, "fact", key))
        if one is not None:
            found[key] = one
    reading.refuse_if_wrong()
    return MappingProxyType(found)


def _definition(reading: Reading, key: str, table: Table) -> FactDefinition | None:
    place = f"fact.{key}"
    reading.only(table, place, _KEYS)
    if not matches(KEY, key):
        reading.wrong(place, key, "segment.thing_unit in small letters, digits and _")
    names = both(reading, table, place, "name")
    kind = choice(reading, table, place, "kind", FactKind)
    segment = choice(reading, table, place, "segment", Segment)
    section = choice(reading, table, place, "section", Section)
    measured = reading.text(table, place, "measured") if "measured" in table else ""
    unit, low, high = None, None, None
    if kind is FactKind.NUMBER:
        unit = choice(reading, table, place, "unit", Unit)
        low, high = _range(reading, table, place)
    else:
        _absent(reading, table, place, ("unit", "range"), "numbers")
    choices: Mapping[str, Mapping[str, str]] = {}
    if kind is FactKind.CHOICE:
        given = reading.table(table, place, "choices")
        if len(given) < 2:
            reading.wrong(f"{place}.choices", table.get("choices"), "two choices or more")
        choices = {value: both(reading, given, f"{place}.choices", value) for value in given}
    else:
        _absent(reading, table, place, ("choices",), "choices")
    if section is Section.MEASURED and not measured:
        reading.wrong(f"{place}.measured", None, "a text: its section says that it is measured")
    if kind is None or segment is None or section is None:
        return None
    return FactDefinition(
        key=key,
        kind=kind,
        unit=unit,
        names=names,
        segment=segment,
        section=section,
        choices=choices,
        low=low,
        high=high,
        measured=measured,
    )


def _range(reading: Reading, table: Table, place: str) -> tuple[float | None, float | None]:
    found = table.get("range")
    if isinstance(found, list) and len(found) == 2:
        low, high = (number_of(one) for one in found)
        if low is not None and high is not None and low < high:
            return low, high
    reading.wrong(f"{place}.range", found, "the least and the greatest number, such as [0, 1]")
    return None, None


def _absent(
    reading: Reading, table: Table, place: str, keys: tuple[str, ...], only_of: str
) -> None:
    for key in keys:
        if key in table:
            reading.wrong(f"{place}.{key}", table[key], f"nothing: only {only_of} have it")
