"""One-time codes: typed by people, checked before they are sent, scanned from a QR code."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.enrolment_code import (
    ALPHABET,
    SYMBOLS,
    check_symbol,
    grouped,
    make_code,
    read_code,
    read_scanned,
    to_scan,
)
from wire.parsing import Refused

BODIES = st.text(ALPHABET, min_size=SYMBOLS, max_size=SYMBOLS)


def code_of(body: str) -> str:
    """The code of eleven symbols."""
    return grouped(body + check_symbol(body))


def test_codes_have_55_bits_by_chance_in_three_groups() -> None:
    """Eleven symbols of 32 and a check; no symbol looks like another."""
    assert len(set(ALPHABET)) ** SYMBOLS == 1 << 55
    assert not set("ILOU") & set(ALPHABET)
    codes = {make_code(random.Random(seed)) for seed in range(1000)}
    assert len(codes) == 1000
    assert all(len(code) == 14 and code[4] == code[9] == "-" for code in codes)
    assert all(read_code(code) == code for code in codes)


@given(BODIES, st.integers(0, SYMBOLS), st.sampled_from(ALPHABET))
def test_every_single_wrong_symbol_is_found(body: str, place: int, other: str) -> None:
    """One symbol typed as another never makes a code."""
    symbols = body + check_symbol(body)
    wrong = symbols[:place] + other + symbols[place + 1 :]
    if wrong == symbols:
        assert read_code(wrong) == code_of(body)
    else:
        with pytest.raises(Refused, match="a typing mistake"):
            read_code(wrong)


def test_nearly_every_exchange_of_neighbours_is_found() -> None:
    """Luhn's sum misses one pair of symbols in either order, no more."""
    missed = set()
    for first in ALPHABET:
        for second in ALPHABET:
            body = first + second + "0" * (SYMBOLS - 2)
            swapped = second + first + body[2:] + check_symbol(body)
            try:
                read_code(swapped)
            except Refused:
                continue
            missed.add(frozenset((first, second)))
    assert {len(pair) for pair in missed if len(pair) == 2} == {2}
    assert sum(len(pair) == 2 for pair in missed) == 1


@given(BODIES)
def test_codes_are_read_as_people_type_them(body: str) -> None:
    """Case, grouping, full-width letters, and O I L for 0 and 1."""
    code = code_of(body)
    wide = "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else "ー" for char in code)
    slips = code.replace("0", "O").replace("1", "l")
    for typed in (code.lower(), code.replace("-", ""), f" {code} ", wide, slips):
        assert read_code(typed) == code


@pytest.mark.parametrize(
    "text", ["", "K7QM", "K7QM-3XTA-9H2", "K7QM-3XTA-9H2CC", "U" * 12, "é" * 12]
)
def test_another_form_is_refused_without_what_was_typed(text: str) -> None:
    """The refusal says the form; what was typed may be nearly a code and is not in it."""
    with pytest.raises(Refused) as refused:
        read_code(text)
    assert "three groups of four" in str(refused.value)
    assert not text or text not in str(refused.value)


def test_a_scanned_text_holds_collector_and_code() -> None:
    """What the QR code says is read back; it is no address that a phone would open."""
    code = make_code(random.Random(1))
    text = to_scan("https://collector.example:8443/hakaru", code)
    assert read_scanned(f"{text}\n") == ("https://collector.example:8443/hakaru", code)
    assert "://" not in text.split()[0]
    for wrong in ("", code, f"https://collector.example {code}", text + " more", "x" * 500):
        with pytest.raises(Refused):
            read_scanned(wrong)
