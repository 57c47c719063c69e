"""What a report says of schools: figures, groups, the way they are made, agents, evidence.

Speeds are whole bit/s; None is 'not measured' or 'not known', never 0.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from collector.judge.model import Figure, Reason, Status
from collector.programme.model import State
from collector.views import AgentHealth


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
