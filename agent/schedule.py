"""When to measure: a pure plan of slots for one day, and which of them are due.

Each window is cut into as many equal parts as it has runs, and each part gets one slot at a
moment by chance: every part of a lesson has its share every day (stratified), no two agents keep
step, and nothing is ever on the full hour, when everything else starts. The moments follow from
the agent, the day and the window, so a restart plans the same day again.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600
HOUR_MARGIN_SECONDS: Final = 30.0
"""Slots keep this far from the full hour, where their part of the window has room for it."""
GRACE_SECONDS: Final = 120.0
"""A slot that is later than this is left out: after a suspend nothing is caught up."""
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of day on some days of the week, with a number of runs."""

    days: frozenset[int]
    """Days of the week, Monday is 0."""
    from_seconds: int
    """Seconds after local midnight."""
    to_seconds: int
    """Seconds after local midnight, up to 86,400; after ``from_seconds``."""
    runs: int


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One planned measurement."""

    at: datetime
    """Aware, UTC."""
    test: int
    """Index of the test in the configuration."""


def plan(
    day: date, windows: Sequence[Sequence[Window]], seed: str, zone: ZoneInfo
) -> tuple[Slot, ...]:
    """Plan one local day for all tests (``windows`` has one sequence a test), in order of time."""
    slots = [
        Slot(_moment(day, second, zone), test)
        for test, of_test in enumerate(windows)
        for number, window in enumerate(of_test)
        if day.weekday() in window.days
        for second in _seconds(window, _chance(f"{seed} {day.isoformat()} {test} {number}"))
    ]
    return tuple(sorted(slots))


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


def _chance(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - the same plan again after a restart, no secret


def _seconds(window: Window, random: Random) -> list[float]:
    """One moment in each of ``runs`` equal parts, in seconds after local midnight."""
    part = (window.to_seconds - window.from_seconds) / window.runs
    return [
        _off_the_hour(window.from_seconds + index * part, part, random)
        for index in range(window.runs)
    ]


def _off_the_hour(start: float, length: float, random: Random) -> float:
    margin = HOUR_MARGIN_SECONDS if length > 4 * HOUR_MARGIN_SECONDS else 0.0
    while True:
        second = start + random.uniform(0.0, length)
        past_hour = second % HOUR_SECONDS
        if (
            margin <= past_hour <= HOUR_SECONDS - margin
            and past_hour != 0.0
            and second < DAY_SECONDS
        ):
            return second


def _moment(day: date, second: float, zone: ZoneInfo) -> datetime:
    """Local wall time to UTC. Added to the wall clock, so 08:40 is 08:40 on every day."""
    midnight = datetime.combine(day, time())
    return (midnight + timedelta(seconds=second)).replace(tzinfo=zone).astimezone(UTC)
