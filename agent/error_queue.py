"""ICMP errors as Linux hands them to a socket (ip(7), IP_RECVERR): who said what about which."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Numbers of the Linux ABI that the socket module does not name.
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
MSG_ERRQUEUE: Final = 0x2000
IP_MTU_DISCOVER: Final = 10
IPV6_MTU_DISCOVER: Final = 23
IPV6_DONTFRAG: Final = 62
PMTUDISC_PROBE: Final = 3
EXTENDED_ERROR: Final = struct.Struct("=IBBBBII")
"""errno, origin, type, code, padding, info, data; the address of who reports it follows."""
_ORIGIN_LOCAL: Final = 1
_ORIGINS_ICMP: Final = (2, 3)
_MOST_AT_ONCE: Final = 200
_LEVELS: Final = ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """One entry of the queue."""

    quoted: bytes
    """What came back of the packet, from the payload on (ICMP sockets: from the ICMP header)."""
    number: int
    """The errno that Linux makes of it."""
    icmp: tuple[int, int] | None
    """Type and code; None where this machine itself refused."""
    info: int
    """The MTU, where the packet was too big."""
    reporter: str
    """Address of who says so; empty where nobody is named."""


def want_errors(sock: socket.socket) -> None:
    """Have the kernel keep ICMP errors for this socket."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def never_fragment(sock: socket.socket) -> None:
    """Send whole or not at all, whatever the kernel has learnt of the path (RFC 4821 style)."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DONTFRAG, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE)


def errors(sock: socket.socket) -> Iterator[Error]:
    """Give the entries of the queue of a socket that does not block."""
    for _ in range(_MOST_AT_ONCE):
        try:
            quoted, ancillary, _, _ = sock.recvmsg(2_048, 512, MSG_ERRQUEUE)
        except BlockingIOError:
            return
        for level, kind, data in ancillary:
            if (level, kind) in _LEVELS and len(data) >= EXTENDED_ERROR.size:
                number, origin, type_, code, _, info, _ = EXTENDED_ERROR.unpack_from(data)
                by_icmp = origin in _ORIGINS_ICMP
                if by_icmp or origin == _ORIGIN_LOCAL:
                    yield Error(
                        quoted=quoted,
                        number=number,
                        icmp=(type_, code) if by_icmp else None,
                        info=info,
                        reporter=reporter_of(data[EXTENDED_ERROR.size :]) if by_icmp else "",
                    )


def clear_pending(sock: socket.socket) -> None:
    """Take away the error that the next call would raise about an earlier packet."""
    with contextlib.suppress(OSError):
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def reporter_of(sockaddr: bytes) -> str:
    """Address in a struct sockaddr_in or sockaddr_in6; empty where there is none."""
    if len(sockaddr) < 16:
        return ""
    (family,) = struct.unpack_from("=H", sockaddr)
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return ""
