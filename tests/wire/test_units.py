"""Units live in names: which name has which unit, and what a value of it may be."""

import math

import pytest

from wire.units import UNITS, unit_of, why_not


def test_a_longer_suffix_comes_before_the_one_it_ends_in() -> None:
    """The table is read from the top, so ``_offset_seconds`` has to stand before ``_seconds``."""
    suffixes = [unit.suffix for unit in UNITS]
    for at, suffix in enumerate(suffixes):
        assert not any(later.endswith(suffix) for later in suffixes[at + 1 :]), suffix


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("clock_offset_seconds", "_offset_seconds"),
        ("rtt_min_seconds", "_seconds"),
        ("download_bps", "_bps"),
        ("sent_count", "_count"),
        ("seconds", None),
        ("bps", None),
        ("kernel", None),
    ],
)
def test_the_unit_is_the_end_of_the_name(name: str, suffix: str | None) -> None:
    """A unit needs something to be the unit of: a bare ``seconds`` has none."""
    unit = unit_of(name)
    assert (unit.suffix if unit else None) == suffix


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("rtt_seconds", 0, None),
        ("rtt_seconds", -0.001, "at least 0 (seconds)"),
        ("clock_offset_seconds", -3.5, None),
        ("loss_ratio", 1, None),
        ("loss_ratio", 1.000001, "at most 1 (share of one, 0 to 1)"),
        ("sent_count", 3, None),
        ("sent_count", 3.0, "a whole number of a number of things"),
        ("sent_count", True, "a whole number of a number of things"),
        ("sent_count", 1 << 63, "below 2^63 (a number of things)"),
        ("rtt_seconds", 10**400, "below 2^63 (seconds)"),
        ("rtt_seconds", math.nan, "a finite number of seconds"),
        ("rtt_seconds", math.inf, "a finite number of seconds"),
        ("rtt_seconds", "1", "a finite number of seconds"),
        ("rtt_seconds", None, "a finite number of seconds"),
        ("signal_dbm", -67, None),
        ("cpu_celsius", -273.16, "at least -273.15 (degrees Celsius)"),
        ("kernel", "6.1", None),
    ],
)
def test_a_value_is_judged_by_the_unit_of_its_name(
    name: str, value: object, allowed: str | None
) -> None:
    """Range, wholeness and finiteness come from the table, with the unit in the message."""
    assert why_not(name, value) == allowed
