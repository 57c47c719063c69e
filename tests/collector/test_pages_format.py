"""Figures as people read them: units, digits, thousands, and never 0 for not measured."""

from datetime import UTC, date, datetime, timedelta

import pytest

from collector.pages import format as fmt
from collector.pages.i18n import words

JA, EN = words("ja"), words("en")


@pytest.mark.parametrize(
    ("bps", "text"),
    [
        (421_600_000, "422"),
        (99_960_000, "100"),
        (94_100_000, "94.1"),
        (10_000_000, "10.0"),
        (1_234_000, "1.23"),
        (0, "0.00"),
        (12_345_678_000, "12,346"),
    ],
)
def test_speeds_have_three_digits_and_thousands(bps: float, text: str) -> None:
    """Mbit/s with the digits that matter; large ones are separated."""
    assert fmt.mbps_number(bps) == text


def test_not_measured_is_a_word() -> None:
    """None never becomes 0."""
    assert fmt.mbps(JA, None) == "測定なし"
    assert fmt.milliseconds(EN, None) == "not measured"
    assert fmt.age(EN, None, datetime(2026, 6, 5, tzinfo=UTC)) == "None"


def test_times_are_japanese() -> None:
    """15:30 UTC on 31 May is half past midnight on 1 June in Japan."""
    moment = datetime(2026, 5, 31, 15, 30, tzinfo=UTC)
    assert fmt.moment(JA, moment) == "2026年6月1日 00:30"
    assert fmt.moment(EN, moment) == "1 Jun 2026 00:30"


def test_a_required_interval_shows_both_ends() -> None:
    """Where the requirement is only known as an interval, both ends are named."""
    assert fmt.required(JA, 377e6, 393e6) == "377〜393 Mbit/s"
    assert fmt.required(EN, 377e6, 377e6) == "377 Mbit/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00005, "0.05 ms"),
        (0.000001, "< 0.01 ms"),
        (0.0012345, "1.23 ms"),
        (0.0123, "12.3 ms"),
        (0.1234, "123 ms"),
    ],
)
def test_round_trips_have_three_digits_and_are_never_nought(seconds: float, text: str) -> None:
    """A measured round trip inside one machine is short, and not 0.0 ms."""
    assert fmt.milliseconds(EN, seconds) == text


def test_a_margin_to_an_interval_has_both_ends() -> None:
    """Against the upper value it lacks 15, against the lower one 10 are left over."""
    assert fmt.margin(EN, -15e6, 10e6) == "\N{MINUS SIGN}15.0–+10.0 Mbit/s"
    assert fmt.margin(EN, 10e6, 10e6) == "+10.0 Mbit/s"
    assert fmt.margin_percent(EN, -0.04, 0.03) == "\N{MINUS SIGN}4–+3 %"
    assert fmt.margin_percent(EN, 0.03, 0.03) == "+3 %"


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=-5), "0 min ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=47, minutes=59), "47 h ago"),
        (timedelta(hours=48), "2 d ago"),
    ],
)
def test_ages(ago: timedelta, text: str) -> None:
    """The largest unit that fits; a clock ahead of ours is not negative."""
    now = datetime(2026, 6, 5, tzinfo=UTC)
    assert fmt.age(EN, now - ago, now) == text


def test_weeks_and_signs() -> None:
    """Weeks are named with their days, differences with a real minus."""
    assert fmt.week_days("2026-W23") == (date(2026, 6, 1), date(2026, 6, 7))
    assert fmt.signed_mbps(EN, -21.3e6) == "\N{MINUS SIGN}21.3 Mbit/s"
    assert fmt.signed_percent(EN, 0.5) == "+50 %"
    assert fmt.percent(5, 84) == "6.0"
    with pytest.raises(ValueError, match="no ISO week"):
        fmt.week_days("2026-23")
