"""The burn-down as shapes of an SVG drawing: numbers only, the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from collector.programme.burn_down import Point

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 34
_TICKS: Final = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What to draw, in units of the picture."""

    open_line: str
    """Points of a polyline: schools still open."""
    plan_line: str
    """From all schools at the start to none at the deadline."""
    deadline_x: float
    today_x: float
    last: tuple[float, float]
    rows: Sequence[tuple[float, int]]
    """Lines across: height and number of schools."""
    months: Sequence[tuple[float, str]]
    """Ticks below: where, and ``4/1``."""


def draw(points: Sequence[Point], total: int, deadline: date) -> Drawing:
    """Lay out the chart; steps go down on the day on which a school was done."""
    first, today = points[0].day, points[-1].day
    span = max(1, (max(today, deadline) - first).days)
    top = max(1, total)

    def x(day: date) -> float:
        return round(LEFT + (day - first).days / span * (WIDTH - LEFT - RIGHT), 1)

    def y(count: float) -> float:
        return round(TOP + (1 - count / top) * (HEIGHT - TOP - BOTTOM), 1)

    steps: list[str] = []
    for before, point in zip([points[0], *points], points, strict=False):
        steps += [f"{x(point.day)},{y(before.open)}", f"{x(point.day)},{y(point.open)}"]
    step = next((tick for tick in _TICKS if top / tick <= 6), _TICKS[-1])
    return Drawing(
        open_line=" ".join(steps),
        plan_line=f"{x(first)},{y(total)} {x(max(first, deadline))},{y(0)}",
        deadline_x=x(max(first, deadline)),
        today_x=x(today),
        last=(x(today), y(points[-1].open)),
        rows=[(y(count), count) for count in range(0, top + 1, step)],
        months=[(x(day), f"{day.month}/{day.day}") for day in _months(first, max(today, deadline))],
    )


def _months(first: date, last: date) -> list[date]:
    count = (last.year - first.year) * 12 + last.month - first.month
    every = max(1, -(-count // 12))
    days = [
        date(first.year + (first.month - 1 + ahead) // 12, (first.month - 1 + ahead) % 12 + 1, 1)
        for ahead in range(0, count + 1, every)
    ]
    return [day for day in days if first <= day <= last]
