"""IPv6 router advertisements (RFC 4861 section 4.2): who offers to be router, which prefixes."""

import ipaddress
import socket
import struct
from typing import Final, NamedTuple

from agent.lan.packet_socket import ETHERTYPE_IPV6

ROUTER_ADVERTISEMENT: Final = 134
_IPV6: Final = 14
_ICMP: Final = _IPV6 + 40
_OPTIONS: Final = _ICMP + 16
_PREFIX_INFORMATION: Final = 3


class Advertisement(NamedTuple):
    """What one router said."""

    router: ipaddress.IPv6Address
    """Its link-local address."""
    lifetime_seconds: int
    """How long it wants to be a default router; 0: it does not."""
    prefixes: frozenset[ipaddress.IPv6Network]


def read(frame: bytes) -> Advertisement | None:
    """Read a frame; None for anything but an advertisement that hosts would take."""
    if len(frame) < _OPTIONS or frame[12:14] != ETHERTYPE_IPV6.to_bytes(2):
        return None
    next_header, hops = frame[_IPV6 + 6], frame[_IPV6 + 7]
    if (next_header, hops) != (socket.IPPROTO_ICMPV6, 255) or frame[_ICMP] != ROUTER_ADVERTISEMENT:
        return None
    router = ipaddress.IPv6Address(frame[_IPV6 + 8 : _IPV6 + 24])
    if not router.is_link_local:
        return None
    (lifetime,) = struct.unpack_from("!H", frame, _ICMP + 6)
    return Advertisement(router, lifetime, frozenset(_prefixes(frame)))


def _prefixes(frame: bytes) -> list[ipaddress.IPv6Network]:
    found = []
    place = _OPTIONS
    while place + 2 <= len(frame):
        kind, size = frame[place], 8 * frame[place + 1]
        if size == 0 or place + size > len(frame):
            break
        if kind == _PREFIX_INFORMATION and size == 32 and frame[place + 2] <= 128:
            address = int.from_bytes(frame[place + 16 : place + 32])
            found.append(ipaddress.IPv6Network((address, frame[place + 2]), strict=False))
        place += size
    return found
