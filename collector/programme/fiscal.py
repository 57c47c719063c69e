"""The Japanese fiscal year (年度): 1 April to 31 March, named by the year in which it begins.

Days are days in Japan; what a moment is there, :func:`collector.judge.week.local` says. Eras are
named as budgets name them: fiscal 2019 is 令和元年度 though its April was still Heisei.
"""

from datetime import date, datetime
from typing import Final

from collector.judge.week import fiscal_year, local

FIRST_MONTH: Final = 4
REIWA: Final = 2019
HEISEI: Final = 1989


def fiscal_year_of(day: date) -> int:
    """Give the fiscal year of a day in Japan: 2025-03-31 is in 2024, 2025-04-01 in 2025."""
    return fiscal_year(day)


def fiscal_year_at(moment: datetime) -> int:
    """Give the fiscal year of an aware moment, in Japanese time. Raises ValueError: no zone."""
    return fiscal_year_of(local(moment).date())


def start_of(year: int) -> date:
    """Give the first day of a fiscal year."""
    return date(year, FIRST_MONTH, 1)


def end_of(year: int) -> date:
    """Give the last day of a fiscal year, in the calendar year after."""
    return date(year + 1, FIRST_MONTH - 1, 31)


def label_ja(year: int) -> str:
    """Name a fiscal year: 令和6年度, 令和元年度, 平成30年度; before 1989 by its number."""
    for first, era in ((REIWA, "令和"), (HEISEI, "平成")):
        if year >= first:
            number = year - first + 1
            return f"{era}{'元' if number == 1 else number}年度"
    return f"{year}年度"


def label_en(year: int) -> str:
    """Name a fiscal year for those who read English: ``fiscal 2024``."""
    return f"fiscal {year}"


def label(year: int, language: str) -> str:
    """Name a fiscal year in ``ja`` or ``en``."""
    return label_ja(year) if language == "ja" else label_en(year)


def days_left(today: date, deadline: date) -> int:
    """Days until a deadline: 0 on the day itself, negative by as many days as it is overdue."""
    return (deadline - today).days


def days_overdue(today: date, deadline: date) -> int:
    """Days since a deadline has passed; 0 until its own end."""
    return max(0, -days_left(today, deadline))
