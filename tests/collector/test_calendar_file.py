"""Calendars of schools: what a file may say, what a school may have of its own, refusals."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import resources
from collector.judge.calendar import Window
from collector.judge.calendar_file import parse_calendars
from collector.judge.reading import ConfigRefused
from collector.judge.week import JST, Week

GOOD = resources.default_calendar().read_text(encoding="utf-8")
OWN = """
[school.J001]
lessons = [["08:45", "09:35"], ["09:45", "10:35"]]
quiet_after = "18:00"
extra_school_days = ["2026-05-30"]

[[school.J001.closed]]
first = "2026-06-01"
reason = "振替休業"

[[school.J001.blackout]]
first = 2026-06-03
last = 2026-06-04
reason = "オンライン試験"
"""


def test_a_school_has_its_own_hours_and_days() -> None:
    """Own times replace the default's; own closed days are added; other schools keep theirs."""
    calendars = parse_calendars((GOOD + OWN).encode(), "c.toml")
    own, other = calendars.for_school("J001"), calendars.for_school("E001")
    moment = datetime(2026, 5, 29, 9, 46, tzinfo=JST)
    assert own.classify(moment) is Window.LESSON
    assert other.classify(moment) is Window.BETWEEN
    evening = datetime(2026, 5, 29, 17, 0, tzinfo=JST)
    assert (own.classify(evening), other.classify(evening)) == (Window.BETWEEN, Window.QUIET)
    assert own.is_school_day(date(2026, 5, 30))
    assert own.why_no_school(date(2026, 8, 3)) == "夏季休業"
    assert [day.day for day in own.school_days(Week.parse("2026-W23"))] == [2, 5]
    assert len(other.school_days(Week.parse("2026-W23"))) == 5


def test_nothing_measured_in_a_blackout_is_judged() -> None:
    """A day on which the network is left alone is CLOSED all day, even an extra school day."""
    text = GOOD + OWN.replace('["2026-05-30"]', '["2026-06-03"]')
    own = parse_calendars(text.encode(), "c.toml").for_school("J001")
    assert own.classify(datetime(2026, 6, 3, 0, 0, tzinfo=UTC)) is Window.CLOSED


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'quiet_before = "08:00"',
            'quiet_befor = "08:00"',
            (
                "c.toml: default.quiet_befor: found this key, allowed is one of blackout, closed, "
                "envelope, extra_school_days, lessons, national_holidays, quiet_after, "
                "quiet_before, school_weekdays (did you mean quiet_before?)"
            ),
        ),
        (
            'quiet_before = "08:00"',
            'quiet_before = "8:00"',
            (
                "c.toml: default.quiet_before: found '8:00', allowed is a time between "
                '"00:00" and "23:59"'
            ),
        ),
        (
            'quiet_before = "08:00"',
            'quiet_before = "09:00"',
            "c.toml: default.quiet_before: found '09:00', allowed is up to 08:40",
        ),
        (
            'quiet_after = "16:30"',
            'quiet_after = "15:00"',
            "c.toml: default.quiet_after: found '15:00', allowed is 15:35 or later",
        ),
        (
            '["09:50", "10:20"]',
            '["09:20", "10:20"]',
            (
                "c.toml: default.lessons: found '09:20-10:20', allowed is periods in order, from "
                "09:30 on"
            ),
        ),
        (
            '["09:50", "10:20"]',
            '["10:20", "09:50"]',
            "c.toml: default.lessons[1]: found '10:20-09:50', allowed is a start before the end",
        ),
        (
            '["14:50", "15:05"]',
            '["14:50", "15:50"]',
            "c.toml: default.lessons: found '14:50-15:50', allowed is periods inside 08:40-15:35",
        ),
        (
            "school_weekdays = [1, 2, 3, 4, 5]",
            "school_weekdays = [0, 1]",
            (
                "c.toml: default.school_weekdays: found [0, 1], allowed is ISO weekdays from 1 "
                "(Monday) to 7 (Sunday)"
            ),
        ),
        (
            'first = "07-21"',
            'first = "02-30"',
            (
                "c.toml: default.closed 2.first: found '02-30', allowed is a day such as "
                '"2026-07-21", or "07-21" for every year'
            ),
        ),
        (
            'first = "07-21"',
            'first = "2026-07-21"',
            (
                "c.toml: default.closed 2: found a year in only one of first and last, allowed is "
                "both or neither dated"
            ),
        ),
        (
            "extra_school_days = []",
            'extra_school_days = ["05-30"]',
            "c.toml: default.extra_school_days: found '05-30', allowed is days with their year",
        ),
        (
            "national_holidays = true",
            'national_holidays = "JP"',
            "c.toml: default.national_holidays: found 'JP', allowed is true or false",
        ),
    ],
)
def test_each_mistake_is_named(old: str, new: str, message: str) -> None:
    """One slip in a calendar gives its exact message."""
    assert old in GOOD
    with pytest.raises(ConfigRefused) as caught:
        parse_calendars(GOOD.replace(old, new, 1).encode(), "c.toml")
    assert message in caught.value.mistakes


def test_mistakes_of_a_school_name_the_school() -> None:
    """The message for one school's table carries its code."""
    with pytest.raises(ConfigRefused, match=r"c\.toml: school\.J001\.quiet_after: found '25:00'"):
        parse_calendars((GOOD + OWN.replace("18:00", "25:00")).encode(), "c.toml")


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_crashes(raw: bytes) -> None:
    """Whatever the bytes, the only exception is ConfigRefused."""
    with pytest.raises(ConfigRefused):
        parse_calendars(raw, "c.toml")


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_one_changed_character_is_read_or_refused(place: int, char: str) -> None:
    """A calendar with one wrong character is a calendar or is refused with the file's name."""
    lines: tuple[str, ...] = ("c.toml: ",)
    try:
        text = GOOD[:place] + char + GOOD[place + 1 :]
        parse_calendars(text.encode("utf-8", "replace"), "c.toml")
    except ConfigRefused as refused:
        lines = refused.mistakes
    assert lines
    assert all(line.startswith("c.toml: ") for line in lines)
