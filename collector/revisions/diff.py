"""Which verdicts of a published week changed, from what to what, and why. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from collector.judge.model import Figure, Verdict
from collector.judge.week import Week

PUBLISHED_AFTER: Final = timedelta(hours=6)
"""A week counts as published this long after its end: Monday, six in the morning."""
SAME_REVISION: Final = timedelta(hours=1)
"""Changes within this time of a revision's beginning belong to it: a backlog takes a while."""


class Cause(StrEnum):
    """Why a verdict changed."""

    LATE_DATA = "late_data"
    CRITERIA = "criteria"
    """The number of pupils, or the table of required speeds."""
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a revision compares of a verdict."""

    status: str
    median_bps: float | None
    runs: int
    requirement: tuple[object, ...]
    calendar: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One verdict that changed."""

    school_code: str
    figure: Figure
    cause: Cause
    status_before: str
    status_after: str
    median_before_bps: float | None
    median_after_bps: float | None
    runs_before: int
    runs_after: int


Key = tuple[str, Figure]


def published(week: Week, now: datetime) -> bool:
    """Whether a change of this week's verdicts is a revision."""
    return now >= week.end + PUBLISHED_AFTER


def standing(verdict: Verdict) -> Standing:
    """What is compared of a verdict."""
    required = verdict.requirement
    return Standing(
        status=verdict.status.value,
        median_bps=verdict.median_bps,
        runs=verdict.runs,
        requirement=(required.pupils, required.required_bps, required.upper_bps),
        calendar=verdict.calendar,
    )


def changes(before: Mapping[Key, Standing], after: Mapping[Key, Standing]) -> list[Change]:
    """Verdicts whose status is another; those that were not there before are no change."""
    found = []
    for (code, figure), new in sorted(after.items()):
        old = before.get((code, figure))
        if old is None or old.status == new.status:
            continue
        if old.requirement != new.requirement:
            cause = Cause.CRITERIA
        elif old.calendar != new.calendar:
            cause = Cause.CALENDAR
        else:
            cause = Cause.LATE_DATA
        found.append(
            Change(
                school_code=code,
                figure=figure,
                cause=cause,
                status_before=old.status,
                status_after=new.status,
                median_before_bps=old.median_bps,
                median_after_bps=new.median_bps,
                runs_before=old.runs,
                runs_after=new.runs,
            )
        )
    return found


def merged(former: Iterable[Change], new: Iterable[Change]) -> list[Change]:
    """Add changes to a revision that has begun; what came back to where it was is none."""
    found = {(one.school_code, one.figure): one for one in former}
    for one in new:
        key = one.school_code, one.figure
        if key in found:
            first = found[key]
            one = replace(  # noqa: PLW2901 - the same change, seen from its beginning
                one,
                status_before=first.status_before,
                median_before_bps=first.median_before_bps,
                runs_before=first.runs_before,
            )
        found[key] = one
    return [one for _, one in sorted(found.items()) if one.status_before != one.status_after]
