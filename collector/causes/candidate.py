"""What a rule answers: whether it could look, and what it found. Data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from collector.causes.model import Observed, Strength
from collector.causes.seen import ALL_HOURS, Part, Result, ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One cause that a rule found, before one explains another."""

    finding_id: str
    strength: Strength
    observed: tuple[Observed, ...]
    segment: str | None = None
    """Where it was seen; None: where the catalogue says."""
    place: str | None = None
    ports: frozenset[tuple[str, str]] = frozenset()
    """(address, port) that it concerns, both ends of a link where both are known."""
    hours: frozenset[Part] = ALL_HOURS
    """Parts of the day in which it is seen."""
    confirm: tuple[str, ...] = ()
    past: bool = False
    """It could be seen in the latest days and was not (collector.causes.lately)."""
    last_seen: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one rule says of one finding."""

    finding_id: str
    looked_at: bool
    candidates: Sequence[Candidate] = field(default_factory=tuple)


def unseen(finding_id: str) -> Answer:
    """There was nothing to judge by."""
    return Answer(finding_id=finding_id, looked_at=False)


def clear(finding_id: str) -> Answer:
    """It was looked at, and nothing was found."""
    return Answer(finding_id=finding_id, looked_at=True)


def found(*candidates: Candidate) -> Answer:
    """It was found, once or in several places."""
    return Answer(finding_id=candidates[0].finding_id, looked_at=True, candidates=tuple(candidates))


def observed(what: str, results: Iterable[Result], **figures: float | bool | str) -> Observed:
    """Make one piece of evidence for a cause."""
    return Observed(what=what, figures=figures, speaks_for=True, result_ids=ids(results))
