"""Identifiers: the layout of RFC 9562 and the order that version 7 promises."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.ids import NO_AGENT, is_uuid, uuid4, uuid7

MILLISECONDS = st.integers(0, (1 << 48) - 1)
BITS_74 = st.integers(0, (1 << 74) - 1)


def test_uuid7_is_the_example_of_the_standard() -> None:
    """RFC 9562 appendix A.6: its time and random bits give its UUID."""
    random_bits = (0xCC3 << 62) | 0x18C4DC0C0C07398F
    assert uuid7(0x017F22E279B0, random_bits) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(MILLISECONDS, BITS_74)
def test_uuid7_has_the_layout_of_the_standard(milliseconds: int, random_bits: int) -> None:
    """48 bits of time, version 7, variant 10, and all 74 bits of chance kept."""
    made = uuid.UUID(uuid7(milliseconds, random_bits))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds
    kept = ((made.int >> 64 & 0xFFF) << 62) | (made.int & ((1 << 62) - 1))
    assert kept == random_bits


@given(MILLISECONDS, MILLISECONDS, BITS_74, BITS_74)
def test_uuid7_as_text_sorts_by_time(first: int, second: int, one: int, two: int) -> None:
    """Text order is time order, whatever the random bits, so an index on it stays compact."""
    if first != second:
        assert (uuid7(first, one) < uuid7(second, two)) == (first < second)


@pytest.mark.parametrize("milliseconds", [-1, -(10**15)])
def test_a_clock_before_1970_still_gives_ids(milliseconds: int) -> None:
    """A box without a clock chip gets time 0, not an error."""
    assert uuid7(milliseconds, 5) == uuid7(0, 5)


@given(st.integers(0, (1 << 128) - 1))
def test_uuid4_has_its_version_and_variant(random_bits: int) -> None:
    """RFC 9562 section 5.4."""
    made = uuid.UUID(uuid4(random_bits))
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        (NO_AGENT, True),
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", True),
        ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", False),
        ("017f22e279b07cc398c4dc0c0c07398f", False),
        ("{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}", False),
        ("urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f", False),
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_only_one_spelling_is_an_id(text: object, accepted: bool) -> None:
    """Lower case with hyphens: two spellings of one id would be two rows."""
    assert is_uuid(text) is accepted
