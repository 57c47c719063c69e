"""What goes into a judgement and what comes out of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

SEGMENTS_BESIDE_THE_LINE: Final = ("lan", "loopback")
"""Tests of these segments never leave the school: they find causes and are not judged."""


class Figure(StrEnum):
    """The two questions, never mixed."""

    QUIET = "quiet"
    """Quiet capacity (授業時間外): comparable with the ministry's survey; the headline count."""
    LESSON = "lesson"
    """Lesson-hour experience (授業時間中)."""


class Status(StrEnum):
    """Verdict on one figure of one school in one week."""

    MET = "met"  # 充足
    NOT_MET = "not_met"  # 不足
    UNDETERMINED = "undetermined"  # 要確認


class Reason(StrEnum):
    """Why a verdict is what it is. At least one belongs to every verdict."""

    LOWER_BOUND_REACHES = "lower_bound_reaches"
    UPPER_BOUND_BELOW = "upper_bound_below"
    INTERVAL_STRADDLES = "interval_straddles"
    CRITERION_INTERVAL = "criterion_interval"
    """The measured interval lies where the criterion itself is only known as an interval."""
    TOO_FEW_RESULTS = "too_few_results"
    TOO_FEW_DAYS = "too_few_days"
    NO_RESULTS = "no_results"
    ALL_FAILED = "all_failed"
    ALL_DEFERRED = "all_deferred"
    """No test was tried: the line was busy each time, or tests were suppressed."""
    CROSS_TRAFFIC_NOT_COUNTED = "cross_traffic_not_counted"
    APPLIANCE_CEILING = "appliance_ceiling"
    INTERCEPTED = "intercepted"
    SHORT_WEEK = "short_week"
    """The week had fewer than 5 school days; those it had were measured."""
    NO_SCHOOL_DAYS = "no_school_days"
    OUTSIDE_TABLE = "outside_table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the judge needs of one throughput measurement."""

    started_at: datetime
    ok: bool
    deferred: bool = False
    """Put off: neither a result nor a failure."""
    failure_code: str | None = None
    download_bps: float | None = None
    cross_traffic_during_bps: float | None = None
    """Goodput of others on the same line during the test; None where it was not counted."""
    appliance_ceiling_bps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Required download speed for a number of pupils (当面の推奨帯域)."""

    pupils: int
    required_bps: int
    upper_bps: int
    """Equal to ``required_bps`` except where the published rows leave an interval."""
    outside_table: bool
    table_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Judgement of one figure of one school in one ISO week (Asia/Tokyo), with its evidence."""

    school_code: str
    week: str
    """ISO week, ``2026-W20``."""
    figure: Figure
    status: Status
    reasons: tuple[Reason, ...]
    requirement: Requirement
    runs: int
    """Results used."""
    failed_runs: int
    """Tests in the window that failed; they are never 0 Mbit/s."""
    days: int
    """School days with at least one result used."""
    school_days: int
    """School days of the week."""
    statistic: str
    """For example ``median of capacity, 95 % order-statistic interval``."""
    median_bps: float | None
    low_bps: float | None
    high_bps: float | None
    simulated: bool
    calendar: str = ""
    """Fingerprint of the school's calendar it was judged by."""
