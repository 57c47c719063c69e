"""The sockets that ICMP echo travels by.

Linux gives two. The *datagram* ICMP socket needs no privilege, only a group within
``net.ipv4.ping_group_range`` (for both families); the kernel chooses the identifier and hands
over nothing but our replies. The *raw* socket needs CAP_NET_RAW and sees everybody's; a filter
in the kernel keeps all but echo replies from it. Both are connected, so replies of other hosts
stay out, and both report ICMP errors on their error queue (ip(7), IP_RECVERR).

Round trips are taken from the monotonic clock. The kernel also stamps each packet with the wall
clock on arrival (SO_TIMESTAMPNS); the difference between that stamp and the wall clock at
reading is the packet's *age*, the time it lay there while this program was not running, and it
is taken off. The wall clock is thus used over microseconds only, and a step of it cannot make
a round trip (see :meth:`agent.latency.train.Train.note_reply`).
"""

import errno
import math
import os
import select
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol, Self

from agent.clock import Clock
from agent.error_queue import EXTENDED_ERROR, IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE, reporter_of
from agent.failure import BY_ERRNO, MeasurementFailed
from agent.kernel_time import SO_TIMESTAMPNS_NEW, arrival
from agent.latency.packet import (
    ECHO_REPLY,
    ECHO_REQUEST,
    echo_request,
    name_error,
    read_echo,
    without_ipv4_header,
)
from agent.latency.train import Reply, Trouble
from wire.failure import FailureCode, Operation

Address = tuple[str, int] | tuple[str, int, int, int]

# Numbers of the Linux ABI that the socket module does not name.
_IP_RECVTTL: Final = 12
_IPV6_RECVHOPLIMIT: Final = 51
_HOP_LIMITS: Final = ((socket.IPPROTO_IP, 2), (socket.IPPROTO_IPV6, 52))
"""Levels and kinds of what these two bring: an int."""
_ORIGIN_ICMP: Final = (2, 3)
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_ICMP6_FILTER: Final = 1
_MAX_PACKET_BYTES: Final = 65_535
_ANCILLARY_BYTES: Final = 512
_MAX_AT_ONCE: Final = 1_000
"""Messages read in one go, so that a flood of them cannot hold up the schedule."""
_NOT_HERE: Final = (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT)
_HOW_TO_PERMIT: Final = (
    "ICMP echo is not permitted to this program. Either allow its group the unprivileged socket: "
    "sysctl -w net.ipv4.ping_group_range='GID GID' (for IPv6 too); or give it CAP_NET_RAW "
    "(systemd: AmbientCapabilities=CAP_NET_RAW)."
)


class Echoes(Protocol):
    """What the probe needs of a socket."""

    def send(self, sequence: int) -> float:
        """Send one request and give the moment of it, in seconds of the monotonic clock.

        Raises OSError where the kernel does not take it.
        """
        ...

    def poll(self, timeout_seconds: float) -> list[Reply | Trouble]:
        """Wait up to ``timeout_seconds`` and give what has come, possibly nothing."""
        ...


