"""ICMP echo on the wire: bytes as the standards have them, and nothing hostile gets through."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.latency.packet import (
    ECHO_REQUEST,
    Echo,
    checksum,
    echo_request,
    name_error,
    read_echo,
    without_ipv4_header,
)
from wire.failure import FailureCode

SIXTEEN_BITS = st.integers(0, 0xFFFF)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (bytes.fromhex("0001f203f4f5f6f7"), 0x220D),  # RFC 1071 section 3: sum ddf2
        (b"", 0xFFFF),
        (b"\xff\xff", 0),
        (b"\x01", 0xFEFF),  # an odd last byte counts as the high one
    ],
)
def test_the_checksum_is_that_of_the_standard(message: bytes, expected: int) -> None:
    """The worked example of RFC 1071 and its edges."""
    assert checksum(message) == expected


@given(SIXTEEN_BITS, SIXTEEN_BITS, st.binary(max_size=200))
def test_an_ipv4_request_sums_to_zero(identifier: int, sequence: int, payload: bytes) -> None:
    """A receiver that sums the whole message, checksum included, gets zero (RFC 792)."""
    assert checksum(echo_request(4, identifier, sequence, payload)) == 0


@pytest.mark.parametrize("version", [4, 6])
@given(identifier=SIXTEEN_BITS, sequence=SIXTEEN_BITS, payload=st.binary(max_size=200))
def test_a_request_reads_back(version: int, identifier: int, sequence: int, payload: bytes) -> None:
    """Identifier, sequence and payload survive the bytes."""
    request = echo_request(version, identifier, sequence, payload)
    assert read_echo(request) == Echo(ECHO_REQUEST[version], identifier, sequence, payload)


def test_the_bytes_of_a_request_are_these() -> None:
    """One request of each family, byte for byte: type, code, checksum, identifier, sequence."""
    assert echo_request(4, 0x1234, 1, b"ab").hex() == "08008468123400016162"
    assert echo_request(6, 0x1234, 1, b"ab").hex() == "80000000123400016162"


@given(st.binary(max_size=60))
def test_any_packet_is_read_or_left(packet: bytes) -> None:
    """Cut, empty or hostile packets give None, never an exception."""
    message = without_ipv4_header(packet)
    assert len(message) <= max(len(packet) - 20, 0)
    echo = read_echo(message)
    assert echo is None or message.endswith(echo.payload)


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (b"\x45" + bytes(19) + b"echo", b"echo"),
        (b"\x46" + bytes(23) + b"echo", b"echo"),  # with options
        (b"\x44" + bytes(19) + b"echo", b""),  # shorter than a header can be
        (b"", b""),
    ],
)
def test_the_ipv4_header_is_as_long_as_it_says(packet: bytes, message: bytes) -> None:
    """Options make it longer; less than 20 bytes is no header."""
    assert without_ipv4_header(packet) == message


def test_a_message_with_a_code_is_no_echo() -> None:
    """Echo messages have code 0 (RFC 792, RFC 4443)."""
    assert read_echo(struct.pack("!BBHHH", 0, 1, 0, 1, 1)) is None


@pytest.mark.parametrize(
    ("version", "kind", "code", "failure", "word"),
    [
        (4, 3, 0, FailureCode.NETWORK_UNREACHABLE, "network unreachable"),
        (4, 3, 1, FailureCode.HOST_UNREACHABLE, "host unreachable"),
        (4, 3, 4, FailureCode.PROTOCOL_ERROR, "lower payload_bytes"),
        (4, 3, 13, FailureCode.HOST_UNREACHABLE, "prohibited"),
        (4, 3, 200, FailureCode.HOST_UNREACHABLE, "destination unreachable"),
        (4, 11, 0, FailureCode.HOST_UNREACHABLE, "time to live"),
        (6, 1, 0, FailureCode.NETWORK_UNREACHABLE, "no route"),
        (6, 1, 1, FailureCode.HOST_UNREACHABLE, "prohibited"),
        (6, 1, 3, FailureCode.HOST_UNREACHABLE, "address unreachable"),
        (6, 2, 0, FailureCode.PROTOCOL_ERROR, "lower payload_bytes"),
        (6, 3, 0, FailureCode.HOST_UNREACHABLE, "time to live"),
    ],
)
def test_each_error_has_its_name(
    version: int, kind: int, code: int, failure: FailureCode, word: str
) -> None:
    """An error gets its code by what it says, not by the errno that Linux makes of it."""
    named = name_error(version, kind, code)
    assert named is not None
    assert named[0] is failure
    assert word in named[1]


@pytest.mark.parametrize(("version", "kind", "code"), [(4, 5, 1), (4, 4, 0), (6, 137, 0)])
def test_a_redirect_is_no_error(version: int, kind: int, code: int) -> None:
    """A router that advises another way has forwarded the packet; nothing was lost by that."""
    assert name_error(version, kind, code) is None
