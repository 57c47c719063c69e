"""Days on which operating-system updates come, and whether lessons are slower on them.

Microsoft publishes on the second Tuesday of a month at 10:00 US Pacific time, which is 02:00 or
03:00 of the next day in Japan: the day after the second Tuesday, a Wednesday. That is the second
Wednesday of the month, except where the month begins with a Wednesday: then it is the third
(2026: April and July). Devices that were off at night fetch them in the morning, some only the
day after: both days are taken, Wednesday and Thursday.

What is compared, at each school: the median of its lesson-hour results on those days over the
median of its other days of the same span. The city's figure is the median of those ratios over
schools, with its 95 % order-statistic interval. Schools of one city share the same few days, so
the interval says how alike schools are, not what other months will bring: at least two
publications are asked for before anything is said.

Sources: release schedule of 2026 at https://forest.watch.impress.co.jp/docs/serial/yajiuma/2075145.html;
why it is sometimes the third Wednesday at
https://xtech.nikkei.com/atcl/nxt/mag/nnw/18/041800014/071600033/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from collector.judge.calendar import Calendars, Window
from collector.judge.model import Observation
from collector.judge.statistics import MedianInterval, median_interval
from collector.judge.verdict import figure_bps
from collector.judge.week import local

TUESDAY: Final = 1
DAYS_EACH: Final = 2
MIN_RELEASES: Final = 2
MIN_RESULTS: Final = 3
"""Fewest results of a school on either kind of day."""


class Effect(StrEnum):
    """What update days do to lesson hours."""

    SLOWER = "slower"
    """The upper end of the interval of the ratio stays below 1."""
    NOT_SLOWER = "not_slower"
    """Its lower end reaches 1."""
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolRatio:
    """One school: medians of lesson hours, bit/s, left-over plus counted cross traffic."""

    school_code: str
    update_bps: float
    update_results: int
    other_bps: float
    other_results: int

    @property
    def ratio(self) -> float:
        """Update days over other days; below 1: slower on update days."""
        return self.update_bps / self.other_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDays:
    """What a span of days says of updates."""

    days: tuple[date, ...]
    """Update days in the span on which some school was measured in lessons."""
    releases: int
    """Publications they belong to."""
    schools: tuple[SchoolRatio, ...]
    ratio: MedianInterval | None
    effect: Effect


def release_day(year: int, month: int) -> date:
    """Give the day in Japan on which the updates of a month come out."""
    first = date(year, month, 1)
    first_tuesday = first + timedelta(days=(TUESDAY - first.weekday()) % 7)
    return first_tuesday + timedelta(days=7 + 1)


def release_of(day: date) -> date | None:
    """Give the publication that a day belongs to, None for any other day."""
    release = release_day(day.year, day.month)
    return release if 0 <= (day - release).days < DAYS_EACH else None


def compare(observations: Mapping[str, Sequence[Observation]], calendars: Calendars) -> UpdateDays:
    """Compare lesson hours on update days with those of other school days."""
    ratios: list[SchoolRatio] = []
    days: set[date] = set()
    for code, of_school in observations.items():
        update, other, seen = _split(code, of_school, calendars)
        days |= seen
        if len(update) < MIN_RESULTS or len(other) < MIN_RESULTS:
            continue
        on_update, on_other = median_interval(update), median_interval(other)
        if on_update is not None and on_other is not None and on_other.median > 0:
            ratios.append(
                SchoolRatio(
                    school_code=code,
                    update_bps=on_update.median,
                    update_results=len(update),
                    other_bps=on_other.median,
                    other_results=len(other),
                )
            )
    releases = {release_of(day) for day in days}
    measured = median_interval([one.ratio for one in ratios])
    return UpdateDays(
        days=tuple(sorted(days)),
        releases=len(releases),
        schools=tuple(sorted(ratios, key=lambda one: (one.ratio, one.school_code))),
        ratio=measured,
        effect=_effect(measured, len(releases)),
    )


def weeks_before(end: datetime, weeks: int) -> datetime:
    """Give the begin of a span of weeks that ends at ``end``."""
    return end - timedelta(weeks=weeks)


def _split(
    code: str, observations: Sequence[Observation], calendars: Calendars
) -> tuple[list[float], list[float], set[date]]:
    calendar = calendars.for_school(code)
    update: list[float] = []
    other: list[float] = []
    days: set[date] = set()
    for one in observations:
        value = figure_bps(one)
        if value is None or calendar.classify(one.started_at) is not Window.LESSON:
            continue
        day = local(one.started_at).date()
        if release_of(day) is None:
            other.append(value)
        else:
            update.append(value)
            days.add(day)
    return update, other, days


def _effect(ratio: MedianInterval | None, releases: int) -> Effect:
    if ratio is None or ratio.low is None or ratio.high is None or releases < MIN_RELEASES:
        return Effect.CANNOT_TELL
    if ratio.high < 1:
        return Effect.SLOWER
    return Effect.NOT_SLOWER if ratio.low >= 1 else Effect.CANNOT_TELL
