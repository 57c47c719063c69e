"""Connect and upgrade N sockets, all or none, each step within its time."""

import os
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, TypeVar

from agent import __version__
from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.resolve import Address, resolve_all
from agent.throughput.handshake import LIMIT_FIELD, ClientHandshake
from agent.throughput.limits import NO_TIME_SECONDS, UNLIMITED, Limits
from agent.throughput.transport import Secure
from wire.failure import FailureCode, Operation

T = TypeVar("T")

RESOLVE_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 5.0
"""For one address; all addresses of a name together have twice this."""
HANDSHAKE_SECONDS: Final = 5.0
_HINTS: Final = {
    FailureCode.CONNECTION_REFUSED: "nothing listens there: is the responder running?",
    FailureCode.CONNECT_TIMEOUT: "no answer: look for a firewall in between or a wrong address",
    FailureCode.CONNECTION_RESET: "reset at once: look for a filter in between",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect: the name as given and one address it was resolved to."""

    host: str
    port: int
    address: Address
    secure: Secure | None = None
    """How TLS is made over a connection to it; None: without TLS."""
    token: str | None = field(default=None, repr=False)
    """Slot token to show, where the responder wants one."""
    queries: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Query of the upgrade by test, with a secret in it where the server wants one."""

    @property
    def family(self) -> socket.AddressFamily:
        """IPv6 socket addresses have four parts."""
        return socket.AF_INET6 if len(self.address) == 4 else socket.AF_INET

    @property
    def authority(self) -> str:
        """HOST:PORT for the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.secure is not None and self.port == 443
        return host if usual else f"{host}:{self.port}"

    def path(self, test: str, flow_bytes: int | None = None) -> str:
        """Path and query of the upgrade request; a download of ``flow_bytes`` asks for no more."""
        limited = flow_bytes is not None and test == "download"
        fields = (self.queries.get(test, ""), f"{LIMIT_FIELD}={flow_bytes}" if limited else "")
        query = "&".join(field for field in fields if field)
        return f"/ndt/v7/{test}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Opened:
    """An upgraded socket; ``early`` came in behind the handshake and belongs to the frames."""

    sock: socket.socket
    early: bytes


def resolve(
    host: str, port: int, token: str | None = None, seconds: float = RESOLVE_SECONDS
) -> Sequence[Target]:
    """Resolve a name to all its addresses. Raises :class:`MeasurementFailed`."""
    return [
        Target(host=host, port=port, address=address, token=token)
        for address in resolve_all(host, "auto", min(seconds, RESOLVE_SECONDS), port)
    ]


def first_reachable(targets: Sequence[Target], clock: Clock, limits: Limits = UNLIMITED) -> Target:
    """Give the first address that takes a connection. Raises the failure of the last."""
    sock, target = _connect_any(targets, clock, limits)
    sock.close()
    return target


def open_all(
    targets: Sequence[Target], test: str, count: int, clock: Clock, limits: Limits = UNLIMITED
) -> tuple[Target, list[Opened]]:
    """Open ``count`` flows to the first address that answers; give that address and the flows.

    Each step has its own time, and all together what ``limits`` leave.

    Raises :class:`MeasurementFailed`; then every socket is closed again.
    """
    with ExitStack() as stack:
        first, target = _connect_any(targets, clock, limits)
        stack.callback(first.close)
        with ThreadPoolExecutor(count) as pool:
            seconds = limits.seconds(CONNECT_SECONDS, clock)
            connecting = [pool.submit(_connect, target, seconds) for _ in range(count - 1)]
        for future in connecting:  # all have ended: keep what must be closed before any raises
            if future.exception() is None:
                stack.callback(future.result().close)
        sockets = [first, *_results(connecting)]
        if target.secure is not None:
            seconds = limits.seconds(HANDSHAKE_SECONDS, clock)
            sockets = _secured(sockets, target, target.secure, stack, seconds)
        path = target.path(test, limits.flow_bytes(count))
        seconds = limits.seconds(HANDSHAKE_SECONDS, clock)
        with ThreadPoolExecutor(count) as pool:
            upgrading = [
                pool.submit(_upgrade, sock, target, path, clock, seconds) for sock in sockets
            ]
        opened = [
            Opened(sock, early) for sock, early in zip(sockets, _results(upgrading), strict=True)
        ]
        stack.pop_all()
        return target, opened


def _secured(
    sockets: Sequence[socket.socket],
    target: Target,
    secure: Secure,
    stack: ExitStack,
    seconds: float,
) -> list[socket.socket]:
    with ThreadPoolExecutor(len(sockets)) as pool:
        securing = [pool.submit(secure, sock, target.address, seconds) for sock in sockets]
    for future in securing:
        if future.exception() is None:
            stack.callback(future.result().close)
    return [future.result() for future in securing]


def _results(futures: Sequence[Future[T]]) -> list[T]:
    return [future.result() for future in futures]


def _connect_any(
    targets: Sequence[Target], clock: Clock, limits: Limits
) -> tuple[socket.socket, Target]:
    until = clock.monotonic_seconds() + limits.seconds(2 * CONNECT_SECONDS, clock)
    failure: MeasurementFailed | None = None
    for target in targets:
        left = until - clock.monotonic_seconds()
        if failure is not None and left <= 0:
            break
        try:
            return _connect(target, min(CONNECT_SECONDS, left)), target
        except MeasurementFailed as error:
            failure = error
    assert failure is not None
    raise failure


def _connect(target: Target, seconds: float) -> socket.socket:
    try:
        sock = socket.socket(target.family, socket.SOCK_STREAM)
    except OSError as error:
        raise _failed(error, target) from error
    sock.settimeout(seconds)
    try:
        sock.connect(target.address)
    except OSError as error:
        sock.close()
        raise _failed(error, target) from error
    return sock


def _upgrade(sock: socket.socket, target: Target, path: str, clock: Clock, seconds: float) -> bytes:
    handshake = ClientHandshake(
        target.authority,
        path,
        os.urandom(16),
        f"hakaru-agent/{__version__}",
        target.token,
    )
    until = clock.monotonic_seconds() + seconds
    sock.settimeout(seconds)
    try:
        sock.sendall(handshake.request())
        while True:
            # a deadline and not a time-out a read: an answer may come drop by drop
            sock.settimeout(max(NO_TIME_SECONDS, until - clock.monotonic_seconds()))
            upgraded = handshake.receive(sock.recv(4096))
            if upgraded is not None:
                return upgraded.early
    except TimeoutError as error:
        raise MeasurementFailed(
            FailureCode.HANDSHAKE_TIMEOUT,
            Operation.HANDSHAKE,
            f"connected, but no complete answer to the upgrade within {seconds:.3g} s",
        ) from error
    except OSError as error:
        failure = translate(error, Operation.HANDSHAKE)
        raise MeasurementFailed(failure.code, failure.operation, failure.text) from error


def _failed(error: OSError, target: Target) -> MeasurementFailed:
    failure = translate(error, Operation.CONNECT)
    hint = _HINTS.get(failure.code)
    text = f"{target.address[0]} port {target.port}: {failure.text}" + (f"; {hint}" if hint else "")
    return MeasurementFailed(failure.code, Operation.CONNECT, text)
