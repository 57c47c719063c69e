"""School weeks in Japanese time, and what each minute of them is good for."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import resources
from collector.judge.calendar import Window, national_holidays
from collector.judge.calendar_file import load_calendars
from collector.judge.week import JST, Week, fiscal_year, last_complete_week, local

CALENDAR = load_calendars(resources.default_calendar()).default
MOMENTS = st.datetimes(timezones=st.just(UTC))


def at(text: str) -> datetime:
    """Read a Japanese time."""
    return datetime.fromisoformat(text).replace(tzinfo=JST)


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        ("2026-05-11T00:00", "2026-W20"),
        ("2026-05-10T23:59:59.999999", "2026-W19"),
        ("2026-05-17T23:59", "2026-W20"),
        ("2025-12-29T00:00", "2026-W01"),  # the year of the week, not of the day
        ("2027-01-03T23:59", "2026-W53"),
        ("2026-03-31T23:59", "2026-W14"),  # a fiscal year ends inside a week
        ("2026-04-01T00:00", "2026-W14"),
    ],
)
def test_weeks_begin_on_monday_midnight_in_japan(moment: str, week: str) -> None:
    """A moment belongs to the ISO week of its Japanese date, at month and year ends too."""
    found = Week.containing(at(moment))
    assert str(found) == week
    assert found.start <= at(moment) < found.end


def test_a_week_is_not_that_of_utc() -> None:
    """Monday 08:00 in Japan is still Sunday in UTC and belongs to the new week."""
    moment = datetime(2026, 5, 10, 23, 0, tzinfo=UTC)
    assert str(Week.containing(moment)) == "2026-W20"
    assert Week.parse("2026-W20").start == datetime(2026, 5, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-W00", "2026-W54", "2025-W53", "2026W20", "26-W20", "2026-W2", "", "٢٠٢٦-W20"]
)
def test_what_is_no_week_is_refused(text: str) -> None:
    """Only existing weeks in the one form are read."""
    with pytest.raises(ValueError, match="allowed is an ISO week"):
        Week.parse(text)


@given(MOMENTS)
def test_every_moment_has_one_week(moment: datetime) -> None:
    """Any clock reading, however wrong, has a week that reads back, and a window."""
    week = Week.containing(moment)
    assert Week.parse(str(week)) == week
    assert week.start <= local(moment) < week.end
    assert CALENDAR.classify(moment) in Window


@given(st.dates(date(1953, 1, 1), date(2099, 1, 1)))
def test_weeks_follow_each_other(day: date) -> None:
    """The end of a week is the start of the next; plus(-1) undoes plus(1)."""
    week = Week.of_day(day)
    assert week.end == week.plus(1).start
    assert week.plus(1).plus(-1) == week
    assert day in week.days


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-05-18T00:00", "2026-W20"),
        ("2026-05-17T23:59:59", "2026-W19"),
        ("2026-01-01T12:00", "2025-W52"),
    ],
)
def test_the_last_complete_week_has_ended_in_japan(now: str, week: str) -> None:
    """A week counts as complete from Monday 00:00 Japanese time on."""
    assert str(last_complete_week(at(now))) == week


@pytest.mark.parametrize(
    ("day", "year"),
    [("2025-03-31", 2024), ("2025-04-01", 2025), ("2025-12-31", 2025), ("2026-01-01", 2025)],
)
def test_fiscal_years_begin_in_april(day: str, year: int) -> None:
    """January to March belong to the fiscal year that began the April before."""
    assert fiscal_year(date.fromisoformat(day)) == year


def test_naive_times_are_refused() -> None:
    """A time without zone is a mistake of the caller, not a guess."""
    with pytest.raises(ValueError, match="no time zone"):
        local(datetime(2026, 5, 11))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    ("moment", "window"),
    [
        ("2026-05-12T00:00", Window.QUIET),
        ("2026-05-12T07:59:59.999999", Window.QUIET),
        ("2026-05-12T08:00", Window.BETWEEN),
        ("2026-05-12T08:54:59", Window.BETWEEN),
        ("2026-05-12T08:55", Window.LESSON),
        ("2026-05-12T09:29:59", Window.LESSON),
        ("2026-05-12T09:30", Window.BETWEEN),
        ("2026-05-12T12:14:59", Window.LESSON),
        ("2026-05-12T13:00", Window.BETWEEN),
        ("2026-05-12T14:55", Window.LESSON),
        ("2026-05-12T15:05", Window.BETWEEN),
        ("2026-05-12T16:29:59", Window.BETWEEN),
        ("2026-05-12T16:30", Window.QUIET),
        ("2026-05-12T23:59:59.999999", Window.QUIET),
        ("2026-05-16T10:00", Window.CLOSED),  # Saturday
        ("2026-05-06T10:00", Window.CLOSED),  # a holiday moved from Sunday
        ("2026-05-05T23:59:59", Window.CLOSED),
        ("2026-05-07T00:00", Window.QUIET),
        ("2026-07-21T09:00", Window.CLOSED),  # summer
        ("2026-08-31T23:59", Window.CLOSED),
        ("2026-09-01T09:00", Window.LESSON),
        ("2026-12-31T09:00", Window.CLOSED),  # winter, over New Year
        ("2027-01-07T09:00", Window.CLOSED),
        ("2027-01-08T09:00", Window.LESSON),
        ("2026-09-22T09:00", Window.CLOSED),  # between two holidays
    ],
)
def test_every_minute_has_its_window(moment: str, window: Window) -> None:
    """Periods hold their start and not their end; days without school hold nothing."""
    assert CALENDAR.classify(at(moment)) is window
    assert CALENDAR.classify(at(moment).astimezone(UTC)) is window


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.times())
def test_intervals_agree_with_classify(day: date, time_of_day: time) -> None:
    """A moment is LESSON or QUIET exactly when it lies in one of that day's stretches."""
    moment = datetime.combine(day, time_of_day, JST)
    for window in (Window.LESSON, Window.QUIET):
        stretches = CALENDAR.intervals(day, window)
        inside = any(start <= moment < end for start, end in stretches)
        assert inside == (CALENDAR.classify(moment) is window)


