"""The STAMP reflector: answers test packets within admitted sessions, and nobody else.

One thread, one selector: packets first, control connections after them. What is decided, and why
it cannot be turned against others, stands in :mod:`agent.stamp.sessions`.
"""

import contextlib
import logging
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from agent.clock import Clock
from agent.responder.admission import Admission, NotAdmitted
from agent.stamp import control
from agent.stamp.control import BadLine
from agent.stamp.packet import ErrorEstimate, build_reflected
from agent.stamp.quality import clock_quality
from agent.stamp.sessions import Session, Sessions
from agent.stamp.sockets import Received, Stamper, answer, prepare, receive

log = logging.getLogger(__name__)

OPENING_SECONDS: Final = 5.0
"""A control connection must have said what it wants within this time."""
MAX_CONNECTIONS: Final = 512
ACCEPT_AGAIN_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.5
_MANY: Final = 256
"""Packets answered at once before control connections get their turn."""
_QUALITY_SECONDS: Final = 10.0
"""How long the kernel's word on its clock stands; the wall clock is looked at as often."""


@dataclass(slots=True, eq=False)
class _Peer:
    """One control connection."""

    sock: socket.socket
    host: str
    ends_at: float
    line: bytes = b""
    session: Session | None = None


class Reflector:
    """Reflects until :meth:`stop`."""

    def __init__(
        self,
        udp: socket.socket,
        listener: socket.socket,
        admission: Admission,
        clock: Clock,
        random: Random,
        quality: Callable[[], ErrorEstimate] = clock_quality,
    ) -> None:
        self._udp = udp
        self._listener = listener
        self._admission = admission
        self._clock = clock
        self._sessions = Sessions(random)
        self._quality = quality
        self._peers: set[_Peer] = set()
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._accepts_from: float | None = None
        """Nobody is listened for until then."""
        self._looked_at = clock.monotonic_seconds()
        self._error = quality()
        self._stamper = Stamper(clock)

    def serve(self) -> None:
        """Answer until :meth:`stop` is called from another thread or a signal."""
        prepare(self._udp)
        self._listener.setblocking(False)
        self._selector.register(self._udp, selectors.EVENT_READ, None)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        try:
            while not self._stopping:
                self._turn()
        finally:
            for peer in list(self._peers):
                self._drop(peer)
            self._selector.close()
            self._udp.close()
            self._listener.close()

    def stop(self) -> None:
        """End soon, with all sessions."""
        self._stopping = True

    def _turn(self) -> None:
        ready = self._selector.select(_LOOK_SECONDS)
        now = self._clock.monotonic_seconds()
        if now - self._looked_at >= _QUALITY_SECONDS and not len(self._sessions):
            # between sessions only: within one, times must hang together
            self._looked_at, self._error = now, self._quality()
            self._stamper = Stamper(self._clock)
        for key, _ in sorted(ready, key=lambda item: item[0].fileobj is not self._udp):
            if key.fileobj is self._udp:
                self._packets()
            elif key.fileobj is self._listener:
                self._accept(now)
            elif isinstance(key.data, _Peer) and key.data in self._peers:
                self._hear(key.data, now)
        if self._accepts_from is not None and now >= self._accepts_from:
            self._accepts_from = None
            self._selector.register(self._listener, selectors.EVENT_READ, None)
        for peer in [peer for peer in self._peers if now >= peer.ends_at]:
            log.info("%s: cut off, its time is over", peer.host)
            self._drop(peer)

    def _packets(self) -> None:
        for _ in range(_MANY):
            try:
                got = receive(self._udp, self._clock)
            except BlockingIOError:
                return
            except OSError as error:
                log.debug("an ICMP error: %s", error)
                continue
            self._reflect(got)

    def _reflect(self, got: Received) -> None:
        host, port = got.peer[0], got.peer[1]
        now = self._clock.monotonic_seconds()
        sequence = self._sessions.take(got.data, host, port, got.dscp, now)
        if sequence is None:
            return  # not a byte to whom we do not know
        received_ns = self._stamper.at(got.at_seconds)
        sent_ns = self._stamper.at(self._clock.monotonic_seconds())
        data = build_reflected(got.data, sequence, received_ns, sent_ns, self._error, got.ttl)
        try:
            answer(self._udp, data, got)
        except OSError as error:
            log.debug("an answer to %s was not sent: %s", host, error)

    def _accept(self, now: float) -> None:
        try:
            sock, address = self._listener.accept()
        except BlockingIOError:  # who came has gone again
            return
        except OSError as error:
            # out of descriptors: others may end; who waits would be told of again at once
            log.warning("accept: %s; going on", error)
            self._selector.unregister(self._listener)
            self._accepts_from = now + ACCEPT_AGAIN_SECONDS
            return
        if len(self._peers) >= MAX_CONNECTIONS:
            sock.close()
            return
        sock.setblocking(False)
        peer = _Peer(sock, str(address[0]), now + OPENING_SECONDS)
        self._peers.add(peer)
        self._selector.register(sock, selectors.EVENT_READ, peer)

    def _hear(self, peer: _Peer, now: float) -> None:
        try:
            data = peer.sock.recv(control.MAX_LINE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            log.info("%s: %s", peer.host, error)
            data = b""
        peer.line += data
        if not data or len(peer.line) > control.MAX_LINE_BYTES:
            self._drop(peer)
        elif peer.line.endswith(b"\n"):
            line, peer.line = peer.line, b""
            try:
                self._answer(peer, line, now)
            except BadLine as error:
                self._say(peer, control.write({"refused": str(error)[:200]}))
                self._drop(peer)

    def _answer(self, peer: _Peer, line: bytes, now: float) -> None:
        if peer.session is not None:
            if control.is_end(line):
                self._say(peer, control.write_summary(peer.session.summary()))
            self._drop(peer)
            return
        opening = control.read_opening(line)
        # no flow of a throughput test: sessions have limits of their own
        headers = {"authorization": opening.authorization} if opening.authorization else {}
        opened: Session | str
        try:
            self._admission.admit(headers, "stamp")
            opened = self._sessions.open(peer.host, opening, now)
        except NotAdmitted as error:
            opened = error.reason
        if isinstance(opened, str):
            log.info("%s: refused: %s", peer.host, opened)
            self._say(peer, control.write({"refused": opened[:200]}))
            self._drop(peer)
            return
        peer.session, peer.ends_at = opened, opened.expires_at
        self._say(peer, control.write({"ssid": opened.ssid}))

    def _say(self, peer: _Peer, line: bytes) -> None:
        with contextlib.suppress(OSError):  # a peer that went away is heard of at the next turn
            peer.sock.send(line)

    def _drop(self, peer: _Peer) -> None:
        self._peers.discard(peer)
        if peer.session is not None:
            log.info("%s: session over, %s", peer.host, peer.session.summary())
            self._sessions.close(peer.session)
        self._selector.unregister(peer.sock)
        peer.sock.close()


def bind(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind UDP and listen on TCP at one port of one address (0: a free one). Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=64)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        udp.bind((host, listener.getsockname()[1]))
    except OSError:
        listener.close()
        udp.close()
        raise
    return udp, listener
