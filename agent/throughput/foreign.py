"""Foreign probes: new connections beside the load, one request each, timed.

One thread looks after all of them, so that a round trip is stamped when it ends and not when the
engine of the load comes round again. Any whole HTTP answer ends a probe, whatever its status: our
responder says 404 in one segment.
"""

import contextlib
import selectors
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

import h11

from agent import __version__
from agent.clock import Clock
from agent.failure import translate
from agent.throughput import tcp_info
from agent.throughput.connect import Target
from agent.throughput.working_latency import RULES, Kind, RoundTrip
from wire.failure import FailureCode, Operation

TIMEOUT_SECONDS: Final = 3.0
"""A probe that takes longer is lost: a SYN may be sent again once (RFC 6298: after 1 s)."""
_LOOK_SECONDS: Final = 0.05
"""How soon the thread sees that it is over."""
_READ_BYTES: Final = 16_384
_MOST_OPEN: Final = 64
_STOP_SECONDS: Final = 2.0


@dataclass(slots=True)
class _Probe:
    """A probe under way."""

    sock: socket.socket
    since: float
    """Begin of the round trip under way."""
    expires: float
    http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    asked: bool = False


class _Lost(Exception):
    """A probe that came to no answer, and why."""

    def __init__(self, code: FailureCode) -> None:
        self.code = code
        super().__init__(code)


class ForeignProber:
    """Launches a probe every :attr:`interval_seconds` in a thread of its own until it is stopped.

    ``on_trip`` is called in that thread. Ends by itself after ``limit`` probes, if given.
    """

    def __init__(
        self,
        target: Target,
        clock: Clock,
        on_trip: Callable[[RoundTrip], None],
        limit: int | None = None,
    ) -> None:
        self.interval_seconds = RULES.probe_seconds
        self.sent = 0
        self.finished = 0
        self.lost: Counter[FailureCode] = Counter()
        self.syn_retransmitted = 0
        """Probes whose SYN or its answer was lost: their time holds the kernel's wait of 1 s."""
        self._target = target
        self._clock = clock
        self._on_trip = on_trip
        self._limit = limit
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._probes: dict[int, _Probe] = {}
        self._selector = selectors.DefaultSelector()

    @property
    def unfinished(self) -> int:
        """Probes still under way when it was stopped: neither answered nor lost."""
        return self.sent - self.finished - sum(self.lost.values())

    def start(self) -> None:
        """Begin to probe."""
        self._thread.start()

    def stop(self) -> None:
        """Launch no more and forget those under way."""
        self._over.set()

    def join(self, seconds: float = _STOP_SECONDS) -> None:
        """Wait for the end of the thread, where it was started."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        due = self._clock.monotonic_seconds()
        try:
            while not self._over.is_set():
                now = self._clock.monotonic_seconds()
                more = self._limit is None or self.sent < self._limit
                if more and now >= due and len(self._probes) < _MOST_OPEN:
                    self._launch(now)
                    due = max(due + self.interval_seconds, now)
                if not more and not self._probes:
                    return
                self._wait(min(_LOOK_SECONDS, max(0.0, due - now)) if more else _LOOK_SECONDS)
        finally:
            for probe in self._probes.values():
                probe.sock.close()
            self._selector.close()

    def _wait(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            self._step(key.data)
        now = self._clock.monotonic_seconds()
        for probe in [each for each in self._probes.values() if now >= each.expires]:
            self._lose(probe, FailureCode.NO_REPLY if probe.asked else FailureCode.CONNECT_TIMEOUT)

    def _launch(self, now: float) -> None:
        self.sent += 1
        try:
            sock = socket.socket(self._target.family, socket.SOCK_STREAM)
        except OSError as error:
            self.lost[translate(error, Operation.CONNECT).code] += 1
            return
        sock.setblocking(False)
        probe = _Probe(sock, now, now + TIMEOUT_SECONDS)
        self._probes[id(probe)] = probe
        self._selector.register(sock, selectors.EVENT_WRITE, probe)
        probe.since = self._clock.monotonic_seconds()
        try:
            with contextlib.suppress(BlockingIOError):
                sock.connect(self._target.address)
        except OSError as error:
            self._lose(probe, translate(error, Operation.CONNECT).code)

    def _step(self, probe: _Probe) -> None:
        now = self._clock.monotonic_seconds()
        try:
            if not probe.asked:
                self._connected(probe, now)
            elif self._answered(probe):
                self._on_trip(RoundTrip(Kind.REQUEST, now, now - probe.since))
                self.finished += 1
                self._forget(probe)
        except BlockingIOError:
            return
        except OSError as error:
            operation = Operation.RECEIVE if probe.asked else Operation.CONNECT
            self._lose(probe, translate(error, operation).code)
        except _Lost as lost:
            self._lose(probe, lost.code)

    def _connected(self, probe: _Probe, now: float) -> None:
        trouble = probe.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if trouble:
            raise OSError(trouble, "connect")
        self._on_trip(RoundTrip(Kind.CONNECT, now, now - probe.since))
        with contextlib.suppress(OSError):
            self.syn_retransmitted += bool(tcp_info.read(probe.sock).total_retrans_segments)
        request = h11.Request(
            method="GET",
            target="/",
            headers=[
                ("Host", self._target.authority),
                ("User-Agent", f"hakaru-agent/{__version__}"),
                ("Connection", "close"),
            ],
        )
        words = (probe.http.send(request) or b"") + (probe.http.send(h11.EndOfMessage()) or b"")
        self._selector.modify(probe.sock, selectors.EVENT_READ, probe)
        probe.asked = True
        probe.since = self._clock.monotonic_seconds()
        probe.sock.send(words)  # a new connection takes so little whole

    @staticmethod
    def _answered(probe: _Probe) -> bool:
        data = probe.sock.recv(_READ_BYTES)
        try:
            probe.http.receive_data(data)
            while (event := probe.http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.EndOfMessage):
                    return True
                if isinstance(event, h11.ConnectionClosed):
                    raise _Lost(FailureCode.EARLY_CLOSE)
        except h11.RemoteProtocolError as error:
            code = FailureCode.PROTOCOL_ERROR if data else FailureCode.EARLY_CLOSE
            raise _Lost(code) from error
        return False

    def _lose(self, probe: _Probe, code: FailureCode) -> None:
        self.lost[code] += 1
        self._forget(probe)

    def _forget(self, probe: _Probe) -> None:
        del self._probes[id(probe)]
        self._selector.unregister(probe.sock)
        probe.sock.close()
