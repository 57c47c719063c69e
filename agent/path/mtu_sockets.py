"""Datagrams that nobody may fragment, and what becomes of them: ICMP echo, or UDP to a closed port.

IP_PMTUDISC_PROBE sets 'do not fragment' and forgets what the kernel has learnt of the path, so
each size is really tried. An answer is an echo reply, or the 'port unreachable' of the host itself.
"""

import errno
import select
import socket
from types import TracebackType
from typing import Final, Self

from agent.clock import Clock
from agent.error_queue import Error, clear_pending, errors, never_fragment, want_errors
from agent.failure import BY_ERRNO
from agent.latency.packet import (
    ECHO_REPLY,
    echo_request,
    name_error,
    read_echo,
    without_ipv4_header,
)
from agent.path.flows import DEFAULT_PORT, MARK
from agent.path.mtu_search import Passed, Refused, TooBig
from agent.path.replies import PORT_UNREACHABLE
from agent.resolve import Address
from wire.failure import FailureCode, Operation

_NOT_PERMITTED: Final = (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT)
_TOO_BIG: Final = {4: (3, 4), 6: (2, 0)}
_MOST_AT_ONCE: Final = 100
HEADERS_BYTES: Final = {4: 28, 6: 48}
"""IP without options, and 8 bytes of ICMP or UDP."""


class SizeSocket:
    """One connected socket; one packet is under way at a time. Raises OSError where not allowed."""

    def __init__(self, address: Address, protocol: str, identifier: int, clock: Clock) -> None:
        self.version = 6 if len(address) == 4 else 4
        self.protocol = protocol
        self._address = address[0].partition("%")[0]
        self._clock = clock
        self._raw = False
        self._socket = self._icmp() if protocol == "icmp" else self._udp()
        try:
            self._socket.setblocking(False)
            want_errors(self._socket)
            never_fragment(self._socket)
            self._socket.connect((address[0], DEFAULT_PORT["udp"], *address[2:]))
        except OSError:
            self._socket.close()
            raise
        self._identifier = identifier if self._raw else int(self._socket.getsockname()[1])
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def trial(self, size_bytes: int, timeout_seconds: float) -> Passed | TooBig | Refused | None:
        """Send one IP packet of ``size_bytes``; None where nothing came within the time."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        clear_pending(self._socket)
        list(errors(self._socket))  # what came too late for the size before
        started = self._clock.monotonic_seconds()
        try:
            self._socket.send(self._message(size_bytes))
        except OSError as refused:
            return self._local(refused, size_bytes)
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)  # POLLERR is always reported
        while (left := started + timeout_seconds - self._clock.monotonic_seconds()) > 0:
            if not poller.poll(left * 1000):
                continue
            for error in errors(self._socket):
                if (verdict := self._judge(error, started)) is not None:
                    return verdict
            if self._answered():
                return Passed(self._clock.monotonic_seconds() - started)
        return None

    def rest(self, seconds: float) -> None:
        """Send nothing for a while."""
        until = self._clock.monotonic_seconds() + seconds
        while (left := until - self._clock.monotonic_seconds()) > 0:
            select.select([], [], [], left)

    def _icmp(self) -> socket.socket:
        family, number = (
            (socket.AF_INET6, socket.IPPROTO_ICMPV6)
            if self.version == 6
            else (socket.AF_INET, socket.IPPROTO_ICMP)
        )
        try:
            return socket.socket(family, socket.SOCK_DGRAM, number)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise
            self._raw = True
            return socket.socket(family, socket.SOCK_RAW, number)

    def _udp(self) -> socket.socket:
        family = socket.AF_INET6 if self.version == 6 else socket.AF_INET
        return socket.socket(family, socket.SOCK_DGRAM)

    def _message(self, size_bytes: int) -> bytes:
        head = MARK + self._sequence.to_bytes(2, "big")
        payload = head.ljust(size_bytes - HEADERS_BYTES[self.version], b"\0")
        if self.protocol == "udp":
            return payload
        return echo_request(self.version, self._identifier, self._sequence, payload)

    def _local(self, error: OSError, size_bytes: int) -> TooBig | Refused:
        queued = [item.info for item in errors(self._socket) if item.icmp is None and item.info]
        if error.errno == errno.EMSGSIZE:
            mtu = queued[-1] if queued else 0
            return TooBig(mtu if mtu < size_bytes else 0, "")
        code = BY_ERRNO.get(error.errno or 0, FailureCode.PROTOCOL_ERROR)
        text = f"not sent to {self._address} by this machine: {error.strerror or error}"
        return Refused(code, Operation.SEND, text)

    def _judge(self, error: Error, started: float) -> Passed | TooBig | Refused | None:
        """Say what an error means; None where it is about another packet."""
        if not self._is_about_this(error.quoted):
            return None
        if error.icmp is None:
            return None if error.number != errno.EMSGSIZE else TooBig(error.info, "")
        if error.icmp == _TOO_BIG[self.version]:
            return TooBig(error.info, error.reporter)
        if self.protocol == "udp" and error.icmp == PORT_UNREACHABLE[self.version]:
            return Passed(self._clock.monotonic_seconds() - started)
        named = name_error(self.version, *error.icmp)
        if named is None:
            return None
        return Refused(named[0], Operation.RECEIVE, f"{named[1]}, reported by {error.reporter}")

    def _is_about_this(self, quoted: bytes) -> bool:
        if self.protocol == "udp":
            # a router may quote the UDP header only: one packet is under way, so it is this
            return len(quoted) < 8 or quoted[6:8] == self._sequence.to_bytes(2, "big")
        echo = read_echo(quoted)
        return echo is not None and echo.sequence == self._sequence

    def _answered(self) -> bool:
        for _ in range(_MOST_AT_ONCE):
            try:
                message = self._socket.recv(65_535)
            except BlockingIOError:
                return False
            except OSError:  # the copy of an entry in the error queue; reading it has cleared it
                continue
            if self.protocol == "udp":
                return True
            echo = read_echo(without_ipv4_header(message) if self._raw_4 else message)
            if (
                echo is not None
                and echo.type == ECHO_REPLY[self.version]
                and (echo.identifier, echo.sequence) == (self._identifier, self._sequence)
            ):
                return True
        return False

    @property
    def _raw_4(self) -> bool:
        return self._raw and self.version == 4