def test_school_days_of_weeks() -> None:
    """A plain week has five school days, the week of May's holidays two, August none."""
    count = {label: len(CALENDAR.school_days(Week.parse(label))) for label in WEEKS}
    assert count == WEEKS


WEEKS = {"2026-W20": 5, "2026-W19": 2, "2026-W33": 0, "2026-W39": 2}


def test_why_a_day_has_no_school() -> None:
    """People are told the holiday or the vacation by name."""
    assert CALENDAR.why_no_school(date(2026, 4, 29)) == "昭和の日"
    assert CALENDAR.why_no_school(date(2026, 8, 3)) == "夏季休業"
    assert CALENDAR.why_no_school(date(2026, 5, 16)) == "土曜日"
    assert CALENDAR.why_no_school(date(2026, 5, 12)) is None


def test_years_the_library_does_not_know_have_no_holidays() -> None:
    """A broken clock in the year 1970 or 9998 never stops the judging."""
    assert national_holidays(9998) == {}
    assert national_holidays(2026)[date(2026, 5, 6)] == "振替休日"
    assert CALENDAR.classify(datetime(9999, 12, 31, 23, 59, tzinfo=UTC)) in Window
    assert CALENDAR.classify(datetime(1, 1, 1, tzinfo=UTC)) in Window


def test_a_day_has_24_hours() -> None:
    """Japan has no summer time: quiet stretches and the rest add up on every day."""
    day = date(2026, 3, 10)
    quiet = CALENDAR.intervals(day, Window.QUIET)
    assert quiet[1][1] - quiet[0][0] == timedelta(hours=24)
