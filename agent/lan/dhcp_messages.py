"""DHCP messages (RFC 2131, RFC 2132) in whole Ethernet frames: two that are asked, all read. Pure.

Only DISCOVER and INFORM can be built here: neither takes a lease. There is no REQUEST.
"""

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from agent.lan.packet_socket import BROADCAST, ETHERTYPE_IPV4
from agent.path.bpf import (
    HEADER_LENGTH_TO_X,
    JUMP_ANY_BIT,
    JUMP_EQUAL,
    LOAD_BYTE,
    LOAD_HALF,
    LOAD_HALF_X,
    RETURN,
    Step,
)

CLIENT_PORT: Final = 68
SERVER_PORT: Final = 67
_MAGIC: Final = b"\x63\x82\x53\x63"
_BOOTP: Final = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_IP: Final = struct.Struct("!BBHHHBBH4s4s")
_UDP: Final = struct.Struct("!HHHH")
_LEAST_BYTES: Final = 300
"""Old relays drop shorter messages (RFC 1542 section 2.1)."""
_ANSWER_BY_BROADCAST: Final = 0x8000
_REPLY: Final = 2
_NOBODY: Final = IPv4Address(0)
_EVERYBODY: Final = IPv4Address(0xFFFFFFFF)
_KIND, _SERVER, _WANTED, _CLIENT, _END, _PAD = 53, 54, 55, 61, 255, 0
_USUAL: Final = bytes((1, 3, 6, 51))
"""What clients ask for: mask, router, DNS, lease time."""


class Kind(IntEnum):
    """Message types (RFC 2132 section 9.6)."""

    DISCOVER = 1
    OFFER = 2
    ACK = 5
    NAK = 6
    INFORM = 8


class Answer(NamedTuple):
    """What a server said."""

    kind: int
    transaction: int
    client: bytes
    server: IPv4Address
    """As it calls itself; where it does not, the sender of the packet."""


def discover(link_address: bytes, transaction: int) -> bytes:
    """A frame that asks all servers for an offer, to be given by broadcast."""
    options = _option(_KIND, bytes((Kind.DISCOVER,)))
    options += _option(_CLIENT, b"\x01" + link_address) + _option(_WANTED, _USUAL)
    message = _message(link_address, transaction, _ANSWER_BY_BROADCAST, _NOBODY, options)
    return _frame(link_address, _NOBODY, message)


def inform(link_address: bytes, own: IPv4Address, transaction: int) -> bytes:
    """A frame that asks for settings beside an address that we have: no address is given out."""
    options = _option(_KIND, bytes((Kind.INFORM,))) + _option(_WANTED, _USUAL)
    message = _message(link_address, transaction, 0, own, options)
    return _frame(link_address, own, message)


def read(frame: bytes) -> Answer | None:
    """Read a frame; None for anything but a server's answer."""
    if len(frame) < 14 + 20 or frame[12:14] != ETHERTYPE_IPV4.to_bytes(2):
        return None
    header = 4 * (frame[14] & 0x0F)
    udp = 14 + header
    start = udp + _UDP.size
    if header < 20 or frame[23] != socket.IPPROTO_UDP or len(frame) < start + _BOOTP.size + 4:
        return None
    if struct.unpack_from("!HH", frame, udp) != (SERVER_PORT, CLIENT_PORT):
        return None
    way, hardware, size, _, transaction, _, _, _, _, _, _, client, _, _ = _BOOTP.unpack_from(
        frame, start
    )
    body = frame[start + _BOOTP.size :]
    if (way, hardware, size) != (_REPLY, 1, 6) or body[:4] != _MAGIC:
        return None
    kind, server = 0, IPv4Address(frame[26:30])
    for code, value in _options(body[4:]):
        if code == _KIND and len(value) == 1:
            kind = value[0]
        elif code == _SERVER and len(value) == 4:
            server = IPv4Address(value)
    return Answer(kind, transaction, client[:6], server) if kind else None


def only_answers() -> list[Step]:
    """Filter: UDP to the port of DHCP clients."""
    return [
        Step(LOAD_HALF, 12),
        Step(JUMP_EQUAL, ETHERTYPE_IPV4, no="drop"),
        Step(LOAD_BYTE, 23),
        Step(JUMP_EQUAL, socket.IPPROTO_UDP, no="drop"),
        Step(LOAD_HALF, 20),
        Step(JUMP_ANY_BIT, 0x1FFF, yes="drop"),  # a later fragment has no ports
        Step(HEADER_LENGTH_TO_X, 14),
        Step(LOAD_HALF_X, 16),
        Step(JUMP_EQUAL, CLIENT_PORT, no="drop"),
        Step(RETURN, 0xFFFF),
        Step(RETURN, 0, label="drop"),
    ]


def _options(body: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(body) and body[place] != _END:
        if body[place] == _PAD:
            place += 1
            continue
        if place + 1 >= len(body):
            return
        length = body[place + 1]
        value = body[place + 2 : place + 2 + length]
        if len(value) < length:
            return
        yield body[place], value
        place += 2 + length


def _option(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value


def _message(
    link_address: bytes, transaction: int, flags: int, own: IPv4Address, options: bytes
) -> bytes:
    nobody = _NOBODY.packed
    head = _BOOTP.pack(
        1,
        1,
        6,
        0,
        transaction,
        0,
        flags,
        own.packed,
        nobody,
        nobody,
        nobody,
        link_address,
        b"",
        b"",
    )
    whole = head + _MAGIC + options + bytes((_END,))
    return whole.ljust(_LEAST_BYTES, b"\0")


def _frame(link_address: bytes, own: IPv4Address, message: bytes) -> bytes:
    length = _UDP.size + len(message)
    pseudo = own.packed + _EVERYBODY.packed + struct.pack("!BBH", 0, socket.IPPROTO_UDP, length)
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, 0)
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, length, _sum(pseudo + udp + message) or 0xFFFF)
    head = (0x45, 0, _IP.size + length, 0, 0, 64, socket.IPPROTO_UDP)
    ip = _IP.pack(*head, 0, own.packed, _EVERYBODY.packed)
    ip = _IP.pack(*head, _sum(ip), own.packed, _EVERYBODY.packed)
    return BROADCAST + link_address + ETHERTYPE_IPV4.to_bytes(2) + ip + udp + message


def _sum(data: bytes) -> int:
    """Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
