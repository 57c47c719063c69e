"""How sure a cause is: the share of such answers that were right in the benchmark. Data.

The confidence is the lower end of Wilson's 95 % interval for a share (E. B. Wilson, 1927), so few
answers make no great confidence. Where fewer than :data:`FEWEST` were counted, the file's
assumption stands, and a cause says that it rests on no count. Faults planted in a network and in
device data are counted apart and then taken together: each shows what the other cannot.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from math import sqrt
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from collector import resources
from collector.causes.model import Strength
from collector.judge.reading import Reading, parse_toml, read_bytes
from collector.programme.findings_catalogue import load_findings

Z: Final = 1.959964
"""Of a two-sided interval of 95 %."""
FEWEST: Final = 10
"""Answers from which on a count stands for itself."""
MOST: Final = 10_000_000


class Group(StrEnum):
    """Where truth was planted."""

    NETWORK = "network"
    """In network namespaces, measured by the agent."""
    DEVICE_DATA = "device_data"
    """In what devices and probes say."""


Key = tuple[str, Strength]


@dataclass(frozen=True, slots=True)
class Count:
    """Answers of one kind."""

    right: int
    said: int

    def lower(self) -> float:
        """Lower end of Wilson's interval for the share that is right; 0 of nothing."""
        if not self.said:
            return 0.0
        share, square = self.right / self.said, Z * Z
        middle = share + square / (2 * self.said)
        width = Z * sqrt(share * (1 - share) / self.said + square / (4 * self.said**2))
        return max(0.0, (middle - width) / (1 + square / self.said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Counts by finding and strength."""

    version: str
    source: Mapping[Group, str]
    """Which runs were counted, of each group."""
    named_from: float
    """From this confidence on a cause is named, below it is a suspicion."""
    assumed: Mapping[Strength, float]
    counts: Mapping[Key, Mapping[Group, Count]]

    def counted(self, finding_id: str, strength: Strength) -> Count:
        """Of all groups together."""
        of = self.counts.get((finding_id, strength), {}).values()
        return Count(sum(one.right for one in of), sum(one.said for one in of))

    def count(self, finding_id: str, strength: Strength) -> int:
        """How many answers the confidence rests on; 0: it is assumed."""
        said = self.counted(finding_id, strength).said
        return said if said >= FEWEST else 0

    def confidence(self, finding_id: str, strength: Strength) -> float:
        """Share that was right, its lower end; the assumption where too few were counted."""
        if not self.count(finding_id, strength):
            return self.assumed[strength]
        return self.counted(finding_id, strength).lower()


@cache
def default_calibration() -> Calibration:
    """Give the packaged one. Raises ConfigRefused where it is broken."""
    return load_calibration(default_path(), load_findings())


def default_path() -> Path:
    """Where the packaged one is."""
    return resources.configs_folder() / "causes" / "calibration.toml"


def load_calibration(path: Path, findings: Iterable[str]) -> Calibration:
    """Read it; ``findings`` are the ids that may stand in it. Raises ConfigRefused."""
    return parse_calibration(read_bytes(path), str(path), findings)


def parse_calibration(raw: bytes, file: str, findings: Iterable[str]) -> Calibration:
    """Read it; ``file`` names it in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("version", "source", "named_from", "assumed", "count"))
    version = reading.text(document, "", "version")
    sources = reading.table(document, "", "source")
    reading.only(sources, "source", tuple(Group))
    source = {group: reading.text(sources, "source", group) for group in Group}
    named_from = _share(reading, document, "named_from", "named_from")
    table = reading.table(document, "", "assumed")
    reading.only(table, "assumed", tuple(Strength))
    assumed = {
        strength: _share(reading, table, strength, f"assumed.{strength}") for strength in Strength
    }
    counts = _counts(reading, reading.table(document, "", "count"), tuple(findings))
    reading.refuse_if_wrong()
    return Calibration(
        version=version,
        source=MappingProxyType(source),
        named_from=named_from,
        assumed=MappingProxyType(assumed),
        counts=MappingProxyType(counts),
    )


def _share(reading: Reading, table: Mapping[str, Any], key: str, place: str) -> float:
    found = table.get(key)
    if isinstance(found, int | Decimal) and not isinstance(found, bool) and 0 <= found <= 1:
        return float(found)
    reading.wrong(place, found, "a share from 0 to 1")
    return 0.0


def _counts(
    reading: Reading, tables: Mapping[str, Any], findings: tuple[str, ...]
) -> dict[Key, dict[Group, Count]]:
    """Counts by finding and strength, of each group apart."""
    reading.only(tables, "count", tuple(Group))
    found: dict[Key, dict[Group, Count]] = {}
    for group in (one for one in Group if one in tables):
        of = reading.table(tables, "count", group)
        reading.only(of, f"count.{group}", findings)
        for finding_id in of:
            for strength, count in _of_finding(reading, of, f"count.{group}", finding_id):
                found.setdefault((finding_id, strength), {})[group] = count
    return found


def _of_finding(
    reading: Reading, tables: Mapping[str, Any], place: str, finding_id: str
) -> Iterator[tuple[Strength, Count]]:
    here = f"{place}.{finding_id}"
    strengths = reading.table(tables, place, finding_id)
    reading.only(strengths, here, tuple(Strength))
    for strength in (one for one in Strength if one in strengths):
        both = reading.table(strengths, here, strength)
        within = f"{here}.{strength}"
        reading.only(both, within, ("right", "said"))
        said = reading.whole(both, within, "said", 1, MOST)
        right = reading.whole(both, within, "right", 0, said or MOST)
        if said is not None and right is not None:
            yield strength, Count(right, said)
