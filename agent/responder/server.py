"""The ndt7 server: one thread a flow, the same engine as the client.

Threads spend their time in the kernel (send, recv with MSG_TRUNC) and in the selector, so
they share the processor well. A slow or silent peer is cut off by time, never waited for.
"""

import contextlib
import logging
import socket
import threading
from dataclasses import dataclass, field
from typing import Final

from agent.clock import Clock
from agent.responder.admission import Admission, NotAdmitted, Use
from agent.throughput.directions import Test
from agent.throughput.engine import Engine, FlowEnded, Stalled
from agent.throughput.flow import Flow
from agent.throughput.handshake import Rejected, ServerHandshake, Upgrade, refuse
from agent.throughput.limits import Both, ByteLimit, Quota
from agent.throughput.payload import FrameStore

log = logging.getLogger(__name__)

DOWNLOAD_SECONDS: Final = 10.0
"""Longest download (ndt7: up to ten seconds)."""
UPLOAD_SECONDS: Final = 13.0
"""Longest upload: the client ends it; ndt7 allows to close after thirteen seconds."""
HEAD_SECONDS: Final = 5.0
"""A request must be complete within this time, however slowly it comes."""
FINISH_SECONDS: Final = 5.0
"""How long the last message and the close frames may take: what a slow line still holds."""
CUT_SECONDS: Final = 1.0
"""How long one that used up its quota of upload gets to read why."""
STOP_SECONDS: Final = 1.5
"""How long running flows get to say good-bye when the responder is stopped."""
HANDSHAKES_AT_ONCE: Final = 256
"""Beyond it the one that waits longest is dropped: the idle never keep out who speaks."""


@dataclass
class _Running:
    lock: threading.Lock = field(default_factory=threading.Lock)
    flows: int = 0
    connections: int = 0
    waiting: dict[int, socket.socket] = field(default_factory=dict)
    """Sockets before admission, oldest first."""


