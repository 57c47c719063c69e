"""Days and moments as they are typed."""

import argparse
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from collector.judge.week import JST
from collector.policy.change import ChangeRefused

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def day(text: str) -> date:
    """Read a day: the type of an argument."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text[:20]!r}, allowed is a day such as 2027-08-01"
        ) from None


def moment(
    option: str, text: str, start: datetime, allowed: str, most_digits: Mapping[str, int]
) -> datetime:
    """Read ``30m``, ``2h`` or ``3d`` after ``start``, or a moment, of Japan without an offset.

    ``most_digits``: how many digits a number of ``m``, ``h`` or ``d`` may have. Raises
    ChangeRefused, which names ``option`` and says what is ``allowed``.
    """
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and len(number) <= most_digits.get(unit, 0):
        return start + timedelta(**{_UNITS[unit]: int(number)})
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ChangeRefused(f"{option}: found {text[:40]!r}, allowed is {allowed}") from None
    return given if given.tzinfo is not None else given.replace(tzinfo=JST)
