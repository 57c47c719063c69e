"""Results as samples: names, labels, times. Pure.

A sample has the time at which its measurement began, by the appliance's clock. A result from a
clock that was wrong is not written: one sample in the future makes Prometheus refuse everybody's
samples of now, and one of 1970 would stand in no hour that happened.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from collector.export.protobuf import Labels, Point
from collector.store.times import BEFORE_ARRIVAL, MICROSECOND

AHEAD_SECONDS: Final = 60.0
"""A result dated so little after its arrival is written under its arrival; later ones are not."""
MAX_FIELDS: Final = 64
"""Values of one result; an agent that makes up names makes series of its own school only."""
CONTEXT: Final = ("cross_traffic_during_bps", "clock_offset_seconds", "cpu_utilisation_ratio")
"""What else was so meanwhile, where it is worth a series."""
LIVE_SECONDS: Final = 300.0
"""A result that arrives so soon after its end says how things are; a later one is history."""
LIVE: Final = frozenset(
    {
        ("dns", "first_median_seconds"),
        ("latency", "loss_ratio"),
        ("latency", "rtt_median_seconds"),
        ("snmp", "cpu_max_ratio"),
        ("snmp", "port_error_max_ratio"),
        ("snmp", "ports_half_duplex_count"),
        ("snmp", "sessions_max_ratio"),
    }
)
"""Values that alerts go by: they are written once more, under a name that history never gets."""
PREFIX: Final = "hakaru"
FUTURE: Final = "dated in the future"
PAST: Final = "dated long before its arrival"
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A stored result; times in microseconds since 1970 UTC."""

    received_at: int
    agent_id: str
    result_id: str
    school_code: str
    started_at: int
    outcome: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series at one moment."""

    labels: Labels
    point: Point


@dataclass(slots=True)
class Made:
    """Samples in ascending order of time, and how many results gave none, by reason."""

    samples: list[Sample] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


class _Record(msgspec.Struct):
    probe: str
    target: str = ""
    segment: str | None = None
    duration_seconds: float | None = None
    simulated: bool = False
    values: dict[str, object] = {}
    context: dict[str, object] = {}


_decode: Final = msgspec.json.Decoder(_Record).decode


def samples_of(results: Iterable[Arrived]) -> Made:
    """Make the samples of some results."""
    made = Made()
    for result in results:
        moment = moment_of(result)
        if isinstance(moment, str):
            made.skipped[moment] += 1
            continue
        try:
            record = _decode(result.record)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            made.skipped[UNREADABLE] += 1
            continue
        for name, value in _values(result, record).items():
            made.samples.append(Sample(_labels(name, result, record), (moment, value)))
    made.samples.sort(key=lambda sample: sample.point[0])
    return made


def moment_of(result: Arrived) -> int | str:
    """Milliseconds since 1970 UTC to write a result under, or the reason why it is not written."""
    ahead = result.started_at - result.received_at
    if ahead > AHEAD_SECONDS * 1e6:
        return FUTURE
    if -ahead > BEFORE_ARRIVAL // MICROSECOND or result.started_at < 0:
        return PAST
    return min(result.started_at, result.received_at) // 1000


def by_series(samples: Iterable[Sample]) -> Mapping[Labels, Sequence[Point]]:
    """Group by series, ascending, one value for each moment (the last)."""
    grouped: defaultdict[Labels, dict[int, float]] = defaultdict(dict)
    for sample in samples:
        grouped[sample.labels][sample.point[0]] = sample.point[1]
    return {labels: sorted(points.items()) for labels, points in grouped.items()}


def _values(result: Arrived, record: _Record) -> dict[str, float]:
    """Series name and value. What failed has no values, only that it failed."""
    found: dict[str, float] = {}
    is_live = _is_live(result, record)
    if result.outcome == "ok":
        for name, value in record.values.items():
            if len(found) < MAX_FIELDS and (number := _number(value)) is not None:
                found[f"{PREFIX}_{record.probe}_{name}"] = number
                if is_live and (record.probe, name) in LIVE:
                    found[f"{PREFIX}_live_{record.probe}_{name}"] = number
        for name in CONTEXT:
            if (number := _number(record.context.get(name))) is not None:
                found[f"{PREFIX}_{record.probe}_{name}"] = number
    if result.outcome != "deferred":  # one that was not tried says nothing of the network
        found[f"{PREFIX}_result_ok"] = float(result.outcome == "ok")
        if is_live:
            found[f"{PREFIX}_live_result_ok"] = float(result.outcome == "ok")
        if record.duration_seconds is not None:
            found[f"{PREFIX}_result_duration_seconds"] = record.duration_seconds
    return found


def _is_live(result: Arrived, record: _Record) -> bool:
    """Whether it arrived as soon as it could; one from a clock that is off is not."""
    took = record.duration_seconds or 0.0
    waited = (result.received_at - result.started_at) / 1e6 - took
    return -took - AHEAD_SECONDS <= waited <= LIVE_SECONDS


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _labels(name: str, result: Arrived, record: _Record) -> Labels:
    labels = [
        ("__name__", name),
        ("agent", result.agent_id),
        ("probe", record.probe),
        ("school", result.school_code),
    ]
    if record.segment:
        labels.append(("segment", record.segment))
    if record.simulated:
        labels.append(("simulated", "true"))
    if record.target:
        labels.append(("target", record.target))
    return tuple(labels)
