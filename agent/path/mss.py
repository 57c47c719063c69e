"""Do full TCP segments get through? Connections with the usual segment size and with less.

Where packets too large for the path vanish and the router's word about it is lost too, a
connection opens and then stands still: small packets pass, full ones never (RFC 2923 section 2.1).
That is what a person sees as 'some pages never load'. It is looked for as TCP meets it: a request
padded to several full segments must be acknowledged (upload), and what comes back must come in
full segments (download). What stands still is tried again with TCP_MAXSEG clamped: only if that
helps is it the size.

Order matters: a kernel that has just learnt a path MTU offers smaller segments itself, and the
fault hides for ten minutes. So this comes before other tests, only a connection that offered full
segments proves that there is no fault, and what was really offered is read from TCP_INFO.

The request asks a responder of ours for a download; any other server answers it with an error of
its own, which is as good, if it is long enough to fill segments.
"""

import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.failure import MeasurementFailed, translate
from agent.path.source import interface_mtu
from agent.resolve import Address
from wire.failure import FailureCode, Operation

STEPS_BYTES: Final = (1460, 1452, 1440, 1432, 1414, 1400, 1380, 1360, 1320, 1280, 1240, 1200, 1000)
"""Segment sizes: Ethernet, PPPoE (1492), IPv6, 1472, フレッツ PPPoE (1454), and tunnels below."""
SAFE_BYTES: Final = 536
"""RFC 9293 section 3.7.1: what every host takes."""
PADDING_BYTES: Final = 3_200
"""With the rest of the request more than two full segments, and less than what servers refuse."""
ENOUGH_BYTES: Final = 4_096
"""Received, at least one full segment was among it."""
MOST_BYTES: Final = 16_384
_TCP_INFO: Final = struct.Struct("=5xB78xI")
"""tcpi_options and tcpi_advmss (include/uapi/linux/tcp.h)."""
_TIMESTAMPS: Final = 1
_TIMESTAMPS_BYTES: Final = 12
"""The kernel takes them off its segment sizes; the sizes here are those of the MSS option."""
HEADERS_BYTES: Final = {4: 40, 6: 60}
ETHERNET_BYTES: Final = 1_500
STALL_SECONDS: Final = 3.0
"""Nothing moves for so long: at 20 ms of round trip, three retransmissions."""
CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One connection: what went and what came."""

    mss_bytes: int
    """Largest segment this side would send."""
    offered_bytes: int
    """Largest segment this side offered to take."""
    unacknowledged_bytes: int
    received_bytes: int
    ended: bool
    """The far end closed or reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the connections say together. None is 'could not be tested'."""

    mss_bytes: int
    offered_bytes: int
    upload_black_hole: bool | None
    download_black_hole: bool | None
    working_mss_bytes: int | None
    """Largest of the steps that works in the direction that is broken."""


def examine(
    address: Address, host: str, clock: Clock, ends_at: float, steps: Sequence[int] = STEPS_BYTES
) -> Finding:
    """Connect with the usual segment size and, if it stands still, with smaller ones.

    Raises :class:`~agent.failure.MeasurementFailed` where no connection can be made or time runs
    out (``ends_at`` is a moment of the monotonic clock).
    """

    def tried(clamp: int | None) -> Transfer:
        if ends_at - clock.monotonic_seconds() < STALL_SECONDS:
            text = "the deadline came before the segment sizes were tried"
            raise MeasurementFailed(FailureCode.TIMEOUT, Operation.RUN, text)
        return transfer(address, host, clamp, clock, ends_at)

    usual = tried(None)
    upload_still = bool(usual.unacknowledged_bytes) and not usual.ended
    download_short = usual.received_bytes < ENOUGH_BYTES and not usual.ended
    upload: bool | None = None if usual.unacknowledged_bytes else False
    download: bool | None = None
    if usual.received_bytes >= ENOUGH_BYTES and usual.offered_bytes >= _full_bytes(address):
        download = False
    working: int | None = None
    if upload_still or download_short:
        safe = tried(SAFE_BYTES)
        if upload_still and not safe.unacknowledged_bytes:
            upload = True
            working = _largest(
                steps, usual.mss_bytes, tried, lambda found: not found.unacknowledged_bytes
            )
        elif not upload_still and (
            safe.received_bytes >= max(SAFE_BYTES, 2 * usual.received_bytes)
        ):
            download = True
            working = _largest(
                steps,
                usual.offered_bytes,
                tried,
                lambda found: found.received_bytes >= safe.received_bytes // 2,
            )
    return Finding(
        mss_bytes=usual.mss_bytes,
        offered_bytes=usual.offered_bytes,
        upload_black_hole=upload,
        download_black_hole=download,
        working_mss_bytes=working,
    )


def _full_bytes(address: Address) -> int:
    """Segment that fills a packet of the interface, at most one of Ethernet."""
    mtu = interface_mtu(address) or ETHERNET_BYTES
    return min(mtu, ETHERNET_BYTES) - HEADERS_BYTES[6 if len(address) == 4 else 4]


def _largest(
    steps: Sequence[int],
    below_bytes: int,
    tried: Callable[[int | None], Transfer],
    works: Callable[[Transfer], bool],
) -> int:
    """Largest step that works, by halves: each that does not costs the time of a stall.

    Where the kernel offers less than the step, having learnt of the path, that is the size.
    """
    rising = sorted(step for step in steps if step < below_bytes)
    low, high = 0, len(rising)  # all before low work, none from high on does
    best = SAFE_BYTES
    while low < high:
        middle = (low + high) // 2
        found = tried(rising[middle])
        if works(found):
            low = middle + 1
            best = max(best, min(rising[middle], found.offered_bytes))
        else:
            high = middle
    return best


def transfer(
    address: Address, host: str, clamp: int | None, clock: Clock, ends_at: float
) -> Transfer:
    """Send one padded request and read what comes, until it is enough or stands still."""
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        if clamp is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, clamp)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = ends_at - clock.monotonic_seconds()
        sock.settimeout(max(0.01, min(CONNECT_SECONDS, left)))
        try:
            sock.connect(address)
        except OSError as error:
            failure = translate(error, Operation.CONNECT)
            text = f"{address[0]} port {address[1]}: {failure.text}"
            raise MeasurementFailed(failure.code, Operation.CONNECT, text) from error
        sizes = _sizes(sock)
        sock.setblocking(False)
        sock.send(request(host))
        return _watch(sock, sizes, clock, ends_at)


def _sizes(sock: socket.socket) -> tuple[int, int]:
    """Largest segment that this side would send, and that it offered to take."""
    answer = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    options, offered = _TCP_INFO.unpack(answer)
    taken_off = _TIMESTAMPS_BYTES if options & _TIMESTAMPS else 0
    sends = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    return sends + taken_off, offered + taken_off


def _watch(sock: socket.socket, sizes: tuple[int, int], clock: Clock, ends_at: float) -> Transfer:
    received, ended = 0, False
    waiting = _unacknowledged(sock)
    moved_at = clock.monotonic_seconds()
    while not ended and (received < MOST_BYTES or waiting):
        now = clock.monotonic_seconds()
        if now - moved_at >= STALL_SECONDS or now >= ends_at:
            break
        select.select([sock] if received < MOST_BYTES else [], [], [], 0.05)
        before = (received, waiting)
        try:
            if received < MOST_BYTES:
                came = len(sock.recv(4_096))
                received += came
                ended = not came
        except BlockingIOError:
            pass
        except OSError:  # reset: it is the far end's way to say that it has heard enough
            ended = True
        waiting = _unacknowledged(sock)
        if (received, waiting) != before:
            moved_at = clock.monotonic_seconds()
    return Transfer(
        mss_bytes=sizes[0],
        offered_bytes=sizes[1],
        unacknowledged_bytes=waiting,
        received_bytes=received,
        ended=ended,
    )


def request(host: str) -> bytes:
    """Ask a responder for a download, in a request of more than two full segments."""
    shown = f"[{host}]" if ":" in host else host
    return (
        "GET /ndt/v7/download HTTP/1.1\r\n"
        f"Host: {shown}\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: aGFrYXJ1LXBhdGgtbXR1MQ==\r\n"
        "Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n"
        "User-Agent: hakaru-agent\r\n"
        f"X-Padding: {'x' * PADDING_BYTES}\r\n\r\n"
    ).encode("ascii")


def _unacknowledged(sock: socket.socket) -> int:
    """Bytes that the far end has not acknowledged (tcp(7), SIOCOUTQ)."""
    answer = fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4)
    return int(struct.unpack("=i", answer)[0])
