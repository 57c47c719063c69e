"""The charts of the report as SVG for a page: no script, fills told apart without colour."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup, escape

from collector.report.elements import Element

_ORDER: Final = ("met", "undetermined", "not_met")
_ROOM: Final = 16
"""Width of a part in which its number can stand."""
_QUIET: Final = Markup('<circle class="quiet" cx="{}" cy="{}" r="4"/>')
_LESSON: Final = Markup('<path class="lesson" d="M{} {}m0-5 4.4 8h-8.8z"/>')


def draw(chart: Element) -> Markup:
    """Draw one chart. Classes are those of the page's style sheet."""
    makers = {"trend": _trend, "bands": _bands, "margin": _margin, "strip": _strip}
    return makers[str(chart["t"])](chart)


def _trend(chart: Mapping[str, Any]) -> Markup:
    wide, tall, left = 460.0, 200.0, 34.0
    bars: Sequence[Mapping[str, Any]] = chart["bars"]
    step = (wide - left) / len(bars)
    bar = min(step * 0.72, 52)
    unit = tall / chart["total"]
    parts: list[Markup] = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = 8 + tall - share * tall
        parts += [
            _line(left, y, wide, y, "grid"),
            _text(left - 5, y + 3, round(share * chart["total"]), "tick end"),
        ]
    for number, one in enumerate(bars):
        x, floor = left + step * number + (step - bar) / 2, 8 + tall
        for name, count in zip(_ORDER, one["parts"], strict=True):
            if count:
                floor -= count * unit
                parts.append(_rect(x, floor, bar, count * unit, name))
        met = one["parts"][0]
        parts.append(_text(x + bar / 2, 8 + tall - met * unit - 3, met, "value"))
        parts.append(_text(left + step * (number + 0.5), tall + 22, one["label"], "tick middle"))
    if chart["line"] is not None:
        y = 8 + tall - chart["line"] * unit
        parts.append(_line(left, y, wide, y, "limit"))
    return _svg(chart["alt"], wide, tall + 28, parts)


def _bands(chart: Mapping[str, Any]) -> Markup:
    wide, row, left = 460.0, 34.0, 104.0
    parts: list[Markup] = []
    room = wide - left - 30
    for number, one in enumerate(chart["bars"]):
        y, x = row * number, left
        parts.append(_text(left - 8, y + 17, one["label"], "tick end"))
        for name, count in zip(_ORDER, one["parts"], strict=True):
            if count:
                width = room * count / chart["most"]
                parts.append(_rect(x, y + 3, width, row - 14, name))
                if name == "met" and width > _ROOM:
                    parts.append(_text(x + width / 2, y + 17, count, "inside middle"))
                x += width
        parts.append(_text(x + 5, y + 17, one["schools"], "tick"))
        if one["mark"] is not None:
            at = left + room * one["mark"] / chart["most"]
            parts.append(_text(at, y + row - 1, "◆", "value"))
    return _svg(chart["alt"], wide, row * len(chart["bars"]), parts)


def _margin(chart: Mapping[str, Any]) -> Markup:
    wide, tall = 720.0, 150.0
    step = wide / len(chart["bars"])
    parts: list[Markup] = []
    for number, one in enumerate(chart["bars"]):
        high = tall * one["count"] / chart["most"]
        parts.append(
            _rect(step * (number + 0.08), 18 + tall - high, step * 0.84, high, one["fill"])
        )
        parts.append(_text(step * (number + 0.5), 13 + tall - high, one["count"], "value"))
    parts.append(_line(0, 18 + tall, wide, 18 + tall, "axis"))
    for number, end in enumerate(chart["ends"]):
        x = step * (number + 1)
        parts.append(_text(x, tall + 32, end, "tick middle"))
        if number == chart["zero"]:
            parts.append(_line(x, 4, x, 18 + tall, "limit"))
    parts.append(_text(wide / 2, tall + 48, chart["axis"], "tick middle"))
    return _svg(chart["alt"], wide, tall + 54, parts)


def _strip(chart: Mapping[str, Any]) -> Markup:
    wide, tall, left = 460.0, 110.0, 44.0
    room = wide - left - 4

    def at(value: float) -> float:
        return float(6 + tall * (1 - value / chart["top"]))

    parts: list[Markup] = []
    for tick in chart["ticks"]:
        parts.append(_line(left, at(tick["y"]), left + room, at(tick["y"]), "grid"))
        parts.append(_text(left - 4, at(tick["y"]) + 3, tick["label"], "tick end"))
    step = room / len(chart["days"])
    for number, day in enumerate(chart["days"]):
        if number:
            x = left + step * number
            parts.append(_line(x, 6, x, 6 + tall, "grid"))
        parts.append(_text(left + step * (number + 0.5), tall + 22, day, "tick middle"))
    if chart["required"] is not None:
        parts.append(
            _line(left, at(chart["required"]), left + room, at(chart["required"]), "limit")
        )
    for point in chart["points"]:
        x, y = left + room * point["x"], at(point["y"])
        shape = _QUIET if point["kind"] == "quiet" else _LESSON
        parts.append(shape.format(f"{x:.1f}", f"{y:.1f}"))
    return _svg(chart["alt"], wide, tall + 28, parts)


def _svg(alt: object, wide: float, high: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>'
    ).format(f"{wide:g}", f"{high:g}", alt, Markup("").join(parts))


def _rect(x: float, y: float, wide: float, high: float, name: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        name, f"{x:.1f}", f"{y:.1f}", f"{wide:.1f}", f"{high:.1f}"
    )


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        name, f"{x1:.1f}", f"{y1:.1f}", f"{x2:.1f}", f"{y2:.1f}"
    )


def _text(x: float, y: float, text: object, name: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(
        name, f"{x:.1f}", f"{y:.1f}", escape(text)
    )
