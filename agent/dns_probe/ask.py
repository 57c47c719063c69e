"""One question to one resolver: UDP, TCP where the answer was cut (RFC 7766 section 5), timed.

The source port is the kernel's choice and the id random, so a guess from outside is not taken
for the answer (RFC 5452): what does not fit the question is left aside and waiting goes on.
Nothing is asked twice: a lost packet is a finding.
"""

import socket
import struct
from dataclasses import dataclass
from random import Random
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address
from agent.web.dial import dial
from wire.failure import Failure, FailureCode, Operation

UDP_PAYLOAD_BYTES: Final = 1232
"""Announced by EDNS: fits every usual path unfragmented (DNS flag day 2020)."""
_MAX_BYTES: Final = 65_535
_RECVERR: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one question: an answer with its time, or why there is none."""

    message: dns.message.Message | None
    seconds: float
    """From the question sent to the answer read, a second try over TCP included."""
    transport: str
    """``udp`` or ``tcp``: which the answer came by, or was last waited for on."""
    truncated: bool = False
    """UDP brought a cut answer first."""
    failure: Failure | None = None


class Asker:
    """Asks one resolver."""

    def __init__(
        self, server: Address, transport: str, timeout_seconds: float, clock: Clock, random: Random
    ) -> None:
        self._server = server
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._random = random

    def ask(self, name: str, kind: str) -> Heard:
        """Ask for the records of ``kind`` (A, AAAA, HTTPS) of ``name``, once. Never raises."""
        query = dns.message.make_query(
            name,
            dns.rdatatype.from_text(kind),
            use_edns=0,
            payload=UDP_PAYLOAD_BYTES,
            id=self._random.getrandbits(16),
        )
        started = self._clock.monotonic_seconds()
        ends_at = started + self._timeout_seconds
        transport, truncated = self._transport, False
        try:
            if transport == "udp":
                message = self._udp(query, ends_at)
                truncated = bool(message.flags & dns.flags.TC)
            if truncated or transport == "tcp":
                transport = "tcp"
                message = self._tcp(query, ends_at)
        except MeasurementFailed as error:
            return Heard(None, self._since(started), transport, truncated, error.failure)
        except OSError as error:
            failure = translate(error, Operation.RECEIVE)
            return Heard(None, self._since(started), transport, truncated, failure)
        return Heard(message, self._since(started), transport, truncated)

    def _since(self, started: float) -> float:
        return self._clock.monotonic_seconds() - started

    def _udp(self, query: dns.message.Message, ends_at: float) -> dns.message.Message:
        family = socket.AF_INET6 if len(self._server) == 4 else socket.AF_INET
        malformed: dns.exception.DNSException | None = None
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            # so that what ICMP says (closed port, no way there) is heard at once; ip(7), ipv6(7)
            sock.setsockopt(*_RECVERR[family], 1)
            sock.connect(self._server)
            sock.send(query.to_wire())
            while (left := ends_at - self._clock.monotonic_seconds()) > 0:
                sock.settimeout(left)
                try:
                    message = _read(query, sock.recv(_MAX_BYTES))
                except TimeoutError:
                    break
                except dns.exception.DNSException as error:
                    malformed = error  # a real answer may still come
                    continue
                if message is not None:
                    return message
        raise _silence(malformed)

    def _tcp(self, query: dns.message.Message, ends_at: float) -> dns.message.Message:
        left = max(ends_at - self._clock.monotonic_seconds(), 0.001)
        with dial(self._server, left, self._clock).sock as sock:
            wire = query.to_wire()
            sock.sendall(struct.pack(">H", len(wire)) + wire)
            (size,) = struct.unpack(">H", self._exactly(sock, 2, ends_at))
            try:
                message = _read(query, self._exactly(sock, size, ends_at))
            except dns.exception.DNSException as error:
                raise _silence(error) from error
        if message is None:
            raise MeasurementFailed(
                FailureCode.PROTOCOL_ERROR, Operation.RECEIVE, "an answer to another question"
            )
        return message

    def _exactly(self, sock: socket.socket, size: int, ends_at: float) -> bytes:
        data = b""
        while len(data) < size:
            left = ends_at - self._clock.monotonic_seconds()
            if left <= 0:
                raise _silence(None)
            sock.settimeout(left)
            try:
                more = sock.recv(size - len(data))
            except TimeoutError:
                raise _silence(None) from None
            if not more:
                raise MeasurementFailed(
                    FailureCode.EARLY_CLOSE, Operation.RECEIVE, "closed before the whole answer"
                )
            data += more
        return data


def _read(query: dns.message.Message, wire: bytes) -> dns.message.Message | None:
    """Read an answer; None where it belongs to another question."""
    message = dns.message.from_wire(wire, ignore_trailing=True)
    return message if query.is_response(message) else None


def _silence(malformed: dns.exception.DNSException | None) -> MeasurementFailed:
    if malformed is None:
        return MeasurementFailed(FailureCode.NO_REPLY, Operation.RECEIVE, "no answer in time")
    code = translate(malformed, Operation.RECEIVE).code
    text = f"only what is no DNS message: {malformed}"
    return MeasurementFailed(code, Operation.RECEIVE, text)
