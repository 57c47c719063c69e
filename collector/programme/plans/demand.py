"""What a lesson asks of a school's line, against what was measured there.

Demand = devices x concurrency x rate of one device. The line is *enough* where the lower end of
the 95 % interval of the measured median reaches the demand, *not enough* where its upper end
stays below, else nobody can tell. The upper end is open (so 'not enough' is never said) where the
appliance itself may have been the limit, and in lesson hours where the traffic of others was not
counted: what a test gets then is only what the others left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor

from collector.judge.model import Figure, Reason, Verdict
from collector.judge.statistics import MedianInterval
from collector.programme.plans.model import Pair


class Answer(StrEnum):
    """Whether a line carries a lesson."""

    ENOUGH = "enough"
    NOT_ENOUGH = "not_enough"
    CANNOT_TELL = "cannot_tell"


class Why(StrEnum):
    """Why an answer is what it is."""

    LOWER_END_REACHES = "lower_end_reaches"
    UPPER_END_BELOW = "upper_end_below"
    STRADDLES = "straddles"
    NOT_MEASURED = "not_measured"
    """No result, or too few of them or of days."""
    UPPER_END_OPEN = "upper_end_open"
    UPLOAD_NOT_MEASURED = "upload_not_measured"
    UPLOAD_STRADDLES = "upload_straddles"
    UPLOAD_BELOW = "upload_below"


class DevicesFrom(StrEnum):
    """Where a number of devices is from."""

    FACT = "fact"
    PUPILS = "pupils"
    """One device a pupil, without spares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is done in a lesson and what one device needs for it, Mbit/s."""

    lesson_id: str
    name: Pair
    down_mbps: Fraction
    up_mbps: Fraction | None
    source: str
    published_on: date
    confirmed: bool
    """Whether the source was read; else the rate is from the field, unconfirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """The table of lessons. ``usual_concurrency`` is an assumption that a what-if begins with."""

    lessons: Sequence[Lesson]
    usual_concurrency: Fraction
    version: str

    def find(self, lesson_id: str) -> Lesson | None:
        """Give a lesson by its id."""
        return next((one for one in self.lessons if one.lesson_id == lesson_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What was measured of one direction in a week, bit/s. An open upper end is None."""

    low_bps: float | None
    median_bps: float | None
    high_bps: float | None
    runs: int
    high_open: bool
    """Whether the line may carry more than ``high_bps``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one school would need, and whether it has it."""

    school_code: str
    devices: int
    devices_from: DevicesFrom
    at_once: int
    """Devices x concurrency, rounded up."""
    down_bps: int
    up_bps: int | None
    figure: Figure
    capacity: Capacity
    upload: Capacity | None
    """None where the lesson names no upload."""
    answer: Answer
    why: Why
    carries_low: int | None
    """Devices at once that the lower end of the interval carries; None without interval."""
    carries_high: int | None
    """The same of the upper end; None where that is open."""


def capacity_of(verdict: Verdict) -> Capacity:
    """Take the measured interval of a verdict, and whether its upper end is open.

    None where it rests on too few results or days.
    """
    too_few = {Reason.TOO_FEW_RESULTS, Reason.TOO_FEW_DAYS} & set(verdict.reasons)
    uncounted = verdict.figure is Figure.LESSON and not verdict.statistic.startswith(
        "median of capacity,"
    )
    return Capacity(
        low_bps=None if too_few else verdict.low_bps,
        median_bps=verdict.median_bps,
        high_bps=None if too_few else verdict.high_bps,
        runs=verdict.runs,
        high_open=uncounted or Reason.APPLIANCE_CEILING in verdict.reasons,
    )


def capacity_of_upload(measured: MedianInterval | None, *, high_open: bool) -> Capacity:
    """Take the interval of uploads as they were measured."""
    if measured is None:
        return Capacity(low_bps=None, median_bps=None, high_bps=None, runs=0, high_open=True)
    return Capacity(
        low_bps=measured.low,
        median_bps=measured.median,
        high_bps=measured.high,
        runs=measured.values,
        high_open=high_open,
    )


def demand(
    verdict: Verdict,
    devices: int,
    devices_from: DevicesFrom,
    lesson: Lesson,
    concurrency: Fraction,
    upload: Capacity | None,
) -> Demand:
    """Compare. Raises ValueError where ``concurrency`` is not above 0 and at most 1."""
    if not 0 < concurrency <= 1:
        raise ValueError(f"concurrency {float(concurrency):g}: allowed is above 0, at most 1")
    at_once = ceil(devices * concurrency)
    down = capacity_of(verdict)
    down_bps = ceil(at_once * lesson.down_mbps * 1_000_000)
    up_bps = None if lesson.up_mbps is None else ceil(at_once * lesson.up_mbps * 1_000_000)
    answer, why = _answer(down, down_bps)
    limits = [(down, lesson.down_mbps)]
    if up_bps is not None and lesson.up_mbps is not None:
        upload = upload or capacity_of_upload(None, high_open=True)
        if Reason.APPLIANCE_CEILING in verdict.reasons:  # it limits both directions
            upload = replace(upload, high_open=True)
        answer, why = _both((answer, why), _answer(upload, up_bps))
        limits.append((upload, lesson.up_mbps))
    else:
        upload = None
    return Demand(
        school_code=verdict.school_code,
        devices=devices,
        devices_from=devices_from,
        at_once=at_once,
        down_bps=down_bps,
        up_bps=up_bps,
        figure=verdict.figure,
        capacity=down,
        upload=upload,
        answer=answer,
        why=why,
        carries_low=_least([_carried(one.low_bps, rate) for one, rate in limits]),
        carries_high=_least(
            [_carried(None if one.high_open else one.high_bps, rate) for one, rate in limits]
        ),
    )


def _answer(capacity: Capacity, needed_bps: int) -> tuple[Answer, Why]:
    if capacity.low_bps is None or capacity.high_bps is None:
        return Answer.CANNOT_TELL, Why.NOT_MEASURED
    if capacity.low_bps >= needed_bps:
        return Answer.ENOUGH, Why.LOWER_END_REACHES
    if capacity.high_bps >= needed_bps:
        return Answer.CANNOT_TELL, Why.STRADDLES
    if capacity.high_open:
        return Answer.CANNOT_TELL, Why.UPPER_END_OPEN
    return Answer.NOT_ENOUGH, Why.UPPER_END_BELOW


_OF_UPLOAD = {
    Why.NOT_MEASURED: Why.UPLOAD_NOT_MEASURED,
    Why.STRADDLES: Why.UPLOAD_STRADDLES,
    Why.UPPER_END_OPEN: Why.UPLOAD_STRADDLES,
    Why.UPPER_END_BELOW: Why.UPLOAD_BELOW,
}


def _both(down: tuple[Answer, Why], up: tuple[Answer, Why]) -> tuple[Answer, Why]:
    """One direction that is not enough decides; else one that nobody can tell does."""
    for answer in (Answer.NOT_ENOUGH, Answer.CANNOT_TELL):
        if down[0] is answer:
            return down
        if up[0] is answer:
            return answer, _OF_UPLOAD[up[1]]
    return down


def _carried(bps: float | None, mbps: Fraction) -> int | None:
    return None if bps is None else floor(Fraction(bps) / (mbps * 1_000_000))


def _least(limits: Sequence[int | None]) -> int | None:
    """The least of what both directions carry; None where one is not known."""
    known = [one for one in limits if one is not None]
    return min(known) if len(known) == len(limits) else None
