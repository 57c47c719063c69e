"""Asks a STUN server over UDP, with several sockets at once, within a time."""

import errno
import select
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Final, Self

from agent.clock import Clock
from agent.error_queue import clear_pending, errors, want_errors
from agent.failure import MeasurementFailed, translate
from agent.latency.packet import name_error
from agent.path.mapping import Asked
from agent.path.replies import PORT_UNREACHABLE
from agent.path.stun import NotStun, Seen, StunRefused, binding_request, read_binding_response
from agent.resolve import Address
from agent.web.dial import endpoint
from wire.failure import FailureCode, Operation

FIRST_RETRY_SECONDS: Final = 0.5
"""RFC 8489 section 6.2.1: the first time-out, doubled with each further try."""
MOST_ANSWER_BYTES: Final = 2_048
MOST_AT_ONCE: Final = 50


@dataclass(slots=True)
class _Open:
    """One request that was not answered yet."""

    sock: socket.socket
    transaction: bytes
    next_at: float
    wait_seconds: float = FIRST_RETRY_SECONDS
    sent_at: list[float] = field(default_factory=list)


class Asker:
    """Sockets of one family, bound to ports the kernel chose, that can ask several servers."""

    def __init__(self, version: int, source: str, count: int, clock: Clock, random: Random) -> None:
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        self._version = version
        self._source = source
        self._clock = clock
        self._random = random
        self._sockets: list[socket.socket] = []
        with ExitStack() as stack:
            for _ in range(count):
                sock = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                sock.setblocking(False)
                want_errors(sock)
                sock.bind(("", 0))
                self._sockets.append(sock)
            self._close = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close.close()

    def ask(
        self, server: Address, timeout_seconds: float, count: int | None = None
    ) -> tuple[list[Asked], float]:
        """Ask one server from the first ``count`` sockets: how each was seen, least round trip.

        Raises :class:`~agent.failure.MeasurementFailed` where no socket got an answer; what an
        ICMP error or a STUN error says comes before silence.
        """
        started = self._clock.monotonic_seconds()
        waiting = [
            _Open(sock, self._random.randbytes(12), started) for sock in self._sockets[:count]
        ]
        asked: list[Asked] = []
        rtts: list[float] = []
        failure: MeasurementFailed | None = None
        while waiting and (now := self._clock.monotonic_seconds()) < started + timeout_seconds:
            try:
                self._send_due(waiting, server, now)
                until = min(item.next_at for item in waiting)
                left = max(0.0, min(until, started + timeout_seconds) - now)
                select.select([item.sock for item in waiting], [], [], left)
                for item in list(waiting):
                    seen = self._answer(item, server)
                    if seen is not None:
                        now = self._clock.monotonic_seconds()
                        # a second try may have been answered: only the first is unambiguous
                        if len(item.sent_at) == 1:
                            rtts.append(now - item.sent_at[0])
                        local = Seen(self._source, int(item.sock.getsockname()[1]))
                        asked.append(Asked(local=local, seen=seen))
                        waiting.remove(item)
            except MeasurementFailed as error:
                failure = error
                break
        if not asked:
            raise failure or MeasurementFailed(
                FailureCode.NO_REPLY,
                Operation.RECEIVE,
                f"no answer from {endpoint(server)} to {self._tries(waiting)} within "
                f"{timeout_seconds:g} s: no STUN server, or UDP is filtered on the way",
            )
        return asked, min(rtts, default=timeout_seconds)

    def _send_due(self, waiting: Sequence[_Open], server: Address, now: float) -> None:
        for item in waiting:
            if now < item.next_at:
                continue
            clear_pending(item.sock)
            try:
                item.sock.sendto(binding_request(item.transaction), server)
            except OSError as error:
                code = translate(error, Operation.SEND).code
                text = f"not sent to {endpoint(server)} by this machine: {error.strerror or error}"
                raise MeasurementFailed(code, Operation.SEND, text) from error
            item.sent_at.append(self._clock.monotonic_seconds())
            item.next_at = now + item.wait_seconds
            item.wait_seconds *= 2

    def _answer(self, item: _Open, server: Address) -> Seen | None:
        self._raise_errors(item.sock, server)
        for _ in range(MOST_AT_ONCE):
            try:
                message, sender = item.sock.recvfrom(MOST_ANSWER_BYTES)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno == errno.EBADF:
                    raise
                continue  # the copy of an entry in the error queue; reading it has cleared it
            if sender[:2] != server[:2]:
                continue
            try:
                return read_binding_response(message, item.transaction)
            except NotStun:
                continue
            except StunRefused as refused:
                raise MeasurementFailed(
                    FailureCode.NOT_ADMITTED, Operation.RECEIVE, f"{endpoint(server)}: {refused}"
                ) from refused
        return None

    def _raise_errors(self, sock: socket.socket, server: Address) -> None:
        for error in errors(sock):
            if error.icmp is None:
                continue
            if error.icmp == PORT_UNREACHABLE[self._version]:
                text = f"{endpoint(server)}: nothing listens there (reported by {error.reporter})"
                raise MeasurementFailed(FailureCode.CONNECTION_REFUSED, Operation.RECEIVE, text)
            named = name_error(self._version, *error.icmp)
            if named is not None:
                text = f"{endpoint(server)}: {named[1]}, reported by {error.reporter}"
                raise MeasurementFailed(named[0], Operation.RECEIVE, text)

    @staticmethod
    def _tries(waiting: Sequence[_Open]) -> str:
        return f"{sum(len(item.sent_at) for item in waiting)} requests"
