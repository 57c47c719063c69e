"""One flow: a connected, upgraded socket that sends or receives ndt7 binary messages.

Neither waits nor decides when to stop: :mod:`agent.throughput.engine` calls it when the socket
is ready and at every tick.
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from agent.throughput import messages, tcp_info
from agent.throughput.directions import Test
from agent.throughput.framing import (
    Discard,
    FrameReader,
    Message,
    Opcode,
    ProtocolViolation,
    Read,
    build_frame,
    largest_payload,
)
from agent.throughput.kernel_queue import KernelQueue
from agent.throughput.limits import GOOD_BYE_BYTES, ByteLimit, Quota
from agent.throughput.payload import Frame, FrameStore
from agent.throughput.tcp_info import TcpInfo
from agent.throughput.transport import TlsFlowSocket

Side = Literal["client", "server"]

_CHUNK_BYTES: Final = 1 << 20
_READS_A_TURN: Final = 32
"""Reads of one flow before the others get their turn."""
_NORMAL_CLOSURE: Final = struct.pack(">H", 1000)
_PROTOCOL_ERROR: Final = struct.pack(">H", 1002)
POLICY_VIOLATION: Final = 1008
"""Close code (RFC 6455 section 7.4.1): the far end allows no more, its reason says why."""
_LONGEST_REASON_BYTES: Final = 123
_MOST_PONGS: Final = 4
"""Waiting to go out; further pings stay unanswered (RFC 6455 section 5.5.3 allows that)."""
_SO_MAX_PACING_RATE: Final = 47
_CA_NAME_BYTES: Final = 16
"""TCP_CA_NAME_MAX of include/net/tcp.h."""
_SLOWEST_PACE_BYTES: Final = 1_000
"""A second; slower would only hold a thread of the responder."""
_DISCARD: Final = socket.MSG_TRUNC | socket.MSG_DONTWAIT
_TRASH: Final = memoryview(bytearray(_CHUNK_BYTES))
"""Never written to with MSG_TRUNC; shared by all flows."""


@dataclass(slots=True)
class _Out:
    """A small frame on its way out."""

    data: bytes
    position: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How much made it across, counted in two ways.

    ``in_order_bytes``: received here in order, or acknowledged by the receiver's kernel.
    ``segments``: data segments that arrived here, or that the receiver has acknowledged
    selectively or at all (TCP_INFO: data_segs_in, delivered); None where the kernel does not
    say. A lost segment holds back the first count until it is repaired, never the second.
    """

    in_order_bytes: int
    segments: int | None


