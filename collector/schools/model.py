"""A school and its survey baseline, as imported."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kind of school."""

    ELEMENTARY = "elementary"  # 小学校
    JUNIOR_HIGH = "junior_high"  # 中学校
    COMPULSORY = "compulsory"  # 義務教育学校
    SPECIAL_NEEDS = "special_needs"  # 特別支援学校


class Line(StrEnum):
    """Kind of access line."""

    BEST_EFFORT_PPPOE = "best_effort_pppoe"
    BEST_EFFORT_IPOE = "best_effort_ipoe"
    GUARANTEED = "guaranteed"
    CENTRE_AGGREGATED = "centre_aggregated"
    MOBILE = "mobile"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """One school. ``pupils`` decides the required speed."""

    code: str
    name: str
    kind: Kind
    region: str
    pupils: int
    line: Line
    contracted_mbps: int | None
    sample: bool
    """One of the sample schools that get an on-site assessment."""
    latitude: float | None
    longitude: float | None
    aggregation_group: str
    """Schools that share an upstream; empty: none known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineEntry:
    """What the ministry's survey said of one school, kept apart from measured verdicts."""

    school_code: str
    met: bool
    measured_bps: int | None
    surveyed_on: str
    """Date of the survey, ISO 8601 (YYYY-MM-DD)."""
    source: str