class Responder:
    """Listens and serves until :meth:`stop`."""

    def __init__(self, listener: socket.socket, admission: Admission, clock: Clock) -> None:
        self._listener = listener
        self._admission = admission
        self._clock = clock
        self._store = FrameStore(masked=False)
        self._running = _Running()
        self._stopping = threading.Event()

    def serve(self) -> None:
        """Accept connections until :meth:`stop` is called from another thread or a signal."""
        self._listener.settimeout(0.25)
        with self._listener:
            while not self._stopping.is_set():
                try:
                    sock, _ = self._listener.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    # out of descriptors: others may end
                    log.warning("accept: %s; going on", error)
                    self._stopping.wait(0.2)
                    continue
                self._spawn(sock)
        self._leave()

    def stop(self) -> None:
        """End soon: flows stop at their next tick and close politely."""
        self._stopping.set()

    def _leave(self) -> None:
        with self._running.lock:
            for sock in self._running.waiting.values():
                _hang_up(sock)
        until = self._clock.monotonic_seconds() + STOP_SECONDS
        while self._clock.monotonic_seconds() < until:
            with self._running.lock:
                if not self._running.connections:
                    return
            threading.Event().wait(0.02)

    def _spawn(self, sock: socket.socket) -> None:
        with self._running.lock:
            if len(self._running.waiting) >= HANDSHAKES_AT_ONCE:
                _hang_up(self._running.waiting.pop(next(iter(self._running.waiting))))
            self._running.waiting[id(sock)] = sock
            self._running.connections += 1
        try:
            threading.Thread(target=self._connection, args=(sock,), daemon=True).start()
        except RuntimeError as error:  # no more threads
            log.warning("%s; a connection was closed", error)
            self._forget(sock)
            sock.close()

    def _forget(self, sock: socket.socket) -> None:
        self._arrived(sock)
        with self._running.lock:
            self._running.connections -= 1

    def _arrived(self, sock: socket.socket) -> None:
        with self._running.lock:
            self._running.waiting.pop(id(sock), None)

    def _connection(self, sock: socket.socket) -> None:
        try:
            with sock:
                try:
                    upgrade = self._handshake(sock)
                finally:
                    self._arrived(sock)
                if upgrade is not None:
                    self._admitted(sock, upgrade)
        except OSError as error:
            log.info("a connection ended: %s", error)
        finally:
            self._forget(sock)

    def _handshake(self, sock: socket.socket) -> Upgrade | None:
        handshake = ServerHandshake()
        deadline = self._clock.monotonic_seconds() + HEAD_SECONDS
        while True:
            left = deadline - self._clock.monotonic_seconds()
            if left <= 0:
                raise TimeoutError("the request did not come in time")
            sock.settimeout(left)
            try:
                upgrade = handshake.receive(sock.recv(4096))
            except Rejected as error:
                sock.sendall(error.response)
                return None
            if upgrade is not None:
                return upgrade

    def _admitted(self, sock: socket.socket, upgrade: Upgrade) -> None:
        try:
            use = self._place(upgrade)
        except NotAdmitted as error:
            log.info("refused: %s", error.reason)
            sock.sendall(refuse(error.status, error.reason, refusal=True))
            return
        try:
            sock.sendall(upgrade.response)
            self._flow(sock, upgrade, use)
        finally:
            with self._running.lock:
                self._running.flows -= 1

    def _place(self, upgrade: Upgrade) -> Use | None:
        """Give the flow its place. Raises :class:`NotAdmitted`.

        A token is checked beside the lock, which takes its time; a full house is noticed before,
        so that it costs no token.
        """
        with self._running.lock:
            self._admission.check_room(self._running.flows)
        use = self._admission.admit(upgrade.headers, upgrade.test)
        with self._running.lock:
            self._admission.check_room(self._running.flows)
            self._running.flows += 1
        return use

    def _flow(self, sock: socket.socket, upgrade: Upgrade, use: Use | None) -> None:
        test: Test = "download" if upgrade.test == "download" else "upload"
        endpoints = (_endpoint(sock.getpeername()), _endpoint(sock.getsockname()))
        store = self._store if test == "download" else None
        quota, spent = _quota(use, upgrade)
        flow = Flow(
            sock, side="server", test=test, store=store, early=upgrade.early,
            quota=quota, spent=spent,
        )  # fmt: skip
        if test == "download" and upgrade.pace_bps is not None:
            flow.pace(upgrade.pace_bps)
        if test == "download" and upgrade.cubic:
            flow.be_cubic()
        if upgrade.prompt:
            flow.be_prompt()
        engine = Engine([flow], self._clock, endpoints)
        try:
            self._run(engine, flow, endpoints[0], use)
        finally:
            engine.close()
        log.info(
            "%s %s: %d bytes in %.2f s",
            test,
            endpoints[0],
            engine.samples[-1].total_bytes,
            engine.samples[-1].at_seconds - engine.samples[0].at_seconds,
        )

    def _run(self, engine: Engine, flow: Flow, peer: str, use: Use | None) -> None:
        def is_over(_elapsed: float, _samples: object) -> bool:
            if use is not None and self._clock.monotonic_seconds() >= use.ends_at:
                flow.cut = flow.cut or "quota used up: the seconds of this token are over"
            return self._stopping.is_set() or flow.cut is not None

        longest_seconds = DOWNLOAD_SECONDS if flow.test == "download" else UPLOAD_SECONDS
        try:
            engine.run(longest_seconds, is_over)
        except FlowEnded as error:  # how every upload ends, and a download that was enough
            log.debug("%s %s: %s", flow.test, peer, error)
        except Stalled as error:
            log.info("%s %s: %s", flow.test, peer, error)
            return
        if flow.cut is not None:
            log.info("%s %s: cut off, %s", flow.test, peer, flow.cut)
        engine.finish(self._finish_seconds(flow))

    def _finish_seconds(self, flow: Flow) -> float:
        if self._stopping.is_set():
            return STOP_SECONDS
        # who sends on beyond its quota is not read any more: no need to wait for its good-bye
        return FINISH_SECONDS if flow.hears else CUT_SECONDS


def _quota(use: Use | None, upgrade: Upgrade) -> tuple[Quota | None, str]:
    """What the flow draws on, and what is said when it is empty."""
    gone = "the bytes of this token are gone"
    if upgrade.most_bytes is None or upgrade.test != "download":
        return use, gone
    asked = ByteLimit(upgrade.most_bytes)
    if use is None:
        return asked, "as many bytes as the client asked for"
    return Both(use, asked), gone


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the peer may have gone already
        sock.shutdown(socket.SHUT_RDWR)


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen on one address; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def _endpoint(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
