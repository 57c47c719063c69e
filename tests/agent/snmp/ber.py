"""BER of SNMP for the tests' own agent: independent of the product and of its library."""

from collections.abc import Iterator
from functools import lru_cache

Oid = tuple[int, ...]
INTEGER, STRING, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
ADDRESS, COUNTER32, GAUGE32, TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB = 0x80, 0x81, 0x82
GET, NEXT, RESPONSE, BULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA5, 0xA8


def tlv(tag: int, body: bytes) -> bytes:
    """Tag, length, value."""
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A whole number, shortest form."""
    return tlv(tag, value.to_bytes(max(1, (value + (value < 0)).bit_length() // 8 + 1), "big", signed=True))  # fmt: skip # noqa: E501


@lru_cache(65_536)
def oid(value: Oid) -> bytes:
    """An object identifier."""
    first, second, *rest = value if len(value) > 1 else (*value, 0)
    body = bytearray()
    for part in (first * 40 + second, *rest):
        piece = [part & 0x7F]
        while part := part >> 7:
            piece.append(part & 0x7F | 0x80)
        body.extend(reversed(piece))
    return tlv(OID, bytes(body))


def read(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """Tag, value and where the next begins. Raises ValueError where it is cut."""
    try:
        tag, size, start = data[at], data[at + 1], at + 2
    except IndexError:
        raise ValueError("cut short") from None
    if size & 0x80:
        count = size & 0x7F
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + size > len(data):
        raise ValueError("cut short")
    return tag, data[start : start + size], start + size


def items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """What a sequence holds."""
    at = 0
    while at < len(data):
        tag, body, at = read(data, at)
        yield tag, body


def to_int(body: bytes) -> int:
    """Value of an INTEGER."""
    return int.from_bytes(body, "big", signed=True)


def to_oid(body: bytes) -> Oid:
    """Value of an OBJECT IDENTIFIER."""
    parts: list[int] = []
    value = 0
    for byte in body:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            parts.append(value)
            value = 0
    first = min(2, parts[0] // 40)
    return (first, parts[0] - 40 * first, *parts[1:])
