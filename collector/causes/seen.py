"""The evidence of one school, sorted: which results count, of which hours, of which device. Pure.

What does not count: results of an agent that knows its clock to be wrong, of the other kind of
simulated, deferred and invalid ones. A failed one counts as a failure and never as a figure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from collector.causes.model import Evidence, SchoolRecord
from collector.causes.rules_file import Numbers, Rules
from collector.judge.calendar import Calendar, Window
from collector.judge.week import local
from wire.failure import Outcome
from wire.measurement import Measurement

NOON: Final = time(12)
BESIDE: Final = ("lan", "loopback")
"""Segments of tests that do not leave the school."""
MOST_IDS: Final = 10


class Part(StrEnum):
    """Part of a school day."""

    LESSON = "lesson"
    MORNING = "morning"
    """Quiet, before pupils come."""
    EVENING = "evening"
    """Quiet, after they left."""
    OTHER = "other"
    """Between, or no school day."""


QUIET: Final = frozenset({Part.MORNING, Part.EVENING})
ALL_HOURS: Final = frozenset(Part)


@dataclass(frozen=True, slots=True)
class Result:
    """One result that counts, with when it was."""

    made: Measurement
    day: date
    part: Part

    @property
    def ok(self) -> bool:
        """It has values to judge by."""
        return self.made.outcome is Outcome.OK

    def number(self, name: str) -> float | None:
        """A value that is a number; None where it was not measured."""
        return number(self.made.values.get(name))


@dataclass(frozen=True, slots=True)
class Run:
    """Download of a throughput test that left the school, bit/s."""

    result: Result
    left_bps: float
    """What the test got."""
    cross_bps: float | None
    """What others had meanwhile; None: not read."""

    @property
    def whole_bps(self) -> float:
        """What crossed the line, as far as known."""
        return self.left_bps + (self.cross_bps or 0.0)


class Seen:
    """All of it, by probe."""

    def __init__(self, evidence: Evidence, calendar: Calendar, rules: Rules) -> None:
        self.school: SchoolRecord = evidence.school
        self.number: Numbers = rules.number
        self._by_probe: dict[str, list[Result]] = {}
        for made in sorted(evidence.measurements, key=lambda one: (one.started_at, one.result_id)):
            if _counts(made, simulated=evidence.simulated):
                found = Result(made, local(made.started_at).date(), part_of(made, calendar))
                self._by_probe.setdefault(made.probe, []).append(found)
        self.runs = [one for one in map(_run, self.good("throughput", beside=False)) if one]

    def tried(self, *probes: str) -> list[Result]:
        """Good and failed results of probes, oldest first within each."""
        return [one for probe in probes for one in self._by_probe.get(probe, ())]

    def good(self, probe: str, *, beside: bool | None = None) -> list[Result]:
        """Good results of a probe; ``beside``: only tests inside the school, or none of them."""
        return [
            one
            for one in self.tried(probe)
            if one.ok and (beside is None or (one.made.segment in BESIDE) is beside)
        ]

    def far_runs(self) -> list[Run]:
        """Throughput tests that go furthest: not those to the centre where others go beyond."""
        beyond = [one for one in self.runs if one.result.made.segment != "centre"]
        return beyond or self.runs

    def centre_runs(self) -> list[Run]:
        """Throughput tests to the centre, where tests beyond it exist too."""
        centre = [one for one in self.runs if one.result.made.segment == "centre"]
        return centre if len(centre) < len(self.runs) else []

    def context(self, name: str) -> object:
        """The newest context of that name, of any good or failed throughput test."""
        for one in reversed(self.tried("throughput")):
            if name in one.made.context:
                return one.made.context[name]
        return None


def part_of(made: Measurement, calendar: Calendar) -> Part:
    """Say which part of a school day a result is of."""
    window = calendar.classify(made.started_at)
    if window is Window.LESSON:
        return Part.LESSON
    if window is not Window.QUIET:
        return Part.OTHER
    return Part.MORNING if local(made.started_at).time() < NOON else Part.EVENING


def of_parts(runs: Iterable[Run], *parts: Part) -> list[Run]:
    """Runs of these parts of the day."""
    return [one for one in runs if one.result.part in parts]


def number(value: object) -> float | None:
    """A number of a record; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def middle(values: Iterable[float | None], fewest: int) -> float | None:
    """Median of those that are known; None where they are fewer."""
    known = [value for value in values if value is not None]
    return median(known) if len(known) >= max(1, fewest) else None


def ratio(above: float | None, below: float | None) -> float | None:
    """A quotient; None where one part is missing or the lower is 0."""
    return None if above is None or below is None or below <= 0 else above / below


def ids(results: Iterable[Result]) -> tuple[str, ...]:
    """Ids of results, the newest first, at most :data:`MOST_IDS`."""
    ordered = sorted(results, key=lambda one: one.made.started_at, reverse=True)
    return tuple(dict.fromkeys(one.made.result_id for one in ordered))[:MOST_IDS]


def days(results: Iterable[Result]) -> int:
    """On how many days they were."""
    return len({one.day for one in results})


def parts(results: Iterable[Result]) -> frozenset[Part]:
    """In which parts of the day they were."""
    return frozenset(one.part for one in results)


def rows(made: Measurement, name: str) -> list[Mapping[str, Any]]:
    """A list of tables in the values; empty where it is missing."""
    found = made.values.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def phase(one: Result, name: str) -> float | None:
    """A time of a page over IPv4, else over IPv6."""
    found = one.number(f"v4_{name}")
    return found if found is not None else one.number(f"v6_{name}")


def host_of(target: str) -> str:
    """Host of a target in any of its forms: HOST, HOST:PORT, [IPv6]:PORT, URL."""
    if "://" in target:
        return urlsplit(target).hostname or target
    if target.startswith("["):
        return target[1:].partition("]")[0]
    return target.partition(":")[0] if target.count(":") == 1 else target


def moment(result: Result) -> tuple[datetime, datetime]:
    """When a result began and ended."""
    made = result.made
    return made.started_at, made.started_at + _length(made)


def _length(made: Measurement) -> timedelta:
    return timedelta(seconds=made.duration_seconds)


def _counts(made: Measurement, *, simulated: bool) -> bool:
    if made.simulated is not simulated or made.context.get("clock_state") == "wrong":
        return False
    return made.outcome in (Outcome.OK, Outcome.FAILED)


def _run(result: Result) -> Run | None:
    down = result.number("download_bps")
    if down is None:
        return None
    cross = number(result.made.context.get("cross_traffic_during_bps"))
    return Run(result, down, cross)
