"""What a report says of the programme: progress, findings, measures and what they did.

Speeds are whole bit/s; None is 'not known', never 0.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from collector.programme.model import Decision, Grade, MeasureState


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """How much is planned for a month (``2026-07``)."""

    month: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """How far the assessment is."""

    deadline: date | None
    """The day by which all problems are to be identified."""
    days_left: int | None
    """Negative: overdue by so many days."""
    sample: int
    sample_identified: int
    desk: int
    desk_identified: int
    states: dict[str, int]
    """Schools by state, every state."""
    identification: tuple[Month, ...]
    """Schools not identified yet, by the month their assessment is planned in."""
    unplanned: int
    improvement: tuple[Month, ...]
    """Measures not done yet, by the month they are planned in."""
    improvement_unplanned: int
    improved_schools: int
    """Schools where a measure is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """One finding over the city, with what people plan against it."""

    finding_id: str
    names: dict[str, str]
    """By language; empty where the catalogue does not know it."""
    segment: str
    owner: str
    confirmed: tuple[str, ...]
    """Codes of the schools where it stands confirmed."""
    likely: int | None
    """Schools where the desk survey says likely and nobody has decided; None: not asked."""
    measures: tuple[str, ...]
    """Ids of measures assigned against it."""
    planned_schools: int
    """Schools with it where such a measure is planned, ordered or done."""
    first_on: date | None
    last_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingEvent:
    """A finding that was confirmed or resolved this week, or rejected after it was confirmed."""

    school_code: str
    finding_id: str
    names: dict[str, str]
    """By language."""
    decision: Decision
    grade: Grade
    decided_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """Findings that were looked at this week and are not there: counted, not listed."""

    findings: int
    schools: int


class Effect(StrEnum):
    """What the school's own measurements say of a measure: see programme.before_after."""

    IMPROVED = "improved"
    """The interval of the shift lies above 0."""
    NOT_IMPROVED = "not_improved"
    """Even its upper end is below what would matter."""
    CANNOT_TELL = "cannot_tell"
    WAITING = "waiting"
    """Not done yet, or too few school days have been measured since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Quiet hours before and after a measure, as far as the report's week goes."""

    days_before: int
    days_after: int
    runs_before: int
    runs_after: int
    before_bps: int | None
    after_bps: int | None
    """Medians of school days."""
    shift_bps: int | None
    low_bps: int | None
    high_bps: int | None
    """Ends of the 95 % interval of the shift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLine:
    """A measure at a school and what became of it."""

    assignment_id: str
    school_code: str
    measure_id: str
    names: dict[str, str]
    state: MeasureState
    planned_on: date | None
    done_on: date | None
    cost_yen: int | None
    subsidy_yen: int | None
    findings: tuple[str, ...]
    effect: Effect
    compared: Comparison | None
    """None: it is not done, or not by the end of the week."""
