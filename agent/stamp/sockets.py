"""UDP with what STAMP asks of each packet: its moment in the kernel, TTL, DSCP, local address.

Times are of the monotonic clock; a :class:`Stamper` makes wall-clock times of them that a step of
the wall clock during a session does not tear apart.
"""

import errno
import socket
import struct
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.kernel_time import SO_TIMESTAMPNS_NEW, age_seconds, moment
from agent.resolve import Address

_IP_TOS, _IP_TTL, _IP_PKTINFO, _IP_RECVTTL, _IP_RECVTOS = 1, 2, 8, 12, 13
_IPV6_RECVPKTINFO, _IPV6_PKTINFO, _IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 49, 50, 51, 52
_IPV6_RECVTCLASS, _IPV6_TCLASS = 66, 67
_MAX_PACKET_BYTES: Final = 65_535
_ANCILLARY_BYTES: Final = 512
GONE: Final = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
"""Errors by ICMP that a connected UDP socket reports, in the way of the next call."""


@dataclass(frozen=True, slots=True)
class Received:
    """A packet and what the kernel said of it; ``ttl`` is 255 where it said nothing."""

    data: bytes
    peer: Address
    at_seconds: float
    ttl: int = 255
    dscp: int = 0
    local: tuple[int, int, bytes] | None = None
    """Ancillary message that makes an answer leave from the address that was asked."""


class Stamper:
    """Moments of the monotonic clock as nanoseconds of Unix time, by one look at both clocks."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic, self._wall_ns = moment(clock)

    def at(self, monotonic_seconds: float) -> int:
        """Nanoseconds of Unix time at a moment of the monotonic clock."""
        return self._wall_ns + round((monotonic_seconds - self._monotonic) * 1e9)


def prepare(sock: socket.socket, *, dscp: int = 0) -> None:
    """Ask for time stamps, TTL, traffic class and local address; send with ``dscp``."""
    sock.setblocking(False)
    _set(sock, socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1)
    if sock.family == socket.AF_INET6:
        for option in (_IPV6_RECVHOPLIMIT, _IPV6_RECVTCLASS, _IPV6_RECVPKTINFO):
            _set(sock, socket.IPPROTO_IPV6, option, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_TCLASS, dscp << 2)
    else:
        for option in (_IP_RECVTTL, _IP_RECVTOS, _IP_PKTINFO):
            _set(sock, socket.IPPROTO_IP, option, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_TOS, dscp << 2)


def receive(sock: socket.socket, clock: Clock) -> Received:
    """Take one packet. Raises BlockingIOError where there is none, OSError for what ICMP said."""
    data, ancillary, _, peer = sock.recvmsg(_MAX_PACKET_BYTES, _ANCILLARY_BYTES)
    now, wall_ns = moment(clock)
    ttl, dscp, age, local = 255, 0, 0.0, None
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS_NEW:
            age = age_seconds(value, wall_ns)
        elif (level, kind) in ((0, _IP_TTL), (socket.IPPROTO_IPV6, _IPV6_HOPLIMIT)):
            ttl = min(struct.unpack("=i", value[:4])[0], 255)
        elif (level, kind) in ((0, _IP_TOS), (socket.IPPROTO_IPV6, _IPV6_TCLASS)):
            dscp = value[0] >> 2  # one byte, or an int in little-endian order
        elif (level, kind) == (0, _IP_PKTINFO):
            local = (level, kind, bytes(4) + value[4:8] + bytes(4))
        elif (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
            local = (level, kind, value)
    return Received(data, peer, now - age, ttl, dscp, local)


def answer(sock: socket.socket, data: bytes, to: Received) -> None:
    """Send back to where ``to`` came from, from where it arrived, with its DSCP.

    Raises OSError where the kernel does not take it.
    """
    if sock.family == socket.AF_INET6:
        marks = [(socket.IPPROTO_IPV6, _IPV6_TCLASS, struct.pack("=i", to.dscp << 2))]
    else:
        marks = [(int(socket.IPPROTO_IP), _IP_TOS, struct.pack("=i", to.dscp << 2))]
    local = [to.local] if to.local is not None else []
    sock.sendmsg([data], [*marks, *local], 0, to.peer)


def _set(sock: socket.socket, level: int, option: int, value: int) -> None:
    try:
        sock.setsockopt(level, option, value)
    except OSError:  # an old kernel: the figure is coarser
        return
