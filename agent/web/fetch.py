"""One web page over one IP version, each phase timed, everything bounded.

The phases of the first request are kept: name, connect, TLS, first byte (from the request sent
to the first byte of the answer). Redirects within the service are followed as often as allowed
and count towards the total. Every phase has the same time-out; the whole ends at ``ends_at``.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address, resolve
from agent.target_url import Url, parse_location
from agent.web import tls
from agent.web.blocked import Rules, why_blocked
from agent.web.dial import dial
from agent.web.http import REDIRECTS, Exchange
from wire.failure import FailureCode, Operation
from wire.measurement import Json

_CHUNK_BYTES: Final = 65_536
Phase = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to fetch and what bounds it."""

    url: Url
    rules: Rules
    expected_issuer: str | None
    allow_http: bool
    timeout_seconds: float
    """Of each phase, and of a silence in the body."""
    max_redirects: int
    max_body_bytes: int
    verifying: ssl.SSLContext
    looking: ssl.SSLContext


class Fetch:
    """One run. ``values`` fills up as it goes, so that a failure keeps what came before it."""

    def __init__(self, plan: Plan, family: str, clock: Clock, ends_at: float) -> None:
        self.values: dict[str, Json] = {}
        self.address: Address | None = None
        """Of the first request; None before it was found."""
        self._plan = plan
        self._family = family
        self._clock = clock
        self._ends_at = ends_at

    def run(self, phase: Phase) -> None:
        """Fetch. Raises :class:`MeasurementFailed`; ``values`` holds what was measured."""
        started = self._clock.monotonic_seconds()
        url, redirects, body_bytes = self._plan.url, 0, 0
        try:
            while True:
                answer = self._one(url, phase, first=redirects == 0)
                body_bytes += answer.body_bytes
                following = self._next(url, answer, redirects)
                if following is None:
                    break
                url, redirects = following, redirects + 1
        finally:
            if redirects:
                self.values["redirect_count"] = redirects
        self.values |= {
            "total_seconds": self._clock.monotonic_seconds() - started,
            "body_bytes": body_bytes,
            "redirect_count": redirects,
        }
        if not answer.complete:
            self.values["body_capped"] = True

    def _one(self, url: Url, phase: Phase, *, first: bool) -> Exchange:
        times: dict[str, Json] = self.values if first else {}
        phase("connect")
        address = self._resolve(url, times)
        if first:
            self.address = address
        else:
            self._refuse_inward(address)
        dialled = dial(address, self._left(), self._clock)
        times["connect_seconds"] = dialled.seconds
        sock = dialled.sock
        try:
            if url.scheme == "https":
                phase("tls")
                sock = self._secure(sock, address, url, times)
            phase("transfer")
            return self._exchange(sock, url, times)
        finally:
            sock.close()

    def _resolve(self, url: Url, times: dict[str, Json]) -> Address:
        started = self._clock.monotonic_seconds()
        address = resolve(url.host, self._family, self._left(), url.port)
        if not _is_literal(url.host):
            times["dns_seconds"] = self._clock.monotonic_seconds() - started
        return address

    def _refuse_inward(self, address: Address) -> None:
        """A page on the internet that leads into the local network is a portal's work."""
        assert self.address is not None
        if _is_global(self.address) and not _is_global(address):
            raise MeasurementFailed(
                FailureCode.INTERCEPTED,
                Operation.CONNECT,
                f"sent on to {address[0]}, an address of the local network: a login page?",
            )

    def _secure(
        self, sock: socket.socket, address: Address, url: Url, times: dict[str, Json]
    ) -> ssl.SSLSocket:
        plan, started = self._plan, self._clock.monotonic_seconds()
        try:
            secured = tls.handshake(sock, plan.verifying, url.host, self._left())
        except OSError as error:
            seen = None
            if isinstance(error, ssl.SSLCertVerificationError):
                wait = max(0.1, min(self._left(), plan.timeout_seconds))
                seen = tls.who_is_there(address, url.host, plan.looking, wait, self._clock)
                self._note(seen, times)
            raise tls.name_failure(error, seen, plan.expected_issuer) from error
        times["tls_seconds"] = self._clock.monotonic_seconds() - started
        seen = tls.shown(secured)
        self._note(seen, times)
        if plan.expected_issuer and not tls.issued_as_expected(seen, plan.expected_issuer):
            secured.close()
            issuer = seen.leaf.issuer if seen else "one that cannot be read"
            raise MeasurementFailed(
                FailureCode.INTERCEPTED,
                Operation.TLS,
                f"the certificate's issuer is {issuer[:150]}, "
                f"expected was {plan.expected_issuer[:100]}: TLS inspection, or a new issuer",
            )
        return secured

    @staticmethod
    def _note(seen: tls.Shown | None, times: dict[str, Json]) -> None:
        if seen is not None:
            times |= {
                "certificate_issuer": seen.leaf.issuer,
                "certificate_subject_sha256": seen.leaf.subject_sha256,
                "certificate_sha256": seen.leaf.sha256,
                "chain_issuer": seen.chain_issuer,
                "tls_version": seen.version,
            }

    def _exchange(self, sock: socket.socket, url: Url, times: dict[str, Json]) -> Exchange:
        exchange = Exchange(url)
        try:
            sock.settimeout(self._left())
            sock.sendall(exchange.request())
            self._head(sock, exchange, times)
            self._body(sock, exchange)
        except MeasurementFailed:
            raise
        except OSError as error:
            operation = Operation.HANDSHAKE if exchange.status is None else Operation.DOWNLOAD
            failure = translate(error, operation)
            text = str(error.strerror or error).lower()
            raise MeasurementFailed(failure.code, operation, text) from error
        finally:
            if exchange.status is not None:
                self.values["http_status"] = str(exchange.status)
            if exchange.body_bytes:
                self.values["body_bytes"] = exchange.body_bytes
        return exchange

    def _head(self, sock: socket.socket, exchange: Exchange, times: dict[str, Json]) -> None:
        sent_at = self._clock.monotonic_seconds()
        ends_at = sent_at + self._left()
        first_byte = False
        while exchange.status is None:
            data = _receive(sock, ends_at - self._clock.monotonic_seconds())
            if data is None:
                raise self._silent(first_byte=first_byte)
            if data and not first_byte:
                first_byte = True
                times["first_byte_seconds"] = self._clock.monotonic_seconds() - sent_at
            exchange.receive(data)

    def _silent(self, *, first_byte: bool) -> MeasurementFailed:
        limit = f"{self._plan.timeout_seconds:g} s"
        if first_byte:
            text = f"the answer's head came so slowly that it was not complete within {limit}"
            return MeasurementFailed(FailureCode.TOO_SLOW, Operation.HANDSHAKE, text)
        text = f"no byte of an answer within {limit}"
        return MeasurementFailed(FailureCode.NO_REPLY, Operation.HANDSHAKE, text)

    def _body(self, sock: socket.socket, exchange: Exchange) -> None:
        plan = self._plan
        while not exchange.complete and exchange.body_bytes < plan.max_body_bytes:
            left = self._ends_at - self._clock.monotonic_seconds()
            if left <= 0:
                raise MeasurementFailed(
                    FailureCode.TOO_SLOW,
                    Operation.DOWNLOAD,
                    f"{exchange.body_bytes} bytes of the body came before the time was over",
                )
            data = _receive(sock, min(left, plan.timeout_seconds))
            if data is not None:
                exchange.receive(data)
            elif left >= plan.timeout_seconds:
                raise MeasurementFailed(
                    FailureCode.STALLED,
                    Operation.DOWNLOAD,
                    f"nothing came for {plan.timeout_seconds:g} s after {exchange.body_bytes} "
                    "bytes of the body",
                )

    def _next(self, url: Url, answer: Exchange, redirects: int) -> Url | None:
        """Where to go on; None where this answer is the last. Raises for a bad one."""
        plan = self._plan
        blocked = why_blocked(url, answer, plan.rules)
        if blocked is not None:
            raise MeasurementFailed(FailureCode.INTERCEPTED, Operation.HANDSHAKE, blocked)
        status, location = answer.status or 0, answer.headers.get("location")
        if status in REDIRECTS and location is not None and plan.max_redirects:
            following = parse_location(url, location)
            if following.scheme == "http" and not plan.allow_http:
                raise _bad_status(f"{status}: sent on to plain http, which allow_http would follow")
            if redirects >= plan.max_redirects:
                raise _bad_status(f"{status}: sent on more than {plan.max_redirects} times")
            return following
        if not 200 <= status < 400:
            raise _bad_status(f"{status} instead of a page")
        return None

    def _left(self) -> float:
        left = min(self._plan.timeout_seconds, self._ends_at - self._clock.monotonic_seconds())
        if left <= 0:
            raise MeasurementFailed(
                FailureCode.TIMEOUT, Operation.RUN, "the time for this page was over"
            )
        return left


def _receive(sock: socket.socket, seconds: float) -> bytes | None:
    """Wait for bytes; b'' at end of file, None where nothing came in time."""
    if seconds <= 0:
        return None
    sock.settimeout(seconds)
    try:
        return sock.recv(_CHUNK_BYTES)
    except TimeoutError:
        return None


def _bad_status(text: str) -> MeasurementFailed:
    return MeasurementFailed(FailureCode.HTTP_STATUS, Operation.HANDSHAKE, text)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_global(address: Address) -> bool:
    return ipaddress.ip_address(address[0].partition("%")[0]).is_global
