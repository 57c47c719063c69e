"""What pages, API and reports show of a city and of a school: plain data, no text for people.

Speeds are in bit/s, shares of one, ages in seconds. None is 'not measured' or 'not known',
never 0.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.judge.bands import Band
from collector.judge.calendar import Window
from collector.judge.model import Figure, Requirement, Verdict
from collector.judge.week import Week
from collector.schools.model import BaselineEntry, School
from collector.store.interface import Agent, StoredResult


class AgentHealth(StrEnum):
    """When the agents of a school were last heard; the freshest of several counts."""

    NEVER_ENROLLED = "never_enrolled"
    FRESH = "fresh"
    """Heard within 2 hours."""
    LATE = "late"
    """Heard within 24 hours."""
    SILENT = "silent"
    """Not heard for more than 24 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureCount:
    """How schools fare by one figure; the three always add up to ``schools``."""

    schools: int
    met: int
    not_met: int
    undetermined: int

    @property
    def met_share(self) -> float | None:
        """Share of schools that meet it; None where there are no schools."""
        return self.met / self.schools if self.schools else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCount:
    """Some schools: all of the city, one size band, or one region."""

    label: str
    """``city``, a band such as ``61-120``, or the region's name."""
    schools: int
    pupils: int
    baseline_met: int
    baseline_surveyed: int
    """Schools of which the survey says anything."""
    quiet: FigureCount
    lesson: FigureCount

    @property
    def surveyed_met(self) -> int | None:
        """Schools that met it in the survey; None where nothing was imported of the group."""
        return self.baseline_met if self.baseline_surveyed else None

    @property
    def baseline_share(self) -> float | None:
        """Share of all schools of the group that met it in the survey; None as above."""
        return self.baseline_met / self.schools if self.baseline_surveyed else None

    def count(self, figure: Figure) -> FigureCount:
        """Give the count of one figure."""
        return self.quiet if figure is Figure.QUIET else self.lesson


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolRow:
    """One school in one week."""

    school: School
    band: Band
    requirement: Requirement
    baseline: BaselineEntry | None
    quiet: Verdict
    lesson: Verdict
    newest_result_at: datetime | None
    """Start of the newest throughput result that came to a value."""
    newest_result_age_seconds: float | None
    agents: tuple[Agent, ...]
    agent_health: AgentHealth
    agent_seen_at: datetime | None
    """When an agent of this school was last heard (its enrolment counts)."""

    @property
    def measured_bps(self) -> float | None:
        """Median quiet capacity: the headline figure."""
        return self.quiet.median_bps

    @property
    def margin_bps(self) -> float | None:
        """Median quiet capacity less the required speed; negative: it lacks so much."""
        return self.margin_of(Figure.QUIET)

    @property
    def least_margin_bps(self) -> float | None:
        """The same against the upper value, where the required speed is an interval."""
        doubt_bps = self.requirement.upper_bps - self.requirement.required_bps
        return None if self.margin_bps is None else self.margin_bps - doubt_bps

    def verdict(self, figure: Figure) -> Verdict:
        """Give the verdict of one figure."""
        return self.quiet if figure is Figure.QUIET else self.lesson

    def margin_of(self, figure: Figure) -> float | None:
        """Median of one figure less the required speed; None where nothing was measured."""
        median_bps = self.verdict(figure).median_bps
        return None if median_bps is None else median_bps - self.requirement.required_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class CityView:
    """The whole city in one week."""

    week: Week
    start: datetime
    """Monday 00:00 in Japan, as UTC."""
    end: datetime
    """The next Monday 00:00 in Japan, as UTC."""
    complete: bool
    """Whether the week has ended."""
    simulated: bool
    table_version: str
    city: GroupCount
    baseline_sources: tuple[str, ...]
    """Where the survey baseline was taken from, each once."""
    baseline_dates: tuple[str, ...]
    """Survey dates (ISO 8601), each once, ascending."""
    by_band: tuple[GroupCount, ...]
    """Every size band in order, the empty ones too."""
    by_region: tuple[GroupCount, ...]
    rows: tuple[SchoolRow, ...]
    """Every school, by code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One throughput result for a chart."""

    started_at: datetime
    window: Window
    outcome: str
    failure_code: str | None
    download_bps: float | None
    upload_bps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolView:
    """One school in one week, with its history."""

    week: Week
    start: datetime
    end: datetime
    simulated: bool
    row: SchoolRow
    history: tuple[Verdict, ...]
    """Saved verdicts of both figures, newest week first; that of the running week too."""
    points: tuple[Point, ...]
    """Throughput results of the last weeks up to the week shown, oldest first."""
    latest: tuple[StoredResult, ...]
    failures: tuple[StoredResult, ...]
