"""The Measurement: one immutable record of one attempt to measure, successful or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from wire.failure import Failure, Outcome
from wire.version import SCHEMA_VERSION

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Fields = Mapping[str, Json]

NOTHING: Final[Fields] = MappingProxyType({})


def nothing() -> Fields:
    """Give the empty fields; a factory, since Python 3.11 takes no mappingproxy as default."""
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One attempt to measure.

    A value that was not measured is absent from ``values``; it is never 0 and never null.
    ``outcome`` other than ``ok`` always carries a ``failure``; what was measured before it
    failed may still stand in ``values`` as partial and is never judged.
    """

    result_id: str
    """UUIDv7, given when the result is accepted into the spool."""
    agent_id: str
    """UUID of the measurement agent; the nil UUID before enrolment."""
    stream: str
    """UUID made with each new spool; (stream, seq) is for counting gaps."""
    seq: int
    """Position in the stream, from 1 without gaps."""
    probe: str
    """Name in the registry of probes, for example ``throughput``."""
    target: str
    """Far end as configured: HOST, HOST:PORT or URL; data, never a shell word."""
    segment: str | None = None
    """Part of the path this measures: ``loopback lan line centre internet`` or None."""
    started_at: datetime
    """Wall clock at the start, aware, UTC."""
    boot_id: str
    """Kernel's boot id, so that ``monotonic_start_seconds`` can be placed."""
    monotonic_start_seconds: float
    """Monotonic clock of that boot at the start."""
    duration_seconds: float
    """By the monotonic clock."""
    outcome: Outcome
    failure: Failure | None = None
    values: Fields = field(default_factory=nothing)
    """What was measured; units are in the names (:mod:`wire.units`)."""
    context: Fields = field(default_factory=nothing)
    """What else was so meanwhile: cross traffic, link, CPU, clock, version."""
    confidence: Fields | None = None
    """How sure the values are: statistic, number of windows, relative half width."""
    simulated: bool = False
    """Made up by a simulator. Never counted among measured results."""
    schema_version: int = SCHEMA_VERSION
    extra: Fields = field(default_factory=nothing, repr=False)
    """Top-level fields this release does not know; kept and written back."""

    def __post_init__(self) -> None:
        if self.started_at.utcoffset() is None:
            raise ValueError("started_at must be aware: attach a timezone (UTC)")
        if (self.outcome is Outcome.OK) == (self.failure is not None):
            raise ValueError("a failure belongs to every outcome but ok, and to no ok")
