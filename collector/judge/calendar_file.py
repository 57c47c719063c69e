"""Read school calendars from TOML, refusing with every mistake at once."""

import re
from datetime import date, datetime, time
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from collector.judge.calendar import Calendar, Calendars, DayRange, Period
from collector.judge.reading import Reading, Table, join, parse_toml, read_bytes, words

_KEYS: Final = (
    "school_weekdays",
    "national_holidays",
    "envelope",
    "lessons",
    "quiet_before",
    "quiet_after",
    "extra_school_days",
    "closed",
    "blackout",
)
_ADDED: Final = ("extra_school_days", "closed", "blackout")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAY: Final = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


def load_calendars(path: Path) -> Calendars:
    """Read calendars from a file. Raises :class:`collector.judge.reading.ConfigRefused`."""
    return parse_calendars(read_bytes(path), str(path))


def parse_calendars(raw: bytes, file: str) -> Calendars:
    """Read calendars; ``file`` names them in messages. Raises ConfigRefused with all mistakes."""
    document = parse_toml(raw, file)
    reading = Reading(file)
    reading.only(document, "", ("version", "default", "school"))
    version = reading.text(document, "", "version")
    default_table = reading.table(document, "", "default")
    reading.only(default_table, "default", _KEYS)
    default = _calendar(reading, default_table, "default", version)
    schools: dict[str, Calendar] = {}
    tables = reading.table(document, "", "school")
    for code in tables:
        place = f"school.{code}"
        own = reading.table(tables, "school", code)
        if _CODE.fullmatch(code) is None:
            reading.wrong(place, code, "a school code of letters, digits, . _ -")
        reading.only(own, place, _KEYS)
        schools[code] = _calendar(reading, _merged(default_table, own), place, version)
    reading.refuse_if_wrong()
    return Calendars(version=version, default=default, by_school=MappingProxyType(schools))


def _merged(default: Table, own: Table) -> dict[str, Any]:
    """Own keys replace; lists of days are added."""
    merged = {**default, **own}
    for key in _ADDED:
        lists = [table[key] for table in (default, own) if key in table]
        if lists and all(isinstance(item, list) for item in lists):
            merged[key] = [entry for item in lists for entry in item]
    return merged


def _calendar(reading: Reading, table: Table, place: str, version: str) -> Calendar:
    envelope = _period(reading, join(place, "envelope"), table.get("envelope"))
    lessons = _lessons(reading, place, table.get("lessons"))
    quiet_before = _time(reading, join(place, "quiet_before"), table.get("quiet_before"))
    quiet_after = _time(reading, join(place, "quiet_after"), table.get("quiet_after"))
    for period in lessons:
        if period.start < envelope.start or period.end > envelope.end:
            reading.wrong(
                join(place, "lessons"), _show(period), f"periods inside {_show(envelope)}"
            )
    if quiet_before > envelope.start:
        reading.wrong(
            join(place, "quiet_before"), f"{quiet_before:%H:%M}", f"up to {envelope.start:%H:%M}"
        )
    if quiet_after < envelope.end:
        reading.wrong(
            join(place, "quiet_after"), f"{quiet_after:%H:%M}", f"{envelope.end:%H:%M} or later"
        )
    return Calendar(
        version=version,
        school_weekdays=_weekdays(reading, place, table.get("school_weekdays")),
        national_holidays=_flag(reading, place, "national_holidays", table),
        envelope=envelope,
        lessons=lessons,
        quiet_before=quiet_before,
        quiet_after=quiet_after,
        closed=_ranges(reading, table, place, "closed"),
        blackout=_ranges(reading, table, place, "blackout"),
        extra_school_days=_days(reading, place, table.get("extra_school_days", [])),
    )


def _lessons(reading: Reading, place: str, found: object) -> tuple[Period, ...]:
    key = join(place, "lessons")
    if not isinstance(found, list) or not found:
        reading.wrong(key, found, 'periods such as [["08:45", "09:30"]]')
        return ()
    periods = tuple(_period(reading, f"{key}[{number}]", item) for number, item in enumerate(found))
    for left, right in pairwise(periods):
        if right.start < left.end:
            reading.wrong(key, _show(right), f"periods in order, from {left.end:%H:%M} on")
    return periods


