"""What the plan of the coming days looks like: pure, for a person or a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from agent.config import Config
from agent.ration import Ration
from wire.checks import clock
from wire.measurement import Json
from wire.planning.schedule import DayPlan, Slot, plan
from wire.planning.timetable import WEEKDAYS, Window

MAX_DAYS: Final = 62
_TIMES_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the preview."""

    day: date
    plan: DayPlan
    expected_bytes: int
    """Expected cost of the day's heavy tests."""
    month_bytes: int
    """Spent in the month so far and expected of the previewed days up to this one."""


def preview(config: Config, ration: Ration, seed: str, first: date, days: int) -> list[Day]:
    """Plan ``days`` days from ``first`` on."""
    shown: list[Day] = []
    ahead: dict[tuple[int, int], int] = {}
    for number in range(days):
        day = first + timedelta(days=number)
        planned = plan(day, config.timetable, seed)
        expected = sum(
            ration.cost_of(slot.test, calibration=slot.calibration).expected_bytes
            for slot in planned.slots
            if config.tests[slot.test].heavy
        )
        month = (day.year, day.month)
        ahead[month] = ahead.get(month, ration.ledger.spent_in_month(day)) + expected
        shown.append(Day(day, planned, expected, ahead[month]))
    return shown


def to_json(days: Sequence[Day], config: Config) -> list[Json]:
    """The preview as JSON."""
    return [_day_json(each, config) for each in days]


def describe(days: Sequence[Day], config: Config) -> str:
    """The preview as a table."""
    return "\n".join(line for each in days for line in (*_day_lines(each, config), ""))


def _day_json(each: Day, config: Config) -> Json:
    closed = config.timetable.closed_on(each.day)
    return {
        "day": each.day.isoformat(),
        "closed": None if closed is None else closed.reason or "closed",
        "blackouts": [
            {
                "from": clock(dark.from_seconds),
                "to": clock(dark.to_seconds),
                "reason": dark.reason,
            }
            for dark in config.timetable.blackouts_on(each.day)
        ],
        "slots": [
            {
                "at": slot.at.astimezone(config.zone).isoformat(timespec="seconds"),
                "test": slot.test,
                "probe": config.tests[slot.test].probe,
                "target": config.tests[slot.test].target,
                "window": _window_text(config.tests[slot.test].windows[slot.window]),
                "heavy": config.tests[slot.test].heavy,
                "calibration": slot.calibration,
            }
            for slot in each.plan.slots
        ],
        "left_out": [
            {
                "test": out.test,
                "window": _window_text(config.tests[out.test].windows[out.window]),
                "runs_count": out.runs,
                "reason": out.reason,
            }
            for out in each.plan.left_out
        ],
        "expected_bytes": each.expected_bytes,
        "day_budget_bytes": config.budget.day_bytes,
        "month_expected_bytes": each.month_bytes,
        "month_budget_bytes": config.budget.month_bytes,
    }


def _day_lines(each: Day, config: Config) -> list[str]:
    lines = [f"{each.day.isoformat()} {WEEKDAYS[each.day.weekday()]}"]
    closed = config.timetable.closed_on(each.day)
    if closed is not None:
        lines[0] += f"  closed: {closed.reason or 'no reason given'}"
    lines += [
        f"  {clock(dark.from_seconds)}-{clock(dark.to_seconds)}  blackout: "
        f"{dark.reason or 'no reason given'}"
        for dark in config.timetable.blackouts_on(each.day)
    ]
    rows: dict[tuple[int, int], list[Slot]] = {}
    for slot in each.plan.slots:
        rows.setdefault((slot.test, slot.window), []).append(slot)
    for (test, number), slots in sorted(
        rows.items(), key=lambda row: config.tests[row[0][0]].windows[row[0][1]].from_seconds
    ):
        planned = config.tests[test]
        times = [
            slot.at.astimezone(config.zone).strftime("%H:%M:%S") + ("*" if slot.calibration else "")
            for slot in slots
        ]
        more = f" and {len(times) - _TIMES_SHOWN} more" if len(times) > _TIMES_SHOWN else ""
        lines.append(
            f"  {_window_text(planned.windows[number])}  {planned.probe} to {planned.target}: "
            f"{len(times)} tests at {' '.join(times[:_TIMES_SHOWN])}{more}"
        )
    lines += [
        f"  {_window_text(config.tests[out.test].windows[out.window])}  "
        f"{config.tests[out.test].probe}: {out.runs} without a slot ({out.reason})"
        for out in each.plan.left_out
    ]
    if not each.plan.slots:
        lines.append("  nothing")
    lines.append(f"  bytes: {_against(each.expected_bytes, config.budget.day_bytes, 'day')}")
    lines.append(f"  month: {_against(each.month_bytes, config.budget.month_bytes, 'month')}")
    return lines


def _against(expected: int, limit: int | None, period: str) -> str:
    text = f"{expected / 1e9:.2f} GB expected"
    if limit is None:
        return f"{text}, no budget of the {period}"
    over = "; some runs will be deferred" if expected > limit else ""
    return f"{text} of {limit / 1e9:.2f} GB{over}"


def _window_text(window: Window) -> str:
    return f"{clock(window.from_seconds)}-{clock(window.to_seconds)}"
