"""Test packets of one session: out on schedule, in as they come."""

import contextlib
import errno
import select
import socket
from types import TracebackType
from typing import Final, Self

from agent.clock import Clock
from agent.probes import Progress, Report
from agent.resolve import Address
from agent.stamp.admitted import Admitted
from agent.stamp.books import Books
from agent.stamp.control import Opening
from agent.stamp.packet import ErrorEstimate, Sent, build_sent, read_reflected
from agent.stamp.sockets import GONE, Stamper, prepare, receive

_REPORT_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.5
_LOST_HERE: Final = (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE)
"""A full queue of this machine, or a packet greater than a hop on the way takes."""
_MANY: Final = 512
"""Packets taken at once before the schedule is looked at again."""


class Sender:
    """One UDP socket with what it sends: ``own`` is this clock's error, as each packet says it."""

    def __init__(
        self,
        address: Address,
        clock: Clock,
        own: ErrorEstimate,
        *,
        ssid: int,
        dscp: int,
        size_bytes: int,
    ) -> None:
        family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self._ssid = ssid
        self._size_bytes = size_bytes
        self._clock = clock
        self._own = own
        self._stamper = Stamper(clock)
        try:
            prepare(self.sock, dscp=dscp)
            self.sock.connect(address)
        except OSError:
            self.sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

    def run(
        self,
        books: Books,
        opening: Opening,
        ends_at: float,
        watched: Admitted | None,
        report: Report,
    ) -> None:
        """Send on schedule and enter what comes until all is answered or too late.

        Nothing is sent that could not be waited for before ``ends_at``. Raises MeasurementFailed
        where the watched control connection ends.
        """
        clock, interval = self._clock, opening.interval_seconds
        started = due = reported = clock.monotonic_seconds()
        total = opening.packet_count * interval + books.timeout_seconds
        last_sent, sequence, count = started, 0, opening.packet_count
        while True:
            now = clock.monotonic_seconds()
            if sequence < count and max(now, due) + books.timeout_seconds > ends_at:
                count = sequence
            if sequence < count and now >= due:
                last_sent = self._send(books, sequence)
                sequence += 1
                # after a stall the schedule moves on from here: no burst to catch up
                due = (now if now - due > interval else due) + interval
                continue
            until = due if sequence < count else last_sent + books.timeout_seconds
            if sequence >= count and (books.is_complete or now >= until):
                return
            self._wait(books, min(max(until - now, 0.0), _POLL_SECONDS), watched)
            if now - reported >= _REPORT_SECONDS:
                reported = now
                report(_progress(books, now - started, total))

    def _send(self, books: Books, sequence: int) -> float:
        now = self._clock.monotonic_seconds()
        time_ns = self._stamper.at(now)
        books.sent_ns[sequence] = time_ns
        data = build_sent(Sent(sequence, time_ns, self._own, self._ssid), self._size_bytes)
        try:
            self.sock.send(data)
        except OSError as trouble:
            if trouble.errno in _LOST_HERE:
                return now  # on its way, but no further than this machine
            if trouble.errno not in GONE:
                raise
            books.note_refused()  # about an earlier packet; the kernel did not send this one
            with contextlib.suppress(OSError):
                self.sock.send(data)
        return now

    def _wait(self, books: Books, seconds: float, watched: Admitted | None) -> None:
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        if watched is not None:
            poller.register(watched.sock, select.POLLIN)
        ready = {number for number, _ in poller.poll(max(round(seconds * 1000), 1))}
        if self.sock.fileno() in ready:
            self._take(books)
        if watched is not None and watched.sock.fileno() in ready:
            raise watched.why_gone()

    def _take(self, books: Books) -> None:
        for _ in range(_MANY):
            try:
                got = receive(self.sock, self._clock)
            except BlockingIOError:
                return
            except OSError as trouble:
                if trouble.errno not in GONE:
                    raise
                books.note_refused()
                continue
            packet = read_reflected(got.data)
            if packet is None:
                books.foreign_count += 1
            else:
                books.note_reply(packet, self._ssid, self._stamper.at(got.at_seconds), got.dscp)


def _progress(books: Books, elapsed: float, total: float) -> Progress:
    text = f"{len(books.replies)} of {len(books.sent_ns)} answered"
    return Progress(phase="packets", elapsed_seconds=elapsed, total_seconds=total, text=text)
