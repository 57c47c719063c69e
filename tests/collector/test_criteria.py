"""Required speeds: the published rows, what lies between, below, above, and in doubt."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import resources
from collector.judge.bands import DEFAULT_BANDS, band_of, bands_up_to
from collector.judge.criteria import MAX_PUPILS
from collector.judge.criteria_file import load_criteria

TABLE = load_criteria(resources.default_criteria())
PUPILS = st.integers(1, MAX_PUPILS)
PUBLISHED = {
    60: 108,
    120: 216,
    180: 323,
    280: 408,
    315: 422,
    560: 525,
    770: 607,
    1050: 711,
    1400: 834,
}


def test_the_packaged_table_is_the_published_one() -> None:
    """Every confirmed row stands in the packaged table, each with source and date."""
    assert {row.pupils: row.mbps for row in TABLE.rows} == PUBLISHED
    assert all(row.source.startswith("https://") for row in TABLE.rows)
    assert {row.published_on.isoformat() for row in TABLE.rows} == {"2024-04-24"}


@pytest.mark.parametrize(("pupils", "mbps"), PUBLISHED.items())
def test_it_passes_through_every_row(pupils: int, mbps: int) -> None:
    """At a published number of pupils the requirement is the published speed, without doubt."""
    requirement = TABLE.requirement(pupils)
    assert requirement.required_bps == requirement.upper_bps == mbps * 1_000_000
    assert not requirement.outside_table


@pytest.mark.parametrize(
    ("pupils", "required_bps"),
    [
        (1, 1_800_000),
        (30, 54_000_000),
        (59, 106_200_000),
        (90, 162_000_000),
        (316, 422_420_408),  # not 525: never rounded up to the next row
        (1225, 772_500_000),
        (1401, 834_351_429),
        (1750, 957_000_000),
    ],
)
def test_between_below_and_above_the_rows(pupils: int, required_bps: int) -> None:
    """Linear between rows, 1.8 Mbit/s a pupil below the first, the last slope above the last."""
    requirement = TABLE.requirement(pupils)
    assert requirement.required_bps == requirement.upper_bps == required_bps
    assert requirement.outside_table == (pupils > 1400)


@given(PUPILS)
def test_more_pupils_never_need_less(pupils: int) -> None:
    """Lower and upper value both grow with the number of pupils, strictly in the lower one."""
    here = TABLE.requirement(pupils)
    more = TABLE.requirement(min(pupils + 1, MAX_PUPILS))
    assert more.required_bps > here.required_bps or pupils == MAX_PUPILS
    assert more.upper_bps >= here.upper_bps


@given(PUPILS)
def test_the_interval_is_only_where_a_row_may_be_missing(pupils: int) -> None:
    """Upper equals lower but for 181 to 279 pupils, where it is at most 31 Mbit/s higher."""
    requirement = TABLE.requirement(pupils)
    gap_bps = requirement.upper_bps - requirement.required_bps
    if 181 <= pupils <= 279:
        assert 0 < gap_bps <= 31_000_000
        assert TABLE.uncertainty(pupils) is not None
    else:
        assert gap_bps == 0
        assert TABLE.uncertainty(pupils) is None


def test_the_upper_envelope_is_the_lesser_neighbouring_line() -> None:
    """At 200 pupils the line from below bounds, at 250 the line from above."""
    from_below = 323 + Fraction(323 - 216, 60) * 20
    from_above = 408 - Fraction(422 - 408, 35) * 30
    assert TABLE.requirement(200).upper_bps == round(from_below * 1_000_000)
    assert TABLE.requirement(250).upper_bps == round(from_above * 1_000_000)
    widest = max(
        TABLE.requirement(pupils).upper_bps - TABLE.requirement(pupils).required_bps
        for pupils in range(181, 280)
    )
    assert 29_000_000 < widest < 31_000_000


@pytest.mark.parametrize("pupils", [0, -1, MAX_PUPILS + 1])
def test_impossible_numbers_of_pupils_are_refused(pupils: int) -> None:
    """No requirement is made up for numbers no school has."""
    with pytest.raises(ValueError, match="allowed is 1 to 20000"):
        TABLE.requirement(pupils)


def test_rows_used_name_the_evidence() -> None:
    """A requirement names the row it is, or the two rows it lies between or beyond."""
    cases = {30: [60], 60: [60], 61: [60, 120], 1400: [1400], 2000: [1050, 1400]}
    for pupils, rows in cases.items():
        assert [row.pupils for row in TABLE.rows_used(pupils)] == rows


@pytest.mark.parametrize(
    ("pupils", "label"),
    [
        (1, "<=60"),
        (60, "<=60"),
        (61, "61-120"),
        (120, "61-120"),
        (121, "121-315"),
        (315, "121-315"),
        (316, "316-560"),
        (560, "316-560"),
        (561, "561-840"),
        (840, "561-840"),
        (841, ">840"),
        (20000, ">840"),
    ],
)
def test_size_bands_hold_their_last_number(pupils: int, label: str) -> None:
    """A school belongs to the band whose last number it does not exceed."""
    assert band_of(pupils, TABLE.bands).label == label
    assert TABLE.bands == DEFAULT_BANDS


def test_bands_are_data() -> None:
    """Other limits make other bands, the last one open."""
    assert [band.label for band in bands_up_to((100, 200))] == ["<=100", "101-200", ">200"]
