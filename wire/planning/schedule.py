"""When to measure: a pure plan of slots for one day, and which of them are due.

Each window is cut into as many equal parts as it has runs, and each part gets one slot at a
moment by chance: every part of a lesson has its share every day (stratified), no two agents keep
step, and nothing is ever on the full hour, when everything else starts. The moments follow from
the agent, the day and the window, so a restart plans the same day again.

Heavy tests are placed first, the one with least room before the others, each with the time it may
take kept free after it; so no two of them meet. Light ones keep out of their way where they can.
What finds its part full goes to another moment of its window, and what finds the window full is
left out and shown. Nothing begins in, or runs into, a blackout.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from wire.planning.placing import Interval, draw, gaps
from wire.planning.timetable import DAY_SECONDS, WEEKDAYS, Blackout, Closed, Task, Timetable, Window

__all__ = [
    "DAY_SECONDS",
    "GRACE_SECONDS",
    "WEEKDAYS",
    "Blackout",
    "Closed",
    "DayPlan",
    "LeftOut",
    "Slot",
    "Task",
    "Timetable",
    "Window",
    "blackout_at",
    "due",
    "plan",
    "retry",
    "seconds_to_next",
]

HOUR_SECONDS: Final = 3_600
HOUR_MARGIN_SECONDS: Final = 30.0
"""Slots keep this far from the full hour, where their part of the window has room for it."""
GRACE_SECONDS: Final = 120.0
"""A slot that is later than this is left out: after a suspend nothing is caught up."""
LIGHT_LEAD_SECONDS: Final = 20.0
"""Light slots keep this far ahead of a heavy one, so that they have ended when it begins."""
RETRY_AFTER_SECONDS: Final = 60.0
"""A test that met a busy line is tried again this much later at the earliest."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One planned measurement. Two slots are the same when moment and test are."""

    at: datetime
    """Aware, UTC."""
    test: int
    """Index of the test in the configuration."""
    until: datetime | None = field(default=None, compare=False)
    """End of its window: put off, it begins before this."""
    window: int = field(default=0, compare=False)
    """Index of the window in the test."""
    calibration: bool = field(default=False, compare=False)
    """The full-length run of its ISO week."""
    attempt: int = field(default=0, compare=False)
    """How often it was put off already."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Runs of a window that the plan could not place, and why."""

    test: int
    window: int
    runs: int
    reason: str


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One local day: slots in order of time, and what has none."""

    slots: tuple[Slot, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One run to be placed."""

    start: float
    end: float
    test: int
    window: int
    index: int


def plan(day: date, timetable: Timetable, seed: str) -> DayPlan:
    """Plan one local day for all tasks."""
    placing = _Placing(day, timetable, seed)
    placing.place(heavy=True)
    placing.place(heavy=False)
    chosen = _calibrations(day, timetable, seed)
    slots = (
        replace(slot, calibration=(slot.at, slot.test) in chosen) if chosen else slot
        for slot in sorted(placing.slots)
    )
    return DayPlan(tuple(slots), tuple(placing.left_out))


def due(
    slots: Sequence[Slot],
    now: datetime,
    done: AbstractSet[Slot],
    grace_seconds: float = GRACE_SECONDS,
) -> tuple[tuple[Slot, ...], tuple[Slot, ...]]:
    """Say which slots are to be run now and which have passed unused.

    At most one slot a test is run: when several are due the latest is, the others have passed.
    """
    past = [slot for slot in slots if slot.at <= now and slot not in done]
    late = timedelta(seconds=grace_seconds)
    latest: dict[int, Slot] = {slot.test: slot for slot in past if now - slot.at <= late}
    run = tuple(sorted(latest.values()))
    return run, tuple(slot for slot in past if slot not in run)


def seconds_to_next(slots: Sequence[Slot], now: datetime, most_seconds: float) -> float:
    """Seconds until the next slot after ``now``, at most ``most_seconds``."""
    waits = ((slot.at - now).total_seconds() for slot in slots if slot.at > now)
    return min(min(waits, default=most_seconds), most_seconds)


def retry(
    slot: Slot, now: datetime, slots: Sequence[Slot], timetable: Timetable, random: Random
) -> Slot | None:
    """Put a slot off to a moment by chance in the rest of its window, None where there is none.

    Clear of the other heavy slots and of blackouts, and not at once: the line is busy now.
    """
    if slot.until is None:
        return None
    length = timetable.tasks[slot.test].length_seconds
    start, end = RETRY_AFTER_SECONDS, (slot.until - now).total_seconds()
    local = now.astimezone(timetable.zone)
    midnight = _moment(local.date(), 0.0, timetable.zone)
    offset = (now - midnight).total_seconds()
    taken = [
        (begin - offset, finish - offset)
        for begin, finish in _dark(timetable, local.date(), length)
    ]
    for other in slots:
        task = timetable.tasks[other.test]
        if task.heavy and other != slot:
            at = (other.at - now).total_seconds()
            taken.append((at - length, at + task.length_seconds))
    after = draw(gaps(start, end, taken), random)
    if after is None:
        return None
    return replace(slot, at=now + timedelta(seconds=after), attempt=slot.attempt + 1)


def blackout_at(
    timetable: Timetable, now: datetime, length_seconds: float = 0.0
) -> Blackout | None:
    """The blackout that a test of this length, begun now, would be in or run into."""
    for moment in (now, now + timedelta(seconds=length_seconds)):
        local = moment.astimezone(timetable.zone)
        midnight = _moment(local.date(), 0.0, timetable.zone)
        start = (now - midnight).total_seconds()
        for each in timetable.blackouts_on(local.date()):
            ends = max(start + length_seconds, start + 0.001)
            if start < each.to_seconds and ends > each.from_seconds:
                return each
    return None


