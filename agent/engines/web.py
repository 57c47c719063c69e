"""HTTP and HTTPS for the engines: one connection to the head of the answer, redirects within.

Every step is bounded by the same moment. Certificates are verified against the machine's
trust store, or against one file where a test names it (``ca_file``).
"""

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address, resolve_all
from agent.target_url import Url, parse_location
from agent.web import tls
from agent.web.blocked import LOOKED_AT_BYTES, Rules, same_service, why_blocked
from agent.web.dial import dial
from agent.web.http import REDIRECTS, Exchange
from wire.failure import FailureCode, Operation

MAX_REDIRECTS: Final = 5
_CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Trust:
    """Contexts that verify, and that merely look at who is there."""

    verifying: ssl.SSLContext
    looking: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An answer whose head has come; what came of its body is in ``exchange``."""

    url: Url
    address: Address
    sock: socket.socket
    exchange: Exchange


def trust(ca_file: object) -> Trust:
    """Make the contexts. Raises :class:`MeasurementFailed` where ``ca_file`` is none."""
    verifying, looking, _ = tls.contexts()
    if isinstance(ca_file, str):
        try:
            verifying = ssl.create_default_context(cafile=str(Path(ca_file)))
        except OSError as error:  # ssl.SSLError is one: not PEM
            text = f"ca_file {ca_file[:100]}: {error.strerror or error}"
            raise MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text) from error
        verifying.set_alpn_protocols(["http/1.1"])
    return Trust(verifying, looking)


def secure(
    sock: socket.socket, address: Address, host: str, trusted: Trust, seconds: float, clock: Clock
) -> ssl.SSLSocket:
    """Shake hands; the socket is closed on failure. Raises :class:`MeasurementFailed`."""
    try:
        return tls.handshake(sock, trusted.verifying, host, seconds)
    except OSError as error:
        sock.close()
        seen = None
        if isinstance(error, ssl.SSLCertVerificationError):
            seen = tls.who_is_there(address, host, trusted.looking, seconds, clock)
        raise tls.name_failure(error, seen, None) from error


def open_url(url: Url, trusted: Trust, until: float, clock: Clock) -> Opened:
    """Ask for ``url`` and read to the end of the head. Raises :class:`MeasurementFailed`."""
    failure: MeasurementFailed | None = None
    for address in resolve_all(url.host, "auto", _left(until, clock), url.port):
        try:
            return _open(url, address, trusted, until, clock)
        except MeasurementFailed as error:
            failure = error
            if error.failure.operation is not Operation.CONNECT:
                break
    assert failure is not None
    raise failure


def follow(  # the answer of the service itself, after its redirects
    url: Url, rules: Rules, trusted: Trust, until: float, clock: Clock, *, http_allowed: bool
) -> tuple[Opened, int]:
    """Ask, and go where the service sends; give the last answer and how often it was sent on.

    Raises :class:`MeasurementFailed`: INTERCEPTED where another host or a block page answered.
    """
    first = url.host
    for redirects in range(MAX_REDIRECTS + 1):
        opened = open_url(url, trusted, until, clock)
        answer = opened.exchange
        try:
            following = _next(url, first, answer, rules, http_allowed=http_allowed)
        except MeasurementFailed:
            opened.sock.close()
            raise
        if following is None:
            return opened, redirects
        opened.sock.close()
        url = following
    raise MeasurementFailed(
        FailureCode.HTTP_STATUS, Operation.HANDSHAKE, f"sent on more than {MAX_REDIRECTS} times"
    )


def read_body(opened: Opened, until: float, clock: Clock, limit_bytes: int) -> bytes:
    """Read a short body whole and close. Raises :class:`MeasurementFailed`."""
    exchange = opened.exchange
    with opened.sock as sock:
        while not exchange.complete:
            try:
                sock.settimeout(_left(until, clock))
                exchange.receive(sock.recv(_CHUNK_BYTES))
            except TimeoutError as error:
                text = f"the answer was not complete in its time ({exchange.body_bytes} bytes came)"
                raise MeasurementFailed(FailureCode.TOO_SLOW, Operation.HANDSHAKE, text) from error
            except OSError as error:
                raise _named(error, Operation.HANDSHAKE) from error
            if exchange.body_bytes > limit_bytes:
                text = f"an answer of more than {limit_bytes} bytes"
                raise MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE, text)
    return exchange.beginning


def is_global(address: Address) -> bool:
    """Tell whether an address is one of the internet."""
    return ipaddress.ip_address(address[0].partition("%")[0]).is_global


def _open(url: Url, address: Address, trusted: Trust, until: float, clock: Clock) -> Opened:
    sock: socket.socket = dial(address, _left(until, clock), clock).sock
    try:
        if url.scheme == "https":
            sock = secure(sock, address, url.host, trusted, _left(until, clock), clock)
        exchange = Exchange(url)
        _head(sock, exchange, until, clock)
    except OSError as error:
        sock.close()
        raise _named(error, Operation.HANDSHAKE) from error
    except MeasurementFailed:
        sock.close()
        raise
    return Opened(url=url, address=address, sock=sock, exchange=exchange)


def _head(sock: socket.socket, exchange: Exchange, until: float, clock: Clock) -> None:
    came = 0
    try:
        sock.settimeout(_left(until, clock))
        sock.sendall(exchange.request())
        while exchange.status is None:
            sock.settimeout(_left(until, clock))
            data = sock.recv(_CHUNK_BYTES)
            came += len(data)
            exchange.receive(data)
        while _page_to_look_at(exchange):
            sock.settimeout(_left(until, clock))
            exchange.receive(sock.recv(_CHUNK_BYTES))
    except TimeoutError as error:
        if exchange.status is not None:
            return  # what came of the page has to do
        if came:
            text = "the answer's head came so slowly that it was not complete in its time"
            code = FailureCode.TOO_SLOW
        else:
            code, text = FailureCode.NO_REPLY, "connected, but no byte of an answer came"
        raise MeasurementFailed(code, Operation.HANDSHAKE, text) from error


def _page_to_look_at(exchange: Exchange) -> bool:
    """Tell whether more of a page is needed to recognise a block page by its words."""
    html = "html" in exchange.headers.get("content-type", "").lower()
    return html and not exchange.complete and exchange.body_bytes < LOOKED_AT_BYTES


def _next(
    url: Url, first_host: str, answer: Exchange, rules: Rules, *, http_allowed: bool
) -> Url | None:
    blocked = why_blocked(url, answer, rules)
    if blocked is not None:
        raise MeasurementFailed(FailureCode.INTERCEPTED, Operation.HANDSHAKE, blocked)
    location = answer.headers.get("location")
    if answer.status not in REDIRECTS or location is None:
        return None
    following = parse_location(url, location)
    if following.scheme == "http" and not http_allowed:
        text = f"{answer.status}: sent on to plain http, which is not followed"
        raise MeasurementFailed(FailureCode.HTTP_STATUS, Operation.HANDSHAKE, text)
    if not same_service(first_host, following.host, rules.allowed_hosts):
        text = f"sent on to another host, {following.host[:100]}"
        raise MeasurementFailed(FailureCode.INTERCEPTED, Operation.HANDSHAKE, text)
    return following


def _left(until: float, clock: Clock) -> float:
    return max(0.001, until - clock.monotonic_seconds())


def _named(error: OSError, operation: Operation) -> MeasurementFailed:
    failure = translate(error, operation)
    return MeasurementFailed(failure.code, operation, str(error.strerror or error).lower()[:200])
