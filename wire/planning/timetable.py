"""What is to be measured when: windows, tasks, days without lessons, hours left alone. Data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

DAY_SECONDS: Final = 86_400
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
    on_closed_days: bool = False
    """Holds on closed days too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Days without lessons, both ends included: their windows hold only where they say so."""

    first: date
    last: date
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """Hours of some days in which nothing at all is measured, such as an exam."""

    first: date
    last: date
    from_seconds: int = 0
    to_seconds: int = DAY_SECONDS
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One test as the plan sees it."""

    windows: tuple[Window, ...]
    heavy: bool = False
    """Loads the line: never two at once."""
    length_seconds: float = 70.0
    """Time that a run may take at most; kept free after a heavy one."""
    calibrate: bool = False
    """One run of each ISO week is full length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """All tasks of an agent with the calendar they go by."""

    tasks: tuple[Task, ...]
    zone: ZoneInfo
    closed: tuple[Closed, ...] = ()
    blackouts: tuple[Blackout, ...] = ()

    def closed_on(self, day: date) -> Closed | None:
        """The entry that closes ``day``."""
        return next((each for each in self.closed if each.first <= day <= each.last), None)

    def blackouts_on(self, day: date) -> Sequence[Blackout]:
        """The blackouts of ``day``."""
        return [each for each in self.blackouts if each.first <= day <= each.last]