def _period(reading: Reading, place: str, found: object) -> Period:
    if not isinstance(found, list) or len(found) != 2:
        reading.wrong(place, found, 'a start and an end such as ["08:45", "09:30"]')
        return Period(time.min, time.max)
    mistakes = len(reading.mistakes)
    start, end = (_time(reading, place, item) for item in found)
    if len(reading.mistakes) == mistakes and start >= end:
        reading.wrong(place, f"{start:%H:%M}-{end:%H:%M}", "a start before the end")
    return Period(start, end)


def _time(reading: Reading, place: str, found: object) -> time:
    match = _TIME.fullmatch(found) if isinstance(found, str) else None
    if match is None:
        reading.wrong(place, found, 'a time between "00:00" and "23:59"')
        return time.min
    return time(int(match[1]), int(match[2]))


def _weekdays(reading: Reading, place: str, found: object) -> frozenset[int]:
    if (
        isinstance(found, list)
        and found
        and all(type(item) is int and 1 <= item <= 7 for item in found)
    ):
        return frozenset(found)
    reading.wrong(
        join(place, "school_weekdays"), found, "ISO weekdays from 1 (Monday) to 7 (Sunday)"
    )
    return frozenset()


def _flag(reading: Reading, place: str, key: str, table: Table) -> bool:
    found = table.get(key)
    if isinstance(found, bool):
        return found
    reading.wrong(join(place, key), found, "true or false")
    return False


def _days(reading: Reading, place: str, found: object) -> frozenset[date]:
    key = join(place, "extra_school_days")
    if not isinstance(found, list):
        reading.wrong(key, found, 'days such as ["2026-05-30"]')
        return frozenset()
    parts = [_day(reading, f"{key}[{number}]", item) for number, item in enumerate(found)]
    dated: set[date] = set()
    for part in parts:
        if part is not None and part[0] is None:
            reading.wrong(key, f"{part[1]:02d}-{part[2]:02d}", "days with their year")
        elif part is not None and part[0] is not None:
            dated.add(date(part[0], part[1], part[2]))
    return frozenset(dated)


def _ranges(reading: Reading, table: Table, place: str, key: str) -> tuple[DayRange, ...]:
    result: list[DayRange] = []
    for number, item in enumerate(reading.tables(table, place, key), 1):
        here = f"{join(place, key)} {number}"
        reading.only(item, here, ("first", "last", "reason"))
        reason = reading.text(item, here, "reason")
        first = _day(reading, f"{here}.first", item.get("first"))
        last = _day(reading, f"{here}.last", item.get("last", item.get("first")))
        if first is None or last is None:
            continue
        if (first[0] is None) != (last[0] is None):
            reading.wrong(
                here, words("a year in only one of first and last"), "both or neither dated"
            )
        elif first[0] is not None and last[0] is not None and _before(last, first):
            reading.wrong(f"{here}.last", item.get("last"), "a day not before first")
        result.append(DayRange(first=first, last=last, reason=reason))
    return tuple(result)


def _day(reading: Reading, place: str, found: object) -> tuple[int | None, int, int] | None:
    if isinstance(found, date) and not isinstance(found, datetime):
        return found.year, found.month, found.day
    match = _DAY.fullmatch(found) if isinstance(found, str) else None
    if match is not None:
        year = int(match[1]) if match[1] else None
        month, day = int(match[2]), int(match[3])
        try:
            date(2000 if year is None else year, month, day)  # 2000 has a 29 February
        except ValueError:
            pass
        else:
            return year, month, day
    reading.wrong(place, found, 'a day such as "2026-07-21", or "07-21" for every year')
    return None


def _before(left: tuple[int | None, int, int], right: tuple[int | None, int, int]) -> bool:
    return tuple(part or 0 for part in left) < tuple(part or 0 for part in right)


def _show(period: Period) -> str:
    return f"{period.start:%H:%M}-{period.end:%H:%M}"
