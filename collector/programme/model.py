"""The words of the assessment programme, as the store keeps them.

The programme is what a board of education plans under 'ネットワーク整備計画': problems are
identified on site at sample schools (サンプル校の現地アセスメント), carried over to all others by
desk survey (机上調査), then improved school by school.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

Value = float | bool | str
"""What a fact may be: a number in the unit of its key, yes or no, one of its choices or a text."""


class Grade(StrEnum):
    """Grade of evidence, the strongest first."""

    AGENT = "agent"  # 測定
    """Measured by the agent in the school."""
    ON_SITE = "on_site"  # 現地
    """Seen by a person at the school."""
    DESK = "desk"  # 机上
    """From papers: contracts, inventories, what is known of schools like it."""


class State(StrEnum):
    """How far a school is in the programme, in this order."""

    NOT_STARTED = "not_started"  # 未着手
    INVESTIGATING = "investigating"  # 調査中
    IDENTIFIED = "identified"  # 特定済
    IMPROVING = "improving"  # 改善中
    COMPLETE = "complete"  # 完了

    @property
    def identifies(self) -> bool:
        """Whether the school's problems are identified by then (課題特定)."""
        return self in (State.IDENTIFIED, State.IMPROVING, State.COMPLETE)


class Decision(StrEnum):
    """What a person said of a finding at a school."""

    CONFIRMED = "confirmed"  # 確認
    REJECTED = "rejected"  # 否定
    RESOLVED = "resolved"  # 解消


class MeasureState(StrEnum):
    """How far a measure at a school is."""

    PLANNED = "planned"  # 予定
    ORDERED = "ordered"  # 発注済
    DONE = "done"  # 実施済
    CANCELLED = "cancelled"  # 中止


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known of a school's network. ``key`` is one of the catalogue of facts."""

    school_code: str
    key: str
    grade: Grade
    value: Value
    source: str
    """Where it is from: a document, a person, a span of measurements."""
    noted_on: date
    noted_by: str
    """``operator:NAME``, ``cli:USER`` or ``collector`` for what is measured."""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a school is, since when, and who works on it."""

    school_code: str
    state: State
    since_on: date
    planned_on: date | None
    """When the assessment is to be done."""
    assessor: str
    note: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """One change of a school's progress; ``progress.version`` counts them."""

    progress: Progress
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A finding at a school that a person decided."""

    school_code: str
    finding_id: str
    decision: Decision
    grade: Grade
    evidence: str
    decided_on: date
    decided_by: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedEvent:
    """One decision, as it was made."""

    decided: Decided
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A measure at a school, with its schedule and cost."""

    assignment_id: str
    school_code: str
    measure_id: str
    state: MeasureState
    planned_on: date | None
    done_on: date | None
    cost_yen: int | None
    subsidy_yen: int | None
    findings: tuple[str, ...]
    """The findings it answers."""
    note: str
    version: int = 0


class EditedMeanwhile(Exception):
    """Someone else changed the row since it was read; nothing was kept.

    ``expected`` and ``found`` are versions; 0: there is none. Read again, then change.
    """

    def __init__(self, what: str, expected: int, found: int) -> None:
        self.what = what
        self.expected = expected
        self.found = found
        super().__init__(
            f"{what} was changed by someone else meanwhile (version {found}, yours was "
            f"{expected}): nothing was kept; read it again, then change it"
        )