class Flow:
    """One direction of one test over one socket, which :class:`KernelQueue` looks after."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        side: Side,
        test: Test,
        store: FrameStore | None,
        early: bytes,
        quota: Quota | None = None,
        spent: str = "the bytes of this token are gone",
    ) -> None:
        self.sock = sock
        self.side = side
        self.test = test
        self.sends = (test == "download") == (side == "server")
        self.peer_report: messages.PeerReport | None = None
        self.ended: str | None = None
        """Why it is over: ``closed`` (close frame), ``eof``, ``reset`` or ``broken``."""
        self.trouble: OSError | ProtocolViolation | None = None
        """What broke it."""
        self.stream_bytes = 0
        """Bytes of the TCP stream received since the upgrade (frame headers included)."""
        self.sent_bytes = 0
        """Bytes given to the kernel: not what arrived, see :meth:`progress`."""
        self.cut: str | None = None
        """Why this side lets nothing more through; said to the peer in the close frame."""
        self.farewell = b""
        """Payload of the peer's close frame: code and reason (RFC 6455 section 5.5.1)."""
        self._quota = quota
        """Of what is received, and of the binary messages sent; None: without bound."""
        self._spent = spent
        """What to say when that is used up."""
        self.on_pong: Callable[[bytes], None] | None = None
        """Called with the payload of every pong as it is read."""
        self._plain = not isinstance(sock, TlsFlowSocket)
        self._queue_below = KernelQueue(sock, sends=self.sends, plain=self._plain)
        self._store = store
        self._frame: Frame | None = None
        self._offset = 0
        self._outbox: deque[_Out] = deque()
        self._stopping = False
        self._reader = FrameReader(expect_masked=side == "server", binary_allowed=not self.sends)
        self._started_at: float | None = None
        self._before = Progress(0, 0)
        try:
            if early and quota is not None and quota.take(len(early)) < len(early):
                self._out_of_quota()
            self._take(early)
        except ProtocolViolation as error:
            self._violated(error)

    @property
    def app_bytes(self) -> int:
        """Payload of binary messages received, or bytes sent, as ndt7's ``NumBytes``."""
        return self.sent_bytes if self.sends else self._reader.binary_bytes

    @property
    def wants_to_write(self) -> bool:
        """Whether anything stands ready to go out."""
        return bool(self._outbox) or self._frame is not None or self._goes_on

    @property
    def hears(self) -> bool:
        """Whether it still reads: not beyond its quota."""
        return self.ended is None and (self.sends or self.cut is None)

    @property
    def finished(self) -> bool:
        """Whether everything that was to go out has gone."""
        return self._stopping and not self._outbox and self._frame is None

    def start(self, now_seconds: float) -> None:
        """Begin to count."""
        self._started_at = now_seconds
        self._before = Progress(0, 0)
        self._before = self.progress()

    def progress(self) -> Progress:
        """What made it across since :meth:`start`.

        Bytes written are never counted: at low rates buffers hold seconds of them.
        """
        info = self.tcp_info()
        tls = self.sock if isinstance(self.sock, TlsFlowSocket) else None
        if self.sends:
            in_order = self._acked(info)
            segments = info.delivered_segments if info else None
        else:  # the kernel's count holds what TLS put around the bytes
            arrived = info.bytes_received if info and tls is None else None
            in_order = self.stream_bytes if arrived is None else arrived
            segments = info.data_segs_in if info else None
        before = self._before.segments
        moved = in_order - self._before.in_order_bytes
        return Progress(
            round(moved * tls.payload_ratio) if tls is not None and self.sends else moved,
            None if segments is None or before is None else (segments - before) % (1 << 32),
        )

    def read_ready(self) -> None:
        """Take in what is there: payload is thrown away by the kernel (tcp(7), MSG_TRUNC)."""
        if not self.hears:
            return
        try:
            for _ in range(_READS_A_TURN):
                wanted = self._reader.wants()
                size = min(wanted.size, _CHUNK_BYTES)
                if self._quota is not None:
                    size = self._quota.take(size)
                    if size == 0:
                        self._out_of_quota()
                        return
                got = self._read(wanted, size)
                if got == 0:
                    self.ended = "eof"
                drained = 0 < got < size and self._plain and isinstance(wanted, Discard)
                if drained or self._over():  # no need to ask again
                    return
        except BlockingIOError:
            return
        except ProtocolViolation as error:
            self._violated(error)
        except OSError as error:
            self._broken(error)

    def _read(self, wanted: Discard | Read, size: int) -> int:
        """Read up to ``size`` bytes, which are drawn from the quota already; gives how many."""
        got = 0
        try:
            if isinstance(wanted, Discard):
                got = self.sock.recv_into(_TRASH, size, _DISCARD)
                self._reader.discarded(got)
                self.stream_bytes += got
            else:
                data = self.sock.recv(size, socket.MSG_DONTWAIT)
                got = len(data)
                self._take(data)
        finally:
            if self._quota is not None and got < size:
                self._quota.give_back(size - got)
        return got

    def write_ready(self) -> None:
        """Send until the kernel takes no more: small frames between binary ones, never inside."""
        try:
            for _ in range(self._queue_below.writes_a_turn):
                if self._frame is None and self._outbox:
                    if not self._send_small(self._outbox[0]):
                        return
                elif self._frame is not None or self._goes_on:
                    self._send_binary()
                else:
                    return
        except BlockingIOError:
            return
        except OSError as error:
            self._broken(error)

    def say(self, now_seconds: float, endpoints: tuple[str, str] | None) -> None:
        """Queue a measurement message of this side."""
        if self._stopping or len(self._outbox) > 2:  # a slow line: skip rather than pile up
            return
        payload = messages.build(
            origin=self.side,
            test=self.test,
            elapsed_seconds=now_seconds - (self._started_at or now_seconds),
            app_bytes=self.app_bytes,
            tcp=self.tcp_info(),
            endpoints=endpoints,
            congestion_control=self.congestion_control() if self.sends else None,
        )
        self._queue(Opcode.TEXT, payload)

    def ping(self, payload: bytes) -> bool:
        """Queue a ping (RFC 6455 section 5.5.2); False where too much waits already."""
        if self._over() or self._stopping or len(self._outbox) >= _MOST_PONGS:
            return False
        self._queue(Opcode.PING, payload)
        if not self.sends:  # the engine does not look yet whether this socket takes anything
            self.write_ready()
        return True

    def be_prompt(self) -> None:
        """Let small frames pass soon, see :meth:`KernelQueue.be_prompt`."""
        self._queue_below.be_prompt()

    def stop(self) -> None:
        """Send no further binary message; close once the current one is out (RFC 6455 7.1.2)."""
        if not self._stopping:
            self._queue(Opcode.CLOSE, self._good_bye())
            self._stopping = True
            self.tune(0)  # what is still to come is small

    def allow_good_bye(self) -> None:
        """Where bytes are limited, let through what both sides say at the end: call before stop."""
        if self._quota is not None:
            self._quota, self.cut = ByteLimit(GOOD_BYE_BYTES), None

    def be_cubic(self) -> None:
        """Send with CUBIC (RFC 9438), where this kernel lets this program choose it."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")

    def pace(self, rate_bps: int) -> None:
        """Let the kernel send no faster than this (socket(7), SO_MAX_PACING_RATE).

        With CUBIC where it may be chosen: BBR takes the pace for the path's rate and then
        sends less for a while, to drain a queue that is not there.
        """
        self.be_cubic()
        size = max(_SLOWEST_PACE_BYTES, rate_bps // 8)
        self.sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, struct.pack("=Q", size))

    def tune(self, rate_bytes_per_second: float, *, fast: bool = False) -> None:
        """Fit what waits in the kernel to the rate, see :meth:`KernelQueue.tune`."""
        if not self._over():
            self._queue_below.tune(rate_bytes_per_second, fast=fast)

    def tcp_info(self) -> TcpInfo | None:
        """The kernel's view, or None where it has none."""
        try:
            return tcp_info.read(self.sock)
        except OSError:
            return None

    def congestion_control(self) -> str | None:
        """How the kernel here paces what it sends (tcp(7), TCP_CONGESTION); None: not known."""
        try:
            raw = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, _CA_NAME_BYTES)
        except OSError:
            return None
        return raw.partition(b"\0")[0].decode("ascii", "replace") or None

    def close(self) -> None:
        """Let go of the socket."""
        self.sock.close()

    @property
    def _goes_on(self) -> bool:
        """Whether the next binary message is to be sent."""
        return self.sends and not self._stopping and self.cut is None

    def _over(self) -> bool:
        return self.ended is not None

    def _good_bye(self) -> bytes:
        if isinstance(self.trouble, ProtocolViolation):
            return _PROTOCOL_ERROR
        if self.cut is not None:
            reason = self.cut.encode("ascii", "replace")[:_LONGEST_REASON_BYTES]
            return struct.pack(">H", POLICY_VIOLATION) + reason
        return _NORMAL_CLOSURE

    def _out_of_quota(self) -> None:
        self.cut = f"quota used up: {self._spent}"

    def _acked(self, info: TcpInfo | None) -> int:
        if info is not None and info.bytes_acked is not None:
            return info.bytes_acked
        raw = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return self.sent_bytes - int(struct.unpack("i", raw)[0])  # tcp(7), SIOCOUTQ

    def _queue(self, opcode: Opcode, payload: bytes) -> None:
        self._outbox.append(_Out(build_frame(opcode, payload, masked=self.side == "client")))

    def _send_small(self, item: _Out) -> bool:
        sent = self.sock.send(item.data[item.position :])
        item.position += sent
        self.sent_bytes += sent
        if item.position < len(item.data):
            return False
        self._outbox.popleft()
        return True

    def _send_binary(self) -> None:
        assert self._store is not None
        if self._frame is None:
            frame = self._store.frame_for(self.sent_bytes, self._queue_below.message_bytes)
            if self._quota is not None and (left := self._quota.take(frame.size)) < frame.size:
                self._send_rest(left)
                return
            self._frame, self._offset = frame, 0
        sent = self._store.send(self.sock, self._frame, self._offset)
        self.sent_bytes += sent
        self._offset += sent
        if self._offset >= self._frame.size:
            self._frame = None

    def _send_rest(self, left_bytes: int) -> None:
        """Queue one last message that is as long as the quota still allows."""
        self._out_of_quota()
        payload_bytes = largest_payload(left_bytes)
        if payload_bytes > 0:
            self._queue(Opcode.BINARY, os.urandom(payload_bytes))

    def _take(self, data: bytes) -> None:
        self.stream_bytes += len(data)
        self._reader.received(data)
        if self._reader.messages:
            arrived, self._reader.messages = self._reader.messages, []
            for message in arrived:
                self._answer(message)

    def _answer(self, message: Message) -> None:
        if message.opcode is Opcode.TEXT:
            self.peer_report = messages.parse(message.payload) or self.peer_report
        elif message.opcode is Opcode.PING:
            if not self._stopping and len(self._outbox) < _MOST_PONGS:
                self._queue(Opcode.PONG, message.payload)
        elif message.opcode is Opcode.PONG:
            if self.on_pong is not None:
                self.on_pong(message.payload)
        elif message.opcode is Opcode.CLOSE:
            self.farewell = message.payload
            self.ended = "closed"  # the engine answers: a last report, then our close frame

    def _violated(self, error: ProtocolViolation) -> None:
        self.ended = "broken"  # the engine answers with a close frame that says so
        self.trouble = error

    def _broken(self, error: OSError) -> None:
        reset = error.errno in (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE)
        self.ended = "reset" if reset else "broken"
        self.trouble = error
        self._stopping = True
        self._outbox.clear()
        self._frame = None