class _Placing:
    """The state of one day's planning."""

    def __init__(self, day: date, timetable: Timetable, seed: str) -> None:
        self._day = day
        self._table = timetable
        self._seed = seed
        self._closed = timetable.closed_on(day) is not None
        self._heavy: list[tuple[float, float]] = []
        """Start and length of what is placed already, seconds."""
        self.slots: list[Slot] = []
        self.left_out: list[LeftOut] = []

    def place(self, *, heavy: bool) -> None:
        parts = [part for part in self._parts() if self._table.tasks[part.test].heavy is heavy]
        if heavy:
            parts.sort(key=lambda part: (part.end - part.start, part.test, part.window, part.index))
        chances: dict[tuple[int, int], Random] = {}
        missing: dict[tuple[int, int, str], int] = {}
        for part in parts:
            place = (part.test, part.window)
            if place not in chances:
                chances[place] = _chance(
                    f"{self._seed} {self._day.isoformat()} {part.test} {part.window}"
                )
            found = self._find(part, chances[place])
            if isinstance(found, str):
                missing[(*place, found)] = missing.get((*place, found), 0) + 1
                continue
            window = self._table.tasks[part.test].windows[part.window]
            if heavy:
                self._heavy.append((found, self._table.tasks[part.test].length_seconds))
            self.slots.append(
                Slot(
                    _moment(self._day, found, self._table.zone),
                    part.test,
                    _moment(self._day, window.to_seconds, self._table.zone),
                    part.window,
                )
            )
        self.left_out += [
            LeftOut(test, window, runs, reason)
            for (test, window, reason), runs in sorted(missing.items())
        ]

    def _parts(self) -> Iterator[_Part]:
        for test, task in enumerate(self._table.tasks):
            for number, window in enumerate(task.windows):
                if self._day.weekday() not in window.days:
                    continue
                if self._closed and not window.on_closed_days:
                    continue
                size = (window.to_seconds - window.from_seconds) / window.runs
                for index in range(window.runs):
                    start = window.from_seconds + index * size
                    yield _Part(start, start + size, test, number, index)

    def _find(self, part: _Part, random: Random) -> float | str:
        """A second after midnight for ``part``, or why there is none."""
        task = self._table.tasks[part.test]
        window = task.windows[part.window]
        # what runs over midnight could meet the first slots, or a blackout, of tomorrow
        last = DAY_SECONDS - task.length_seconds if task.heavy else DAY_SECONDS - 1.0
        dark = _dark(self._table, self._day, task.length_seconds)
        own = (part.start, min(part.end, last))
        if not gaps(*own, dark):
            return "blackout" if dark else "no room"
        clear = [*dark, *self._of_heavy(task)]
        hours = _full_hours(HOUR_MARGIN_SECONDS)
        tries = [(*own, [*clear, *hours])] if _roomy(part) else []
        tries.append((*own, [*clear, *_full_hours(0.5)]))
        if task.heavy:
            tries.append(
                (float(window.from_seconds), min(window.to_seconds, last), [*clear, *hours])
            )
        else:
            tries.append((*own, dark))
        for start, end, taken in tries:
            second = draw(gaps(start, end, taken), random)
            if second is not None:
                return second if second % HOUR_SECONDS else second + 0.001
        return "no room beside the other heavy tests"

    def _of_heavy(self, task: Task) -> list[Interval]:
        lead = task.length_seconds if task.heavy else LIGHT_LEAD_SECONDS
        return [(at - lead, at + length) for at, length in self._heavy]


def _roomy(part: _Part) -> bool:
    return part.end - part.start > 4 * HOUR_MARGIN_SECONDS


@lru_cache(maxsize=4)
def _full_hours(margin: float) -> tuple[Interval, ...]:
    return tuple((hour * 3600.0 - margin, hour * 3600.0 + margin) for hour in range(25))


def _dark(timetable: Timetable, day: date, length_seconds: float) -> list[Interval]:
    """Starts that would be in, or run into, a blackout of ``day``; seconds after midnight."""
    return [
        (each.from_seconds - length_seconds, float(each.to_seconds))
        for each in timetable.blackouts_on(day)
    ]


def _calibrations(day: date, timetable: Timetable, seed: str) -> AbstractSet[tuple[datetime, int]]:
    if not any(task.calibrate for task in timetable.tasks):
        return frozenset()
    year, week, _ = day.isocalendar()
    return _week_calibrations(year, week, timetable, seed)


@lru_cache(maxsize=16)
def _week_calibrations(
    year: int, week: int, timetable: Timetable, seed: str
) -> AbstractSet[tuple[datetime, int]]:
    """One slot of each test that asks for it, by chance among all it has in the ISO week."""
    slots: list[Slot] = []
    for weekday in range(1, 8):
        try:
            placing = _Placing(date.fromisocalendar(year, week, weekday), timetable, seed)
        except ValueError:  # the last days of year 9999
            continue
        placing.place(heavy=True)
        slots += placing.slots
    chosen = set()
    for test, task in enumerate(timetable.tasks):
        own = sorted(slot for slot in slots if slot.test == test)
        if task.calibrate and own:
            slot = own[_chance(f"{seed} {year}-W{week} {test}").randrange(len(own))]
            chosen.add((slot.at, slot.test))
    return frozenset(chosen)


def _chance(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - the same plan again after a restart, no secret


def _moment(day: date, second: float, zone: ZoneInfo) -> datetime:
    """Local wall time to UTC. Added to the wall clock, so 08:40 is 08:40 on every day."""
    midnight = datetime.combine(day, time())
    return (midnight + timedelta(seconds=second)).replace(tzinfo=zone).astimezone(UTC)
