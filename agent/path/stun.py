"""STUN binding messages (RFC 8489): 'what address do you see me at?'. Sans-IO.

Requests are padded, so that our own server never answers with more bytes than it was asked with:
whoever forges a source address gains nothing.
"""

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HEADER: Final = struct.Struct("!HHI12s")
COOKIE: Final = 0x2112_A442
BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111
MAPPED_ADDRESS: Final = 0x0001
ERROR_CODE: Final = 0x0009
XOR_MAPPED_ADDRESS: Final = 0x0020
SOFTWARE: Final = 0x8022
PADDING_BYTES: Final = 24
"""In the SOFTWARE attribute of a request: it makes 48 bytes; an answer with IPv6 has 44."""
_FAMILIES: Final = {1: 4, 2: 16}


class NotStun(ValueError):
    """Bytes that are no answer to this request; says what is wrong."""


class StunRefused(Exception):
    """The server answered with an error; ``code`` is that of RFC 8489 section 14.8."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"STUN error {code} {reason}".strip())


@dataclass(frozen=True, slots=True)
class Seen:
    """Address and port as the server saw them."""

    address: str
    port: int


def binding_request(transaction: bytes) -> bytes:
    """Ask; ``transaction`` is 12 random bytes."""
    padding = b"hakaru".ljust(PADDING_BYTES, b".")
    return _message(BINDING_REQUEST, transaction, [(SOFTWARE, padding)])


def read_binding_response(message: bytes, transaction: bytes) -> Seen:
    """Read the answer to one request. Raises :class:`NotStun` or :class:`StunRefused`."""
    kind, attributes = _read(message)
    if message[8:20] != transaction:
        raise NotStun("the answer to another request")
    if kind == BINDING_ERROR:
        raise _refusal(dict(attributes).get(ERROR_CODE, b""))
    if kind != BINDING_SUCCESS:
        raise NotStun(f"a message of type {kind:#06x}")
    found: dict[int, bytes] = {}
    for name, value in attributes:
        found.setdefault(name, value)  # RFC 8489 section 14: the first counts
    if XOR_MAPPED_ADDRESS in found:
        return _address(found[XOR_MAPPED_ADDRESS], COOKIE.to_bytes(4, "big") + transaction)
    if MAPPED_ADDRESS in found:  # servers of RFC 3489
        return _address(found[MAPPED_ADDRESS], bytes(16))
    raise NotStun("an answer without a mapped address")


def answer(message: bytes, address: str, port: int) -> bytes | None:
    """Answer a binding request that came from ``address`` and ``port``, as a server.

    None where it is no such request, or where the answer would be longer than the request.
    """
    try:
        kind, _ = _read(message)
    except NotStun:
        return None
    if kind != BINDING_REQUEST:
        return None
    transaction = message[8:20]
    key = COOKIE.to_bytes(4, "big") + transaction
    packed = ipaddress.ip_address(address).packed
    value = struct.pack("!BBH", 0, 1 if len(packed) == 4 else 2, port ^ COOKIE >> 16)
    value += _xor(packed, key)
    response = _message(BINDING_SUCCESS, transaction, [(XOR_MAPPED_ADDRESS, value)])
    return response if len(response) <= len(message) else None


def _message(kind: int, transaction: bytes, attributes: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(
        struct.pack("!HH", name, len(value)) + value.ljust(-(-len(value) // 4) * 4, b"\0")
        for name, value in attributes
    )
    return HEADER.pack(kind, len(body), COOKIE, transaction) + body


def _read(message: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    if len(message) < HEADER.size:
        raise NotStun("too short")
    kind, length, cookie, _ = HEADER.unpack_from(message)
    if kind & 0xC000 or cookie != COOKIE or length % 4 or length != len(message) - HEADER.size:
        raise NotStun("no STUN header")
    return kind, list(_attributes(message[HEADER.size :]))


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        name, length = struct.unpack_from("!HH", body, at)
        at += 4
        if at + length > len(body):
            raise NotStun("an attribute that is cut")
        yield name, body[at : at + length]
        at += -(-length // 4) * 4


def _address(value: bytes, key: bytes) -> Seen:
    size = _FAMILIES.get(value[1]) if len(value) >= 4 else None
    if size is None or len(value) != 4 + size:
        raise NotStun("an address of no known kind")
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(key[:2], "big")
    return Seen(str(ipaddress.ip_address(_xor(value[4:], key))), port)


def _refusal(value: bytes) -> StunRefused:
    if len(value) < 4:
        return StunRefused(0, "")
    reason = value[4:].decode("utf-8", "replace")[:100]
    shown = "".join(char if char.isprintable() else "?" for char in reason)
    return StunRefused((value[2] & 7) * 100 + value[3], shown)


def _xor(value: bytes, key: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(value, key, strict=False))
