"""The engine that traces with ordinary sockets: no privilege for UDP, no scapy.

Linux keeps ICMP errors for a socket that asks (ip(7), IP_RECVERR), with who sent them. The kernel
builds the packets: a flow is a connected socket, so its head never changes but for the time to
live. What a router quotes tells which probe it means: of ICMP always, since the eight bytes that it
must quote (RFC 792) hold the sequence; of UDP they may hold no more than the header, so there one
probe is open at a time. Labels of MPLS are not seen, and
TCP is not possible: its packets are the kernel's own.
"""

import contextlib
import errno
import select
import socket
from types import TracebackType
from typing import Final, Self

from agent.clock import Clock
from agent.error_queue import Error, clear_pending, errors, want_errors
from agent.latency.packet import ECHO_REPLY, echo_request, read_echo, without_ipv4_header
from agent.path.engine import NotHere
from agent.path.flows import MARK, echo_payload, identifier, source_port, udp_payload, udp_tag
from agent.path.replies import Event, NotSent, Reply, Sent, kind_of_icmp
from agent.path.trace import Probe
from agent.resolve import Address

MOST_AT_ONCE: Final = 200
FORGET_SECONDS: Final = 3.0
"""An answer without a tag that comes later is taken for nobody's."""
_IN_USE: Final = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)
_NOT_PERMITTED: Final = (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT)


