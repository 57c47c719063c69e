"""The slot token as text: one spelling, bounded, refused with a reason that holds no secret."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.parsing import Refused
from wire.slot_token import (
    HEADER,
    MAX_TOKEN_CHARACTERS,
    SlotToken,
    _pae,
    assemble,
    key_id,
    open_envelope,
    read_claims,
    read_keys,
    write_claims,
    write_key,
)

TOKEN = SlotToken(
    token_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",
    agent_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0002",
    school_code="E001",
    group="centre-1",
    audience="centre",
    purpose="test",
    kinds=("download", "upload"),
    flows=4,
    quota_bytes=10**10,
    quota_seconds=40,
    not_before=datetime(2026, 5, 11, tzinfo=UTC),
    expires_at=datetime(2026, 5, 11, 0, 1, tzinfo=UTC),
)
KEY_ID = "0123456789abcdef"


def text_of(payload: bytes, name: str = KEY_ID) -> str:
    """A token whose signature is of zeros."""
    return assemble(payload, name, bytes(64))


def test_what_is_written_is_read() -> None:
    """A token comes back as it was, and its text has one spelling."""
    text = text_of(write_claims(TOKEN))
    envelope = open_envelope(text)
    assert read_claims(envelope.payload) == TOKEN
    assert assemble(envelope.payload, envelope.key_id, envelope.signature) == text


def test_longest_token_fits() -> None:
    """The longest names that are allowed make a token below the bound."""
    wide = replace(
        TOKEN,
        school_code="校" * 64,
        group="網" * 64,
        audience="r" * 64,
        kinds=("download", "upload", "stamp"),
        flows=64,
        quota_bytes=1 << 42,
        quota_seconds=600,
        purpose="rehearsal",
    )
    text = text_of(write_claims(wide))
    assert len(text) <= MAX_TOKEN_CHARACTERS
    assert read_claims(open_envelope(text).payload) == wide


def test_encoding_of_the_standard() -> None:
    """What is signed is PASETO's encoding: its published examples come out."""
    assert _pae() == bytes(8)
    assert _pae(b"") == b"\x01" + bytes(15)
    assert _pae(b"test") == b"\x01" + bytes(7) + b"\x04" + bytes(7) + b"test"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "another kind of token"),
        ("eyJhbGciOiJub25lIn0.e30.", "another kind of token"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "another kind of token"),
        ("v4.local.AAAA.AAAA", "another kind of token"),
        ("v2.public.AAAA.AAAA", "another kind of token"),
        ("v4.public.AAAA", "no footer"),
        ("v4.public..AAAA", "other characters, or nothing"),
        ("v4.public.AAAA.", "other characters, or nothing"),
        ("v4.public.AAAA.AAAA", "too short"),
        ("v4.public.A.AAAA", "a length that cannot be"),
        ("v4.public.AB==.AAAA", "other characters"),
        ("v4.public." + "A" * 120 + ".AAAA", "token.footer"),
        ("v4.public." + "A" * 2000 + ".AAAA", "2015 characters"),
    ],
)
def test_not_a_token(text: str, found: str) -> None:
    """Whatever is no token is refused with what is wrong, never with the token itself."""
    with pytest.raises(Refused) as raised:
        open_envelope(text)
    assert found in str(raised.value)
    assert len(text) < 30 or text[10:] not in str(raised.value)


def test_stray_bits_are_refused() -> None:
    """A second spelling of the same bytes (unused bits set) is no token."""
    payload = write_claims(TOKEN)
    while (len(payload) + 64) % 3 == 0:
        payload += b" "
    text = text_of(payload)
    body, _, footer = text[len(HEADER) :].partition(".")
    last = chr(ord(body[-1]) + 1)
    same = base64.urlsafe_b64decode(body[:-1] + last + "==") == base64.urlsafe_b64decode(
        body + "=="
    )
    assert same
    with pytest.raises(Refused, match="stray bits"):
        open_envelope(f"{HEADER}{body[:-1]}{last}.{footer}")


@given(st.integers(min_value=0, max_value=10**6))
def test_cut_anywhere(seed: int) -> None:
    """Cut at any place a token is refused as such, or keeps claims that do not read."""
    text = text_of(write_claims(TOKEN))
    cut = text[: seed % len(text)]
    with pytest.raises(Refused):
        read_claims(open_envelope(cut).payload)


@given(st.text(max_size=200), st.binary(max_size=200))
def test_no_other_exception(text: str, payload: bytes) -> None:
    """Any text and any payload is read or refused, nothing else happens."""
    for attempt in (
        lambda: open_envelope(HEADER + text),
        lambda: read_claims(payload),
        lambda: read_keys(text),
    ):
        try:
            attempt()
        except Refused:
            continue


def changed(**changes: Any) -> bytes:
    """The payload with other claims."""
    fields: dict[str, Any] = {**json.loads(write_claims(TOKEN)), **changes}
    kept = {name: value for name, value in fields.items() if value is not ...}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jti": ...}, "claims.jti: found nothing"),
        ({"alg": "none"}, "claims: found a name more"),
        ({"jti": "x"}, "claims.jti"),
        ({"sub": 5}, "claims.sub"),
        ({"aud": "a b"}, "claims.aud"),
        ({"aud": "-x"}, "claims.aud"),
        ({"group": ""}, "claims.group"),
        ({"school": "a\nb"}, "claims.school"),
        ({"school": "x" * 65}, "claims.school"),
        ({"use": "anything"}, "claims.use"),
        ({"kinds": []}, "claims.kinds"),
        ({"kinds": ["upload", "download"]}, "claims.kinds"),
        ({"kinds": ["download", "download"]}, "claims.kinds"),
        ({"kinds": "download"}, "claims.kinds"),
        ({"kinds": [[]]}, "claims.kinds"),
        ({"flows": 0}, "claims.flows"),
        ({"flows": 65}, "claims.flows"),
        ({"flows": True}, "claims.flows"),
        ({"bytes": 1.5}, "claims.bytes"),
        ({"bytes": 1 << 50}, "claims.bytes"),
        ({"seconds": 601}, "claims.seconds"),
        ({"nbf": -1}, "claims.nbf"),
        ({"exp": 1 << 40}, "claims.exp"),
        ({"exp": 0}, "claims.exp"),
    ],
)
def test_bad_claims(changes: dict[str, Any], message: str) -> None:
    """Each claim that is missing, too many, of another type or out of bounds is named."""
    with pytest.raises(Refused) as raised:
        read_claims(changed(**changes))
    assert str(raised.value).startswith(message)


def test_another_way_of_writing() -> None:
    """Blanks or another order are not canonical."""
    with pytest.raises(Refused, match="canonical"):
        read_claims(json.dumps(json.loads(write_claims(TOKEN))).encode())


def test_a_token_that_could_not_be_read_is_not_written() -> None:
    """Who signs cannot sign what no responder would take."""
    with pytest.raises(Refused):
        write_claims(replace(TOKEN, expires_at=TOKEN.not_before - timedelta(seconds=1)))


def test_keys() -> None:
    """Keys are read one a line, with notes, by their id; a damaged one is named by its line."""
    one, two = bytes(range(32)), bytes(32)
    text = f"# keys\n\n{write_key(one)}\n  {write_key(two)}  # the next one\n"
    assert read_keys(text) == {key_id(one): one, key_id(two): two}
    with pytest.raises(Refused, match=r"line 2: found no public key"):
        read_keys(f"{write_key(one)}\n{write_key(two)[:-2]}\n")
    with pytest.raises(Refused, match="0 keys"):
        read_keys("# nothing\n")