class EchoSocket:
    """One connected ICMP socket, datagram or raw, for one address."""

    def __init__(self, address: Address, clock: Clock, identifier: int, payload: bytes) -> None:
        self.version = 6 if len(address) == 4 else 4
        self._clock = clock
        self._payload = payload
        self.kind, self._socket = _open(self.version)
        try:
            self._prepare(address)
            self._identifier = (
                identifier if self.kind == "raw" else int(self._socket.getsockname()[1])
            )
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For whoever waits for several of these at once."""
        return self._socket.fileno()

    def send(self, sequence: int) -> float:
        """Send one request and give the moment of it, in seconds of the monotonic clock.

        Raises OSError where the kernel does not take it.
        """
        message = echo_request(self.version, self._identifier, sequence, self._payload)
        sent_at = self._clock.monotonic_seconds()
        try:
            self._socket.send(message)
        except OSError:  # an ICMP error about an earlier packet comes up here, once, in our way
            sent_at = self._clock.monotonic_seconds()
            self._socket.send(message)
        return sent_at

    def poll(self, timeout_seconds: float) -> list[Reply | Trouble]:
        """Wait up to ``timeout_seconds`` and give what has come, possibly nothing."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)  # POLLERR is always reported
        if not poller.poll(math.ceil(max(timeout_seconds, 0.0) * 1000)):
            return []
        return [*self._troubles(), *self._replies()]

    def _prepare(self, address: Address) -> None:
        sock = self._socket
        sock.setblocking(False)
        self.stamped = _set(sock, socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1)
        if self.version == 6:
            _set(sock, socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            _set(sock, socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, 1)
        else:
            _set(sock, socket.IPPROTO_IP, IP_RECVERR, 1)
            _set(sock, socket.IPPROTO_IP, _IP_RECVTTL, 1)
        if self.kind == "raw":
            _let_in_replies_only(sock, self.version)
        sock.connect(address)

    def _replies(self) -> Iterator[Reply | Trouble]:
        for message, ancillary in self._drain(0):
            raw_4 = self.kind == "raw" and self.version == 4
            echo = read_echo(without_ipv4_header(message) if raw_4 else message)
            if (
                echo is not None
                and echo.type == ECHO_REPLY[self.version]
                and echo.identifier == self._identifier
                and echo.payload == self._payload
            ):
                now, age = arrival(ancillary, self._clock)
                yield Reply(echo.sequence, now, age, _hop_limit(ancillary))

    def _troubles(self) -> Iterator[Trouble]:
        for quoted, ancillary in self._drain(MSG_ERRQUEUE):
            echo = read_echo(quoted)
            if (
                echo is None
                or echo.type != ECHO_REQUEST[self.version]
                or echo.identifier != self._identifier
            ):
                continue
            for level, kind, data in ancillary:
                if (level, kind) in _ERROR_MESSAGES and len(data) >= EXTENDED_ERROR.size:
                    yield from self._named(echo.sequence, data)

    def _named(self, sequence: int, data: bytes) -> Iterator[Trouble]:
        number, origin, kind, code, _, _, _ = EXTENDED_ERROR.unpack_from(data)
        if origin not in _ORIGIN_ICMP:
            yield local_trouble(OSError(number, ""), sequence)
            return
        named = name_error(self.version, kind, code)
        if named is None:
            return
        failure, words = named
        reporter = reporter_of(data[EXTENDED_ERROR.size :])
        text = f"{words}, reported by {reporter}" if reporter else words
        yield Trouble(sequence, failure, Operation.RECEIVE, text)

    def _drain(self, flags: int) -> Iterator[tuple[bytes, list[tuple[int, int, bytes]]]]:
        for _ in range(_MAX_AT_ONCE):
            try:
                message, ancillary, _, _ = self._socket.recvmsg(
                    _MAX_PACKET_BYTES, _ANCILLARY_BYTES, flags
                )
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in BY_ERRNO and error.errno not in _FROM_QUEUE:
                    raise
                continue  # the copy of an entry in the error queue; reading it has cleared it
            yield message, ancillary


_ERROR_MESSAGES: Final = (
    (socket.IPPROTO_IP, IP_RECVERR),
    (socket.IPPROTO_IPV6, IPV6_RECVERR),
)
_FROM_QUEUE: Final = (errno.EMSGSIZE, errno.EPROTO, errno.ENOPROTOOPT, errno.EOPNOTSUPP)
"""Errors that Linux makes of ICMP messages and that stand in no table of ours."""


def local_trouble(error: OSError, sequence: int) -> Trouble:
    """Name what this machine's kernel answered to sending ``sequence``."""
    code = BY_ERRNO.get(error.errno or 0, FailureCode.PROTOCOL_ERROR)
    words = os.strerror(error.errno or 0)
    return Trouble(sequence, code, Operation.SEND, f"not sent by this machine: {words}")


def _hop_limit(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, value in ancillary:
        if (level, kind) in _HOP_LIMITS and len(value) >= 4:
            return int(struct.unpack_from("=i", value)[0])
    return None


def _open(version: int) -> tuple[str, socket.socket]:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    for kind, number in (("datagram", socket.SOCK_DGRAM), ("raw", socket.SOCK_RAW)):
        try:
            return kind, socket.socket(family, number, protocol)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    raise MeasurementFailed(FailureCode.PERMISSION_DENIED, Operation.PREPARE, _HOW_TO_PERMIT)


def _let_in_replies_only(sock: socket.socket, version: int) -> None:
    reply = ECHO_REPLY[version]
    if version == 4:
        blocked = struct.pack("=I", 0xFFFFFFFF & ~(1 << reply))
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, blocked)
        return
    words = [0xFFFFFFFF] * 8
    words[reply // 32] &= ~(1 << reply % 32)
    sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))


def _set(sock: socket.socket, level: int, option: int, value: int) -> bool:
    try:
        sock.setsockopt(level, option, value)
    except OSError:  # an old kernel or a sandbox: the figure is coarser, and the context says so
        return False
    return True
