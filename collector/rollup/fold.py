"""Buckets of roll-ups from raw results, and days from hours. Pure.

An hour keeps all values of its results in order (8 bytes each, where the raw record has about a
thousand), so medians of hours and of days are exact, not estimates. Sums are exact sums rounded
once (``math.fsum``), so they depend neither on the order of arrival nor on the way of adding.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any, Final, NamedTuple

import msgspec

from collector.rollup.figures import FIGURES, IN_COLUMNS

HOUR: Final = 3_600_000_000
"""Microseconds. Hours of Japan and of UTC begin together."""
DAY: Final = 24 * HOUR
TOKYO: Final = 9 * HOUR
MAX_SERIES: Final = 32
"""Targets of one probe in one hour that are kept apart; what lies beyond counts together."""
OTHERS: Final = "(others)"
GREATEST: Final = 1e18
"""Values beyond it are nobody's measurement and would make sums infinite: counted only."""
OUTCOMES: Final = ("ok", "failed", "deferred", "invalid")


class Series(NamedTuple):
    """What is rolled up together."""

    probe: str
    target: str
    segment: str
    simulated: int


class Raw(NamedTuple):
    """What a roll-up needs of one result."""

    probe: str
    target: str
    segment: str | None
    simulated: int
    outcome: str
    download_bps: float | None
    upload_bps: float | None
    record: bytes | None
    """None where nothing in it is asked for."""


@dataclass(slots=True)
class Bucket:
    """Results of one series in one hour or day."""

    counts: list[int] = field(default_factory=lambda: [0] * len(OUTCOMES))
    """By outcome, in the order of :data:`OUTCOMES`."""
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By name, ascending once folded."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of the values of one name; ``ordered`` are all of them, ascending."""

    count: int
    total: float
    minimum: float
    maximum: float
    median: float
    ordered: tuple[float, ...]


class _Record(msgspec.Struct):
    values: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


_decode: Final = msgspec.json.Decoder(_Record).decode


def hour_of(micros: int) -> int:
    """Start of the hour, in microseconds since 1970 UTC."""
    return micros - micros % HOUR


def day_of(micros: int) -> int:
    """Start of the day of Japan, in microseconds since 1970 UTC."""
    return micros - (micros + TOKYO) % DAY


def fold_hour(results: Iterable[Raw]) -> dict[Series, Bucket]:
    """Fold the results of one school in one hour."""
    found: dict[Series, Bucket] = {}
    for raw in results:
        series = Series(raw.probe, raw.target, raw.segment or "", int(raw.simulated))
        bucket = found.get(series)
        if bucket is None:
            bucket = found[series] = Bucket()
        bucket.counts[OUTCOMES.index(raw.outcome)] += 1
        if raw.outcome == "ok":
            for name, value in _values(raw):
                bucket.values[name].append(value)
    return _ordered(_bounded(found))


def fold_day(hours: Iterable[tuple[Series, Bucket]]) -> dict[Series, Bucket]:
    """Fold the hours of one school on one day."""
    found: dict[Series, Bucket] = {}
    for series, bucket in hours:
        _add(found.setdefault(series, Bucket()), bucket)
    return _ordered(found)


def summary(ordered: list[float]) -> Summary:
    """Summarise values that are in ascending order; there is at least one."""
    count = len(ordered)
    middle = count // 2
    median = ordered[middle] if count % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Summary(count, fsum(ordered), ordered[0], ordered[-1], median, tuple(ordered))


def pack(ordered: Iterable[float]) -> bytes:
    """Write values for the column ``ordered``: doubles, least significant byte first."""
    values = tuple(ordered)
    return struct.pack(f"<{len(values)}d", *values)


def unpack(packed: bytes) -> list[float]:
    """Read :func:`pack`."""
    return list(struct.unpack(f"<{len(packed) // 8}d", packed))


def _values(raw: Raw) -> list[tuple[str, float]]:
    names = FIGURES.get(raw.probe, ())
    found = [
        (name, value)
        for name, value in (("download_bps", raw.download_bps), ("upload_bps", raw.upload_bps))
        if value is not None and name in names and -GREATEST <= value <= GREATEST
    ]
    if raw.record is not None and any(name not in IN_COLUMNS for name in names):
        held = _held(raw.record)
        for name in names:
            other: Any = held.get(name)
            if (
                name not in IN_COLUMNS
                and type(other) in (int, float)
                and -GREATEST <= other <= GREATEST  # not NaN either
            ):
                found.append((name, float(other)))
    return found


def _held(record: bytes) -> Mapping[str, Any]:
    try:
        values = _decode(record).values
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}  # what only the slow codec can read is counted, without its values
    return {} if isinstance(values, msgspec.UnsetType) else values


def _bounded(found: dict[Series, Bucket]) -> dict[Series, Bucket]:
    """Keep the busiest series of each probe; the rest together. Many targets make no many rows."""
    if len(found) <= MAX_SERIES:
        return found
    by_probe: dict[tuple[str, int], list[Series]] = defaultdict(list)
    for series in found:
        by_probe[series.probe, series.simulated].append(series)
    kept: dict[Series, Bucket] = {}
    for (probe, simulated), every in by_probe.items():
        every.sort(key=lambda one: (-sum(found[one].counts), one.target, one.segment))
        for series in every[:MAX_SERIES]:
            kept[series] = found[series]
        for series in every[MAX_SERIES:]:
            rest = Series(probe, OTHERS, "", simulated)
            _add(kept.setdefault(rest, Bucket()), found[series])
    return kept


def _add(into: Bucket, bucket: Bucket) -> None:
    into.counts = [one + more for one, more in zip(into.counts, bucket.counts, strict=True)]
    for name, values in bucket.values.items():
        into.values[name].extend(values)


def _ordered(found: dict[Series, Bucket]) -> dict[Series, Bucket]:
    for bucket in found.values():
        for values in bucket.values.values():
            values.sort()
    return found
