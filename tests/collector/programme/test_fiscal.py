"""Fiscal years: where they begin and end, in Japanese time, and what they are called."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.programme import fiscal


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2025, 3, 31), 2024),
        (date(2025, 4, 1), 2025),
        (date(2024, 12, 31), 2024),
        (date(2025, 1, 1), 2024),
        (date(2024, 2, 29), 2023),
    ],
)
def test_a_fiscal_year_begins_in_april(day: date, year: int) -> None:
    """The last of March belongs to the year before."""
    assert fiscal.fiscal_year_of(day) == year
    assert fiscal.start_of(year) <= day <= fiscal.end_of(year)


@given(st.dates(date(1990, 1, 1), date(2200, 12, 31)))
def test_every_day_is_in_exactly_one_year(day: date) -> None:
    """Years follow each other without gap or overlap."""
    year = fiscal.fiscal_year_of(day)
    assert fiscal.start_of(year) <= day <= fiscal.end_of(year)
    assert fiscal.end_of(year) + timedelta(days=1) == fiscal.start_of(year + 1)


def test_midnight_in_tokyo_decides() -> None:
    """15:00 UTC of 31 March is the first second of the new year in Japan."""
    new_year = datetime(2025, 3, 31, 15, tzinfo=UTC)
    assert fiscal.fiscal_year_at(new_year) == 2025
    assert fiscal.fiscal_year_at(new_year - timedelta(microseconds=1)) == 2024
    with pytest.raises(ValueError, match="no time zone"):
        fiscal.fiscal_year_at(datetime(2025, 4, 1))  # noqa: DTZ001 - refused for lacking one


@pytest.mark.parametrize(
    ("year", "label"),
    [
        (2024, "令和6年度"),
        (2019, "令和元年度"),
        (2018, "平成30年度"),
        (1989, "平成元年度"),
        (1988, "1988年度"),
    ],
)
def test_years_are_named_by_their_era(year: int, label: str) -> None:
    """As budgets name them."""
    assert fiscal.label(year, "ja") == label
    assert fiscal.label(year, "en") == f"fiscal {year}"


def test_a_deadline_is_met_until_its_own_end() -> None:
    """On the day nothing is overdue yet; the day after by one."""
    deadline = fiscal.end_of(2024)
    assert deadline == date(2025, 3, 31)
    found = [
        (fiscal.days_left(day, deadline), fiscal.days_overdue(day, deadline))
        for day in (date(2025, 3, 30), deadline, date(2025, 4, 1), date(2026, 3, 31))
    ]
    assert found == [(1, 0), (0, 0), (-1, 1), (-365, 365)]
