"""What cause finding is given and what it answers. Data.

A cause is named by the id of a finding (configs/programme/findings.toml), which has its names,
segment, owner and measures; the desk survey infers findings from facts of a whole city, cause
finding from one school's own measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from wire.measurement import Measurement


class Certainty(StrEnum):
    """How sure a cause is, in words; the bounds are those of the calibration (docs/causes.md)."""

    NAMED = "named"  # 原因
    """The evidence suffices to name it."""
    SUSPECTED = "suspected"  # 疑い
    """Something points there; ``confirm`` says what would decide."""
    PAST = "past"  # 過去
    """It was named or suspected, and could be seen in the latest days but was not."""


class Strength(StrEnum):
    """What kind of evidence a cause rests on; the calibration counts each kind apart."""

    TOLD = "told"
    """A device or a probe says it outright, more than once."""
    INFERRED = "inferred"
    """It follows from figures that were compared."""
    POINTED = "pointed"
    """Something points there and no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolRecord:
    """What is known of a school beside its measurements. None: not known."""

    code: str
    required_bps: float | None = None
    contract_bps: float | None = None
    line_kind: str | None = None
    """A choice of the fact ``line.kind``."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Further facts by their key (configs/programme/facts.toml), the strongest grade of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that cause finding looks at: one school, some weeks."""

    school: SchoolRecord
    measurements: Sequence[Measurement]
    """Of this school's agents, oldest first, of every outcome. Those of clocks that the collector
    does not believe are not in it; those whose agent knows its clock to be wrong are left out."""
    simulated: bool = False
    """Which results count: measured ones, or those of a simulator. Never both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One piece of evidence for or against a cause."""

    what: str
    """Key of its sentence in the texts (Japanese, English)."""
    figures: Mapping[str, float | bool | str]
    """What the sentence is filled with; units in the names."""
    speaks_for: bool
    result_ids: tuple[str, ...]
    """The measurements that it rests on, the newest first, at most 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause at one school."""

    finding_id: str
    segment: str
    """One of collector.programme.words.Segment; where it was seen."""
    place: str | None
    """Device and port, hop or address inside it, where known; infrastructure only."""
    owner: str
    certainty: Certainty
    strength: Strength
    confidence: float
    """Share of such answers that were right in the calibration, 0 to 1."""
    confidence_count: int
    """How many answers that share is of; 0: nothing was counted and it is an assumption."""
    observed: Sequence[Observed]
    confirm: tuple[str, ...]
    """Keys of sentences: what would confirm or refute it."""
    measures: tuple[str, ...]
    """Ids of measures that answer it."""
    last_seen: date | None
    """Day of the newest evidence of the latest days in which it was found; None: not known."""
    explains: tuple[str, ...]
    """Findings that are symptoms of this one here and are therefore not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """The answer for one school."""

    causes: Sequence[Cause]
    """The surest first, past ones last; empty where nothing is wrong or nothing can be told."""
    looked_at: Mapping[str, bool]
    """By finding: True where there was evidence to judge it by, False where it cannot be told."""