class SocketEngine:
    """Connected sockets, one a flow. Raises :class:`NotHere` for what they cannot do."""

    def __init__(self, address: Address, protocol: str, port: int, clock: Clock) -> None:
        self.at_once = 12 if protocol == "icmp" else 1
        if protocol == "tcp":
            raise NotHere(
                "without raw packets there is no TCP trace",
                "give it CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW), or trace with "
                "udp or icmp",
            )
        self._address = address
        self._version = 6 if len(address) == 4 else 4
        self._protocol = protocol
        self._port = port
        self._clock = clock
        self._sockets: dict[int, socket.socket] = {}
        self._identifiers: dict[int, int] = {}
        self._open: dict[int, tuple[int, float]] = {}
        """Flow and moment of sending by tag, of what was not answered."""
        self._events: list[Event] = []
        self.words = f"{protocol.upper()} sockets of the kernel (IP_RECVERR), stamped here"
        try:
            self._socket(0)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise
            raise NotHere(
                "this program may not open an ICMP socket",
                "allow its group (sysctl net.ipv4.ping_group_range), or trace with udp",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for sock in self._sockets.values():
            sock.close()

    def send(self, probe: Probe) -> None:
        """Send one probe at once."""
        sock = self._socket(probe.flow)
        if self._version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, probe.hops)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, probe.hops)
        clear_pending(sock)
        at_seconds = self._clock.monotonic_seconds()
        try:
            sock.send(self._message(probe))
        except OSError as error:
            self._events.append(NotSent(tag=probe.tag, number=error.errno or errno.EIO))
            return
        self._open[probe.tag] = (probe.flow, at_seconds)
        self._events.append(Sent(tag=probe.tag, at_seconds=at_seconds))

    def fileno(self) -> int:
        """Of flow 0, for whoever waits for several sockets at once."""
        return self._socket(0).fileno()

    def poll(self, timeout_seconds: float) -> list[Event]:
        """Wait up to ``timeout_seconds`` and give what has come, possibly nothing."""
        if not self._events:
            poller = select.poll()
            flows = {sock.fileno(): flow for flow, sock in self._sockets.items()}
            for number in flows:
                poller.register(number, select.POLLIN)  # POLLERR is always reported
            for number, _ in poller.poll(max(0, round(timeout_seconds * 1000))):
                self._take(flows[number])
        events, self._events = self._events, []
        return events

    def _socket(self, flow: int) -> socket.socket:
        if flow not in self._sockets:
            sock = self._icmp(flow) if self._protocol == "icmp" else self._udp(flow)
            try:
                sock.setblocking(False)
                want_errors(sock)
                sock.connect((self._address[0], self._port, *self._address[2:]))
            except OSError:
                sock.close()
                raise
            self._sockets[flow] = sock
            self._identifiers.setdefault(flow, int(sock.getsockname()[1]))
        return self._sockets[flow]

    def _udp(self, flow: int) -> socket.socket:
        family = socket.AF_INET6 if self._version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        _bind_if_free(sock, source_port(flow))
        return sock

    def _icmp(self, flow: int) -> socket.socket:
        family, number = (
            (socket.AF_INET6, socket.IPPROTO_ICMPV6)
            if self._version == 6
            else (socket.AF_INET, socket.IPPROTO_ICMP)
        )
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM, number)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise
            self._identifiers[flow] = identifier(flow)
            return socket.socket(family, socket.SOCK_RAW, number)
        _bind_if_free(sock, identifier(flow))
        return sock

    def _message(self, probe: Probe) -> bytes:
        if self._protocol == "udp":
            return udp_payload(probe.tag)
        ours = self._identifiers[probe.flow]
        return echo_request(self._version, ours, probe.tag, echo_payload(probe.tag))

    def _take(self, flow: int) -> None:
        sock = self._sockets[flow]
        now = self._clock.monotonic_seconds()
        self._open = {
            tag: entry for tag, entry in self._open.items() if now < entry[1] + FORGET_SECONDS
        }
        for error in errors(sock):
            self._note_error(flow, error, now)
        for _ in range(MOST_AT_ONCE):
            try:
                message = sock.recv(2_048)
            except BlockingIOError:
                break
            except OSError:  # the copy of an entry in the error queue; reading it has cleared it
                continue
            self._note_answer(flow, message, now)

    def _note_error(self, flow: int, error: Error, now: float) -> None:
        tag = self._tag(flow, error.quoted)
        if tag is None:
            return
        if error.icmp is None:
            self._events.append(NotSent(tag=tag, number=error.number))
            return
        kind = kind_of_icmp(self._version, *error.icmp)
        if kind in ("time_exceeded", "unreachable"):
            self._open.pop(tag, None)
            self._events.append(
                Reply(tag=tag, at_seconds=now, address=error.reporter, kind=kind, icmp=error.icmp)
            )

    def _note_answer(self, flow: int, message: bytes, now: float) -> None:
        if self._protocol == "udp":
            tag = udp_tag(message) if MARK in message[:8] else self._only_open(flow)
            if tag is None:
                return
            self._open.pop(tag, None)
            self._events.append(
                Reply(tag=tag, at_seconds=now, address=self._address[0], kind="udp_reply")
            )
            return
        raw_4 = self._version == 4 and self._sockets[flow].type == socket.SOCK_RAW
        echo = read_echo(without_ipv4_header(message) if raw_4 else message)
        if (
            echo is not None
            and echo.type == ECHO_REPLY[self._version]
            and echo.identifier == self._identifiers[flow]
        ):
            self._open.pop(echo.sequence, None)
            self._events.append(
                Reply(
                    tag=echo.sequence,
                    at_seconds=now,
                    address=self._address[0],
                    kind="echo_reply",
                )
            )

    def _tag(self, flow: int, quoted: bytes) -> int | None:
        if self._protocol == "udp":
            tag = udp_tag(quoted)
            return self._only_open(flow) if tag is None else tag
        echo = read_echo(quoted)
        if echo is None or echo.identifier != self._identifiers[flow]:
            return None
        return echo.sequence

    def _only_open(self, flow: int) -> int | None:
        """The probe that an answer without tag must mean; None where there are several."""
        tags = [tag for tag, (of, _) in self._open.items() if of == flow]
        return tags[0] if len(tags) == 1 else None


def _bind_if_free(sock: socket.socket, number: int) -> None:
    """Take the usual port or identifier; another program's use of it costs comparability only."""
    with contextlib.suppress(OSError):
        sock.bind(("", number))
