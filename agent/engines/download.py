"""Download one file over N connections at once and sample how much came.

One thread a flow reads and throws away (over TCP without TLS the kernel does, MSG_TRUNC of tcp(7),
unless a hash is wanted); this thread samples the counts. The test ends at its time, at its cap of
bytes, when nothing came for a while, or as soon as one flow has its file: from then on fewer
flows than were asked for would share the line.
"""

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.engines.web import Opened
from agent.failure import MeasurementFailed, translate
from agent.throughput.estimator import Sample
from agent.web.http import Exchange
from wire.failure import FailureCode, Operation

TICK_SECONDS: Final = 0.025
STALL_SECONDS: Final = 3.0
_CHUNK_BYTES: Final = 1 << 18
_POLL_SECONDS: Final = 0.2
OnSamples = Callable[[Sequence[Sample]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What ends a download that does not end by itself."""

    seconds: float
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What came. ``complete``: at least one flow has the whole file."""

    samples: Sequence[Sample]
    complete: bool
    sha256: str | None
    """Of the file, where it is whole and was wanted."""
    first_bytes: bytes
    """The beginning of one body."""


class Flow:
    """Reads one answer to its end in a thread of its own."""

    def __init__(self, opened: Opened, *, hashed: bool) -> None:
        self.exchange: Exchange = opened.exchange
        self.body_bytes = self.exchange.body_bytes
        self.complete = self.exchange.complete
        self.trouble: OSError | MeasurementFailed | None = None
        self.digest = hashlib.sha256(self.exchange.beginning) if hashed else None
        self._sock = opened.sock
        self._length = _length(self.exchange)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="download", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self.complete or self.trouble is not None

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End soon and let go of the socket."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._sock.close()

    def _read(self) -> None:
        self._sock.settimeout(_POLL_SECONDS)
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        try:
            while not self._over.is_set() and not self.complete:
                try:
                    self._take(buffer)
                except TimeoutError:
                    continue
        except (OSError, MeasurementFailed) as error:
            self.trouble = error

    def _take(self, buffer: memoryview) -> None:
        if self._length is None:  # chunked, or until the end: the parser has to see it
            self.exchange.receive(self._sock.recv(_CHUNK_BYTES))
            self.body_bytes, self.complete = self.exchange.body_bytes, self.exchange.complete
            return
        size = min(_CHUNK_BYTES, self._length - self.body_bytes)
        discards = self.digest is None and not isinstance(self._sock, ssl.SSLSocket)
        got = self._sock.recv_into(buffer, size, socket.MSG_TRUNC if discards else 0)
        if got == 0:
            raise MeasurementFailed(
                FailureCode.EARLY_CLOSE,
                Operation.DOWNLOAD,
                f"closed after {self.body_bytes} of {self._length} bytes",
            )
        if self.digest is not None:
            self.digest.update(buffer[:got])
        self.body_bytes += got
        self.complete = self.body_bytes >= self._length


def run(flows: Sequence[Flow], bounds: Bounds, clock: Clock, on_samples: OnSamples) -> Downloaded:
    """Download. Raises :class:`MeasurementFailed`, with what came as partial."""
    samples = [Sample(clock.monotonic_seconds(), 0)]
    try:
        before = sum(flow.body_bytes for flow in flows)
        for flow in flows:
            flow.start()
        moved_at = samples[0].at_seconds
        while True:
            threading.Event().wait(TICK_SECONDS)
            now = clock.monotonic_seconds()
            samples.append(Sample(now, sum(flow.body_bytes for flow in flows) - before))
            if samples[-1].total_bytes > samples[-2].total_bytes:
                moved_at = now
            on_samples(samples)
            if _over(flows, samples, bounds, moved_at):
                break
    finally:
        for flow in flows:
            flow.stop()
    whole = [flow for flow in flows if flow.complete]
    hashed = [flow for flow in whole if flow.digest is not None]
    return Downloaded(
        samples=samples,
        complete=bool(whole),
        sha256=hashed[0].digest.hexdigest() if hashed and hashed[0].digest is not None else None,
        first_bytes=flows[0].exchange.beginning,
    )


def failed(
    code: FailureCode, text: str, samples: Sequence[Sample], operation: Operation
) -> MeasurementFailed:
    """Make a failure that keeps what came before it."""
    return MeasurementFailed(
        code,
        operation,
        text,
        {
            "download_bytes": samples[-1].total_bytes,
            "download_elapsed_seconds": samples[-1].at_seconds - samples[0].at_seconds,
        },
    )


def _over(
    flows: Sequence[Flow], samples: Sequence[Sample], bounds: Bounds, moved_at: float
) -> bool:
    for flow in flows:
        if flow.trouble is not None:
            failure = translate(flow.trouble, Operation.DOWNLOAD)
            text = str(getattr(flow.trouble, "strerror", None) or failure.text)
            raise failed(failure.code, text, samples, Operation.DOWNLOAD)
    now, elapsed = samples[-1].at_seconds, samples[-1].at_seconds - samples[0].at_seconds
    if now - moved_at >= STALL_SECONDS:
        text = f"nothing came for {STALL_SECONDS:g} s"
        raise failed(FailureCode.STALLED, text, samples, Operation.DOWNLOAD)
    enough = samples[-1].total_bytes >= bounds.total_bytes or elapsed >= bounds.seconds
    return enough or any(flow.complete for flow in flows)


def _length(exchange: Exchange) -> int | None:
    if "chunked" in exchange.headers.get("transfer-encoding", "").lower():
        return None
    text = exchange.headers.get("content-length", "")
    return int(text) if text.isdigit() and len(text) < 16 else None
