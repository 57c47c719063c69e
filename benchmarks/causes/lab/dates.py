"""Which day and hour a round of measurements stands for. Pure.

The measuring is real, the dates are assigned: a school is measured for a minute or two, and each
round is placed into the hour that its conditions stand for, with the distances inside a round
kept. Days are school days of May and June 2026; hours are of the usual timetable, Japanese time.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final, Literal
from zoneinfo import ZoneInfo

from wire.ids import uuid7
from wire.measurement import Measurement

JST: Final = ZoneInfo("Asia/Tokyo")
Window = Literal["morning", "lesson", "evening", "update"]
DAYS: Final = tuple(date(2026, 5, day) for day in (18, 19, 20, 21, 22, 25, 26, 27, 28, 29))
"""No holiday among them, and no day of updates."""
UPDATE_DAYS: Final = (
    date(2026, 5, 13), date(2026, 6, 10), date(2026, 5, 14), date(2026, 6, 11),
)  # fmt: skip
"""Wednesdays and Thursdays after the second Tuesday of a month."""
HOURS: Final = {
    "morning": (time(7, 10), time(7, 25)),
    "lesson": (time(9, 6), time(10, 2)),
    "evening": (time(17, 10), time(17, 30)),
    "update": (time(9, 8), time(10, 4)),
}


def placed(
    found: Sequence[Measurement], window: Window, number: int, agent_id: str, random: Random
) -> list[Measurement]:
    """Give the measurements of round ``number`` of a window their assigned times and new ids."""
    days = UPDATE_DAYS if window == "update" else DAYS
    hours = HOURS[window]
    start = datetime.combine(
        days[number % len(days)], hours[number // len(days) % len(hours)], JST
    ).astimezone(UTC)
    first = min(made.started_at for made in found)
    return [_at(made, start + (made.started_at - first), agent_id, random) for made in found]


def _at(made: Measurement, moment: datetime, agent_id: str, random: Random) -> Measurement:
    milliseconds = int((moment - datetime.fromtimestamp(0, UTC)) / timedelta(milliseconds=1))
    return replace(
        made,
        started_at=moment,
        agent_id=agent_id,
        result_id=uuid7(milliseconds, random.getrandbits(74)),
    )
