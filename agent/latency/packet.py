"""ICMP echo messages (RFC 792, RFC 4443 section 4) and the errors that answer them. Sans-IO."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wire.failure import FailureCode

HEADER: Final = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""
ECHO_REQUEST: Final[Mapping[int, int]] = {4: 8, 6: 128}
ECHO_REPLY: Final[Mapping[int, int]] = {4: 0, 6: 129}


@dataclass(frozen=True, slots=True)
class Echo:
    """One echo message as it stands on the wire."""

    type: int
    identifier: int
    sequence: int
    payload: bytes


def echo_request(version: int, identifier: int, sequence: int, payload: bytes) -> bytes:
    """Build a request for IP ``version`` 4 or 6.

    Only IPv4 gets a checksum here: that of ICMPv6 covers a pseudo header which the kernel fills
    in (RFC 3542 section 3.1).
    """
    kind = ECHO_REQUEST[version]
    bare = HEADER.pack(kind, 0, 0, identifier, sequence) + payload
    if version == 6:
        return bare
    return HEADER.pack(kind, 0, checksum(bare), identifier, sequence) + payload


def read_echo(message: bytes) -> Echo | None:
    """Read the echo message at the start of ``message``; None where it is cut or has a code."""
    if len(message) < HEADER.size:
        return None
    kind, code, _, identifier, sequence = HEADER.unpack_from(message)
    if code != 0:
        return None
    return Echo(kind, identifier, sequence, message[HEADER.size :])


def without_ipv4_header(packet: bytes) -> bytes:
    """Give what follows the IPv4 header that raw IPv4 sockets deliver; empty where it is cut."""
    header_bytes = (packet[0] & 0x0F) * 4 if packet else 0
    return packet[header_bytes:] if header_bytes >= 20 else b""


def checksum(message: bytes) -> int:
    """Internet checksum (RFC 1071) of ``message`` with its checksum field at zero."""
    if len(message) % 2:
        message += b"\x00"
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def name_error(version: int, kind: int, code: int) -> tuple[FailureCode, str] | None:
    """Name the ICMP error ``kind``/``code`` and say it in words; None where it is no error.

    A redirect, which Linux puts in the error queue too, only advises: the router that sends it
    has forwarded the packet (RFC 792).

    The errno that Linux gives would mislead: it calls 'prohibited by a firewall' in IPv6 the
    same as 'this program may not' and an exceeded time to live 'no route to host'.
    """
    table = _ERRORS_6 if version == 6 else _ERRORS_4
    return table.get((kind, code)) or table.get((kind, None))


_NET: Final = FailureCode.NETWORK_UNREACHABLE
_HOST: Final = FailureCode.HOST_UNREACHABLE
_SIZE: Final = (FailureCode.PROTOCOL_ERROR, "packet too big for the path: lower payload_bytes")
_TTL: Final = (_HOST, "time to live exceeded on the way: a routing loop or a path too long")
_PROHIBITED: Final = "prohibited by a filter on the way"

# RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1
_ERRORS_4: Final[Mapping[tuple[int, int | None], tuple[FailureCode, str]]] = {
    (3, 0): (_NET, "network unreachable"),
    (3, 1): (_HOST, "host unreachable"),
    (3, 2): (_HOST, "the host does not take ICMP"),
    (3, 4): _SIZE,
    (3, 6): (_NET, "network unknown"),
    (3, 7): (_HOST, "host unknown"),
    (3, 9): (_NET, f"network {_PROHIBITED}"),
    (3, 10): (_HOST, f"host {_PROHIBITED}"),
    (3, 11): (_NET, "network unreachable for this type of service"),
    (3, 13): (_HOST, _PROHIBITED),
    (3, None): (_HOST, "destination unreachable"),
    (11, None): _TTL,
    (12, None): (FailureCode.PROTOCOL_ERROR, "parameter problem"),
}
# RFC 4443 section 3
_ERRORS_6: Final[Mapping[tuple[int, int | None], tuple[FailureCode, str]]] = {
    (1, 0): (_NET, "no route to the destination"),
    (1, 1): (_HOST, _PROHIBITED),
    (1, 2): (_NET, "beyond the scope of the source address"),
    (1, 3): (_HOST, "address unreachable"),
    (1, 5): (_HOST, "source address refused by a filter on the way"),
    (1, 6): (_NET, "route to the destination rejected"),
    (1, None): (_HOST, "destination unreachable"),
    (2, None): _SIZE,
    (3, None): _TTL,
    (4, None): (FailureCode.PROTOCOL_ERROR, "parameter problem"),
}
