"""What one value of a configuration or policy may be: a check gives it or says what is allowed."""

import datetime as dt
import difflib
import re
from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from wire.fields import PROBE_NAME
from wire.measurement import Json
from wire.planning.timetable import WEEKDAYS
from wire.probes import PROBES
from wire.target import TargetRefused
from wire.target_forms import hosts_of_target

_CLOCK: Final = re.compile("([0-2][0-9]):([0-5][0-9])")


class Wrong(Exception):
    """A value that is not allowed; says what is."""


def any_table(value: object) -> dict[str, Json]:
    """A table of options; the probe checks what is in it."""
    if not isinstance(value, dict):
        raise Wrong("a table of options")
    return value


def probe(value: object) -> str:
    """The name of a probe."""
    if not isinstance(value, str) or value not in PROBES:
        close = difflib.get_close_matches(str(value)[:100], PROBES, n=1)
        advice = f"; did you mean {close[0]}?" if close else ""
        raise Wrong(f"one of {' '.join(sorted(PROBES))}{advice}")
    return value


def target(probe: str, value: object, options: Mapping[str, Json]) -> str:
    """A far end as this probe takes it with these options; "" where the probe is not known."""
    if not isinstance(value, str):
        raise Wrong("text")
    if not value.isprintable() or " " in value or value[:1] in ("", "-"):
        raise Wrong("a host, HOST:PORT or URL, as the probe takes it")
    if probe:
        try:
            hosts_of_target(PROBES[probe], value, options)
        except TargetRefused as error:
            raise Wrong(error.allowed) from None
    return value


def segment(value: object) -> str:
    """A part of the path."""
    if not isinstance(value, str) or PROBE_NAME.fullmatch(value) is None:
        raise Wrong("a name of a-z, 0-9 and _, such as loopback lan line centre internet")
    return value


def text(value: object) -> str:
    """Printable text."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise Wrong("text that is not empty")
    return value


def whole(least: int, most: int) -> Callable[[object], int]:
    """A whole number in bounds, both included."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Wrong(f"a whole number from {least} to {most}")
        return value

    return check


def number(least: float, most: float) -> Callable[[object], float]:
    """A number in bounds, both included."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(f"a number from {least:g} to {most:g}")
        if not least <= value <= most:
            raise Wrong(f"a number from {least:g} to {most:g}")
        return float(value)

    return check


def one_of(*words: str) -> Callable[[object], str]:
    """One of some words."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise Wrong("one of " + " ".join(words))
        return value

    return check


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


NO_DATE: Final = dt.date(1970, 1, 1)


def date(value: object) -> dt.date:
    """A day with its year, in quotes or not."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass  # a day that no calendar has
    raise Wrong("a day such as 2026-07-21")


def seconds(least: float, most: float) -> Callable[[object], float]:
    """A number of seconds in bounds, both included."""

    def check(value: object) -> float:
        allowed = f"seconds from {least:g} to {most:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(allowed)
        if not least <= value <= most:
            raise Wrong(allowed)
        return float(value)

    return check


def days(value: object) -> frozenset[int]:
    """Days of the week as numbers, Monday is 0: single days and ranges."""
    allowed = "days such as mon-fri, or mon,wed,sat"
    if not isinstance(value, str):
        raise Wrong(allowed)
    found: set[int] = set()
    for part in value.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
            raise Wrong(allowed)
        start = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last) - start) % 7 if dash else 0
        found |= {(start + step) % 7 for step in range(length + 1)}
    return frozenset(found)


def time_of_day(value: object) -> int:
    """Seconds after local midnight."""
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)) is not None:
        minutes = int(match[1]) * 60 + int(match[2])
        if minutes <= 24 * 60:
            return minutes * 60
    raise Wrong('a local time "HH:MM" from "00:00" to "24:00", in quotes')


def clock(seconds: int) -> str:
    """Write seconds after midnight as HH:MM."""
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


def zone(value: object) -> ZoneInfo | None:
    """A time zone of the IANA database."""
    if isinstance(value, str):
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            if not (known := available_timezones()):
                raise Wrong("a time zone, but this machine has none: install tzdata") from None
            close = difflib.get_close_matches(value[:100], known, n=1)
            raise Wrong(
                "a name of the time zone database such as Asia/Tokyo"
                + (f"; did you mean {close[0]}?" if close else "")
            ) from None
    raise Wrong("a name of the time zone database such as Asia/Tokyo")


def short(value: object) -> str:
    """Show what was found, on one line."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= 60 else text[:57] + "..."
