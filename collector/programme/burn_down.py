"""The burn-down: how many schools are still open on each day, as a pure function of the events."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from collector.programme.fiscal import fiscal_year_of, start_of
from collector.programme.model import ProgressEvent, State
from collector.programme.standing import Standing
from collector.schools.model import School

DAYS_A_WEEK: Final = 7
RECENT: Final = timedelta(weeks=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One day: schools whose problems were not identified by its end."""

    day: date
    samples_open: int
    others_open: int

    @property
    def open(self) -> int:
        """Both together."""
        return self.samples_open + self.others_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Schools a week: what is needed, and what was done lately."""

    needed: Fraction | None
    """To be done by the deadline; None: it has passed and schools are open."""
    recent: Fraction
    """Over the last four weeks; negative where schools were opened again."""

    @property
    def enough(self) -> bool:
        """Whether the recent rate would do."""
        return self.needed is not None and self.recent >= self.needed


def open_days(
    schools: Sequence[School], events: Sequence[ProgressEvent], days: Sequence[date]
) -> list[Point]:
    """Count the open schools at the end of each day.

    A school is where its latest change by then has put it: by the day on which the state came to
    be, not the day on which somebody noted it, so late notes and corrections find their place.
    """
    history: dict[str, list[tuple[date, int, State]]] = {}
    for event in corrected(events):
        one = event.progress
        history.setdefault(one.school_code, []).append((one.since_on, one.version, one.state))

    def state_on(code: str, day: date) -> State:
        by_then = [
            (version, state) for since, version, state in history.get(code, ()) if since <= day
        ]
        return max(by_then)[1] if by_then else State.NOT_STARTED

    points = []
    for day in days:
        still = [one for one in schools if not state_on(one.code, day).identifies]
        samples = sum(one.sample for one in still)
        points.append(Point(day=day, samples_open=samples, others_open=len(still) - samples))
    return points


def corrected(events: Sequence[ProgressEvent]) -> list[ProgressEvent]:
    """Give the changes, by version, without those that the next change of the school corrects.

    A change to the state that stands already puts its day right, to an earlier or a later one.
    """
    kept: list[ProgressEvent] = []
    following: dict[str, State] = {}
    for event in sorted(events, key=lambda one: one.progress.version, reverse=True):
        one = event.progress
        if following.get(one.school_code) is not one.state:
            kept.append(event)
        following[one.school_code] = one.state
    return kept[::-1]


def series_days(events: Sequence[ProgressEvent], today: date, deadline: date) -> list[date]:
    """Give the days of the chart: each week from its start to today, and today itself.

    It starts with the fiscal year of the deadline, or with the first event where that is earlier.
    """
    start = min(
        [start_of(fiscal_year_of(deadline)), *(one.progress.since_on for one in events), today]
    )
    weeks = (today - start).days // DAYS_A_WEEK
    days = [start + timedelta(weeks=number) for number in range(weeks + 1)]
    return days if days[-1] == today else [*days, today]


def rate(points: Sequence[Point], stand: Standing) -> Rate:
    """Give the rate that is needed, and the recent one. ``points`` end with today."""
    still = stand.all.open
    left = max(stand.days_left, 0)
    needed = Fraction(0) if still == 0 else None
    if still and left:
        needed = Fraction(still * DAYS_A_WEEK, left)
    days = [point.day for point in points]
    at = bisect_right(days, stand.today - RECENT) - 1
    if at < 0:  # they begin with the first change at the latest: before it all were open
        open_then, span = stand.all.total, RECENT.days
    else:
        open_then, span = points[at].open, (stand.today - points[at].day).days
    return Rate(needed=needed, recent=Fraction((open_then - still) * DAYS_A_WEEK, span))
