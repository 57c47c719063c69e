"""The figures of one week's report, in no language: what every format is made of.

Speeds are whole bit/s, moments are UTC, days are of Japan. None is 'not measured' or 'not
known', never 0. The same data give the same document, but for ``stated_at`` and how agents are
at that moment.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from collector.judge.model import Figure, Reason, Status
from collector.programme.model import Decision, Grade, MeasureState, State
from collector.views import AgentHealth

SCHEMA_VERSION: Final = 1
_OF_THE_MOMENT: Final = ("stated_at", "revision", "agents", "differences")
"""Fields that change though no figure of the week does."""


class OddKind(StrEnum):
    """Why a school's line cannot be taken as it stands."""

    NAME_CLEANED = "name_cleaned"
    """Its name held control characters, directions of writing or was too long."""
    FIGURE_NOT_A_NUMBER = "figure_not_a_number"
    VERDICT_MISSING = "verdict_missing"
    PUPILS_UNUSABLE = "pupils_unusable"
    UNREADABLE = "unreadable"
    """Something else of its data could not be read; ``found`` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """Something odd about a school's data; its line says so and the report goes on."""

    kind: OddKind
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureLine:
    """One figure of one school in the week."""

    status: Status
    reasons: tuple[Reason, ...]
    runs: int
    failed_runs: int
    days: int
    school_days: int
    median_bps: int | None
    low_bps: int | None
    """Ends of the 95 % interval of the median."""
    high_bps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolLine:
    """One school."""

    code: str
    name: str
    kind: str
    region: str
    band: str
    pupils: int | None
    line: str
    contracted_bps: int | None
    sample: bool
    aggregation_group: str
    required_bps: int | None
    upper_bps: int | None
    """Above ``required_bps`` where the published table leaves an interval."""
    baseline_met: bool | None
    quiet: FigureLine
    lesson: FigureLine
    quiet_before: Status | None
    """The verdict of the week before."""
    state: State
    planned_on: date | None
    """When its assessment is planned."""
    findings: tuple[str, ...]
    """Ids of the findings that stand confirmed."""
    odd: tuple[Odd, ...]

    @property
    def margin_bps(self) -> int | None:
        """Median outside lessons less the required speed."""
        if self.quiet.median_bps is None or self.required_bps is None:
            return None
        return self.quiet.median_bps - self.required_bps

    def figure(self, figure: Figure) -> FigureLine:
        """Give one of the two figures."""
        return self.quiet if figure is Figure.QUIET else self.lesson


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some schools; met, not met and undetermined (outside lessons) add up to ``schools``."""

    label: str
    schools: int
    pupils: int
    met: int
    not_met: int
    undetermined: int
    lesson_met: int
    baseline_met: int | None
    """None: no survey was imported of the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekPoint:
    """One week of the trend, outside lessons."""

    week: str
    met: int
    not_met: int
    undetermined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The survey that the city started from."""

    met: int
    surveyed: int
    sources: tuple[str, ...]
    dates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What the figures rest on."""

    table_name: str
    table_version: str
    issued_by: str
    calendars: tuple[str, ...]
    """Versions of the calendars that windows were taken from."""
    statistics: tuple[str, ...]
    """``capacity``, ``left_over`` or ``mixed``: which median, with its 95 % interval."""
    quiet_runs: int
    lesson_runs: int
    quiet_failed: int
    lesson_failed: int
    school_days_least: int
    school_days_most: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLine:
    """A school whose agent was not heard as it should be, at the stated time."""

    school_code: str
    health: AgentHealth
    last_heard_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """How agents are at the stated time."""

    as_of: datetime
    counts: dict[str, int]
    """Schools by health, every health."""
    lines: tuple[AgentLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test of the evidence."""

    started_at: datetime
    window: Figure
    download_bps: int | None
    """None: it failed."""
    capacity_bps: int | None
    """With the traffic of others in the same seconds, where that was counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourLine:
    """The tests that started in one hour of the day, over the week."""

    hour: int
    window: Figure
    runs: int
    median_bps: int
    least_bps: int
    most_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a school that is NOT MET hands to its line operator."""

    school_code: str
    segments: tuple[str, ...]
    """Segments the tests went over, as the agents named them."""
    targets: tuple[str, ...]
    tests: tuple[Test, ...]
    tests_left_out: int
    hours: tuple[HourLine, ...]
    failures: dict[str, int]
    upload_median_bps: int | None
    inside_median_bps: int | None
    """Median inside the school (segment lan); None where nothing was measured there."""
    inside_runs: int


class Field(StrEnum):
    """What may differ between two revisions of a week."""

    SCHOOL_ADDED = "school_added"
    SCHOOL_REMOVED = "school_removed"
    NAME = "name"
    PUPILS = "pupils"
    REQUIRED = "required_bps"
    BASELINE = "baseline_met"
    QUIET_STATUS = "quiet_status"
    QUIET_MEDIAN = "quiet_median_bps"
    QUIET_RUNS = "quiet_runs"
    LESSON_STATUS = "lesson_status"
    LESSON_MEDIAN = "lesson_median_bps"
    LESSON_RUNS = "lesson_runs"
    STATE = "state"
    FINDINGS = "findings"
    MEASURES = "measures"
    OTHER = "other"
    """Something else than a school's line: its name is ``before``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that another revision said differently."""

    school_code: str
    """Empty where it is of the whole city."""
    field: Field
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One week."""

    schema_version: int
    week: str
    start: datetime
    end: datetime
    complete: bool
    simulated: bool
    city_names: dict[str, str]
    """By language; without one: 'this city'."""
    stated_at: datetime
    revision: int
    city: Group
    baseline: Baseline | None
    before: WeekPoint | None
    """The week before; None where nothing was judged then."""
    weeks: tuple[WeekPoint, ...]
    """Oldest first, this week last."""
    bands: tuple[Group, ...]
    regions: tuple[Group, ...]
    method: Method
    programme: Programme
    findings: tuple[FindingLine, ...]
    events: tuple[FindingEvent, ...]
    ruled_out: RuledOut
    measures: tuple[MeasureLine, ...]
    agents: Agents
    schools: tuple[SchoolLine, ...]
    evidence: tuple[Evidence, ...]
    evidence_left_out: int
    """Schools NOT MET beyond those that have a page."""
    troubles: tuple[str, ...]
    """What of the city's data could not be read; the report says so and goes on."""
    differences: tuple[Difference, ...]

    def school(self, code: str) -> SchoolLine | None:
        """Find a school."""
        return next((one for one in self.schools if one.code == code), None)


def canonical(report: Report) -> str:
    """Write the document: the same figures give the same text."""
    return _text(msgspec.to_builtins(report))


def content_sha256(report: Report) -> str:
    """Hash what belongs to the week: two revisions with the same hash say the same.

    What the desk survey calls likely is of the moment, as the facts that it rests on are.
    """
    document: dict[str, Any] = msgspec.to_builtins(report)
    for name in _OF_THE_MOMENT:
        del document[name]
    document["findings"] = [
        {key: value for key, value in one.items() if key != "likely"}
        for one in document["findings"]
        if one["confirmed"]
    ]
    return hashlib.sha256(_text(document).encode()).hexdigest()


def read(text: str) -> Report:
    """Read what :func:`canonical` wrote. Raises ValueError where it is of another shape."""
    try:
        return msgspec.json.decode(text, type=Report)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a report of this release: {error}") from None


def _text(document: object) -> str:
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
