"""Figures and times as people read them. What was not measured is a word, never 0."""

from datetime import date, datetime, timedelta
from typing import Final

from collector.judge.week import JST
from collector.pages.i18n import Words

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MINUS: Final = "\N{MINUS SIGN}"


def mbps_number(bps: float) -> str:
    """Bits per second as a number of Mbit/s: three digits that matter, thousands separated."""
    mbps = bps / 1e6
    if abs(mbps) >= 99.95:
        return f"{mbps:,.0f}"
    return f"{mbps:.1f}" if abs(mbps) >= 9.995 else f"{mbps:.2f}"


def mbps(words: Words, bps: float | None) -> str:
    """Speed with its unit, or the word for 'not measured'."""
    if bps is None:
        return words("value.not_measured")
    return words("value.mbps", number=mbps_number(bps))


def mbps_range(words: Words, low: float | None, high: float | None) -> str:
    """An interval without unit; empty where there is none."""
    if low is None or high is None:
        return ""
    return words("value.range", low=mbps_number(low), high=mbps_number(high))


def required(words: Words, required_bps: float, upper_bps: float) -> str:
    """Required speed with its unit; both ends where it is only known as an interval."""
    if upper_bps <= required_bps:
        return mbps(words, required_bps)
    low, high = mbps_number(required_bps), mbps_number(upper_bps)
    return words("value.required_range", low=low, high=high)


def signed_mbps(words: Words, bps: float) -> str:
    """A difference of speeds with its sign and unit."""
    return words("value.mbps", number=_sign(bps) + mbps_number(abs(bps)))


def margin(words: Words, least_bps: float, most_bps: float) -> str:
    """A margin with its sign and unit; both ends where the requirement is an interval."""
    if least_bps == most_bps:
        return signed_mbps(words, most_bps)
    low, high = (_sign(bps) + mbps_number(abs(bps)) for bps in (least_bps, most_bps))
    return words("value.required_range", low=low, high=high)


def margin_percent(words: Words, least: float, most: float) -> str:
    """The same relative to the required speed, in per cent."""
    if least == most:
        return signed_percent(words, most)
    low, high = (f"{_sign(ratio)}{abs(ratio) * 100:,.0f}" for ratio in (least, most))
    return words("value.percent_change", number=words("value.range", low=low, high=high))


def signed_percent(words: Words, ratio: float) -> str:
    """A relative difference in per cent with its sign."""
    return words("value.percent_change", number=f"{_sign(ratio)}{abs(ratio) * 100:,.0f}")


def percent(part: int, total: int) -> str:
    """Share in per cent with one decimal, without the sign; a dash of nothing."""
    return f"{part / total * 100:.1f}" if total else "—"


def milliseconds(words: Words, seconds: float | None) -> str:
    """Round-trip time, or the word for 'not measured'."""
    if seconds is None:
        return words("value.not_measured")
    number = seconds * 1000
    if number >= 99.95:
        text = f"{number:,.0f}"
    elif number >= 9.995:
        text = f"{number:.1f}"
    else:
        text = f"{number:.2f}" if number >= 0.01 else "< 0.01"
    return words("value.milliseconds", number=text)


def day(words: Words, value: date) -> str:
    """2026年5月11日（月）, Mon 11 May 2026."""
    return _date(words, "date.day", value)


def short_day(words: Words, value: date) -> str:
    """5月11日（月）, Mon 11 May."""
    return _date(words, "date.short_day", value)


def moment(words: Words, value: datetime) -> str:
    """Date and time in Asia/Tokyo; at either end of time as it is, in UTC."""
    try:
        local = value.astimezone(JST)
    except OverflowError:
        local = value
    return words(
        "date.moment",
        year=local.year,
        month=local.month,
        month_name=_MONTHS[local.month - 1],
        day=local.day,
        clock=f"{local:%H:%M}",
    )


def week_days(week: str) -> tuple[date, date]:
    """First and last day of an ISO week such as 2026-W20. Raises ValueError for anything else."""
    year, separator, number = week.partition("-W")
    if not (separator and year.isdecimal() and number.isdecimal() and len(week) == 8):
        raise ValueError(f"{week!r} is no ISO week such as 2026-W20")
    first = date.fromisocalendar(int(year), int(number), 1)
    return first, first + timedelta(days=6)


def week_name(words: Words, week: str) -> str:
    """2026年 第20週, 2026 week 20."""
    year, number = week.split("-W")
    return words("date.week", year=year, week=int(number))


def age(words: Words, then: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    if then is None:
        return words("age.none")
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 60:
        return words("age.minutes", n=minutes)
    if minutes < 48 * 60:
        return words("age.hours", n=minutes // 60)
    return words("age.days", n=minutes // (24 * 60))


def _sign(value: float) -> str:
    return "+" if value >= 0 else _MINUS


def _date(words: Words, key: str, value: date) -> str:
    return words(
        key,
        year=value.year,
        month=value.month,
        month_name=_MONTHS[value.month - 1],
        day=value.day,
        weekday=words(f"weekday.{value.weekday()}"),
    )
