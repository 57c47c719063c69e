"""BER as SNMP uses it (RFC 3417 section 8), written and read strictly within bounds.

Reading takes what agents in the field write: lengths in more bytes than needed, numbers with
leading zeros or, for counters, without the zero that keeps them positive.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from agent.snmp.values import Binding, Kind, Oid, Value

INTEGER: Final = 0x02
STRING: Final = 0x04
NULL: Final = 0x05
OBJECT: Final = 0x06
SEQUENCE: Final = 0x30
KINDS: Final = {
    0x02: Kind.INTEGER,
    0x04: Kind.STRING,
    0x05: Kind.NULL,
    0x06: Kind.OID,
    0x40: Kind.ADDRESS,
    0x41: Kind.COUNTER32,
    0x42: Kind.GAUGE32,
    0x43: Kind.TICKS,
    0x44: Kind.OPAQUE,
    0x46: Kind.COUNTER64,
    0x80: Kind.NO_SUCH_OBJECT,
    0x81: Kind.NO_SUCH_INSTANCE,
    0x82: Kind.END_OF_MIB,
}
_BYTES: Final = (Kind.STRING, Kind.ADDRESS, Kind.OPAQUE)
_BITS: Final = {Kind.COUNTER32: 32, Kind.GAUGE32: 32, Kind.TICKS: 32, Kind.COUNTER64: 64}
MOST_NUMBERS: Final = 128
"""In an object identifier (RFC 2578 section 3.5)."""
MOST_IDENTIFIER_BYTES: Final = 5 * MOST_NUMBERS
KEPT_NUMBERS: Final = 40
KEPT_BYTES: Final = 64
"""Longer identifiers are in no table that is read: not kept, so that no device fills the memory."""


class Malformed(ValueError):
    """Bytes that are not what they should be."""


def tlv(tag: int, body: bytes) -> bytes:
    """Write tag, length, value."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def integer(value: int) -> bytes:
    """Write an INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def object_identifier(oid: Oid) -> bytes:
    """Write an OBJECT IDENTIFIER. The same are asked for again and again, so they are kept."""
    return _kept_identifier(oid) if len(oid) <= KEPT_NUMBERS else _identifier(oid)


@lru_cache(maxsize=65_536)
def _kept_identifier(oid: Oid) -> bytes:
    return _identifier(oid)


def _identifier(oid: Oid) -> bytes:
    body = bytearray()
    for number in (oid[0] * 40 + oid[1], *oid[2:]):
        if number < 0x80:
            body.append(number)
            continue
        piece = [number & 0x7F]
        while number := number >> 7:
            piece.append(number & 0x7F | 0x80)
        body.extend(reversed(piece))
    return tlv(OBJECT, bytes(body))


def _question(oid: Oid) -> bytes:
    return _kept_question(oid) if len(oid) <= KEPT_NUMBERS else _new_question(oid)


@lru_cache(maxsize=65_536)
def _kept_question(oid: Oid) -> bytes:
    return _new_question(oid)


def _new_question(oid: Oid) -> bytes:
    return tlv(SEQUENCE, object_identifier(oid) + b"\x05\x00")


def questions(oids: Sequence[Oid]) -> bytes:
    """Write variable bindings without values."""
    return tlv(SEQUENCE, b"".join(map(_question, oids)))


def read(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read tag and length: tag, where the value begins, where it ends. Raises Malformed."""
    if at + 2 > end:
        raise Malformed("cut short")
    tag, size = data[at], data[at + 1]
    at += 2
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or at + count > end:
            raise Malformed("a length that cannot be")
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + size > end:
        raise Malformed("cut short")
    return tag, at, at + size


def expect(data: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """Read a tag that must be ``wanted``: where its value begins and ends."""
    tag, begin, stop = read(data, at, end)
    if tag != wanted:
        raise Malformed(f"tag {tag:#x} where {wanted:#x} belongs")
    return begin, stop


def whole(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read an INTEGER: its value and where it ends."""
    begin, stop = expect(data, at, end, INTEGER)
    if not 1 <= stop - begin <= 9:
        raise Malformed("a number that cannot be")
    return int.from_bytes(data[begin:stop], "big", signed=True), stop


def text(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Read an OCTET STRING: its bytes and where it ends."""
    begin, stop = expect(data, at, end, STRING)
    return data[begin:stop], stop


def oid_of(body: bytes) -> Oid:
    """Read the body of an OBJECT IDENTIFIER."""
    return _kept_oid(body) if len(body) <= KEPT_BYTES else _oid(body)


@lru_cache(maxsize=65_536)
def _kept_oid(body: bytes) -> Oid:
    return _oid(body)


def _oid(body: bytes) -> Oid:
    if len(body) > MOST_IDENTIFIER_BYTES:
        raise Malformed("an identifier that cannot be")
    numbers: list[int] = []
    number = 0
    for byte in body:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
        elif number >= 1 << 32:
            raise Malformed("a number of more than 32 bits in an identifier")
    if not numbers or body[-1] >= 0x80 or len(numbers) > MOST_NUMBERS:
        raise Malformed("an identifier that cannot be")
    first = min(2, numbers[0] // 40)
    return (first, numbers[0] - 40 * first, *numbers[1:])


def bindings(data: bytes, at: int, end: int) -> Iterator[Binding]:
    """Read variable bindings."""
    while at < end:
        begin, at = expect(data, at, end, SEQUENCE)
        name, after = expect(data, begin, at, OBJECT)
        tag, start, stop = read(data, after, at)
        yield oid_of(data[name:after]), _value(tag, data[start:stop])


def _value(tag: int, body: bytes) -> Value:
    kind = KINDS.get(tag)
    if kind is None:
        raise Malformed(f"a value of type {tag:#x}")
    if kind is Kind.INTEGER:
        if not 1 <= len(body) <= 9:
            raise Malformed("a number that cannot be")
        return Value(kind, int.from_bytes(body, "big", signed=True))
    bits = _BITS.get(kind)
    if bits is not None:
        if len(body) > 9:
            raise Malformed("a number that cannot be")
        return Value(kind, int.from_bytes(body, "big") & ((1 << bits) - 1))
    if kind in _BYTES:
        return Value(kind, body)
    if kind is Kind.OID:
        return Value(kind, oid_of(body) if body else (0, 0))
    return Value(kind, None)
