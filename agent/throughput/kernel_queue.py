"""How much of one flow waits in the kernel, and when the kernel wakes the flow.

A receiver is woken about every 5 ms, not for every segment (socket(7), SO_RCVLOWAT). A sender
keeps 0.1 s of its rate unsent in the kernel (tcp(7), TCP_NOTSENT_LOWAT), so that a busy machine
which does not run it for that long leaves no gap. Where no network but only memory limits
(``FAST_BYTES_PER_SECOND``), it keeps little and waits inside send(2) instead: what waits then
stays in the processor's cache, and the wait costs no turn of the loop. Over a veth pair with BBR
that doubled the rate and halved the processor time (docs/benchmarks.md).
"""

import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import Final

FAST_BYTES_PER_SECOND: Final = 1.25e9
"""All flows together; 10 Gbit/s."""
_FAST_NOTSENT_BYTES: Final = 128 * 1024
_FAST_WRITES_A_TURN: Final = 8
_FAST_WAIT: Final = struct.pack("@ll", 0, 10_000)
"""The longest wait inside send(2): a struct timeval of 10 ms (socket(7), SO_SNDTIMEO)."""
_WRITES_A_TURN: Final = 32
"""Writes of one flow before the others get their turn."""
_LOWAT_MAXIMUM_BYTES: Final = 2 * 1024 * 1024
_LOWAT_MAXIMUM_TLS_BYTES: Final = 512 * 1024
"""As much as the records of one turn hold: more would stay in the kernel and wake nobody."""
_LOWAT_SECONDS: Final = 0.005
_TCP_NOTSENT_LOWAT: Final = 25


@dataclass(frozen=True, slots=True)
class _Unsent:
    """Fewest and most bytes that wait unsent, and the seconds of the rate they stand for."""

    fewest_bytes: int
    most_bytes: int
    seconds: float


_STEADY: Final = _Unsent(256 * 1024, 2 * 1024 * 1024, 0.1)
_PROMPT: Final = _Unsent(4 * 1024, 512 * 1024, 0.01)
"""Where small frames must not wait long behind the data."""


class KernelQueue:
    """The kernel's side of one flow's socket."""

    def __init__(self, sock: socket.socket, *, sends: bool, plain: bool) -> None:
        self._sock = sock
        self._sends = sends
        self._plain = plain
        self._unsent = _STEADY
        self._prompt = False
        self.message_bytes: int | None = None
        """About how large a binary message may be; None: as large as it likes."""
        self.writes_a_turn = _WRITES_A_TURN
        sock.setblocking(False)
        if sends:
            self._keep_unsent(_STEADY.fewest_bytes)

    def be_prompt(self) -> None:
        """Keep what small frames wait behind to about 10 ms of the rate, and never hold one back.

        Without, up to 0.1 s of data wait unsent in the kernel and a binary message may be longer,
        and Nagle's algorithm holds a small frame until the one before it is acknowledged.
        """
        self._unsent, self._prompt = _PROMPT, True
        self.message_bytes = _PROMPT.fewest_bytes
        self.writes_a_turn = 1  # the kernel fills up what it has begun, up to 64 KiB
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._sends:
                self._keep_unsent(_PROMPT.fewest_bytes)

    def tune(self, rate_bytes_per_second: float, *, fast: bool = False) -> None:
        """Fit to this flow's rate; ``fast``: all flows together pass FAST_BYTES_PER_SECOND."""
        if not self._sends:
            most = _LOWAT_MAXIMUM_BYTES if self._plain else _LOWAT_MAXIMUM_TLS_BYTES
            low = min(most, int(rate_bytes_per_second * _LOWAT_SECONDS))
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, low))
            return
        unsent = self._unsent
        size = int(rate_bytes_per_second * unsent.seconds)
        size = max(unsent.fewest_bytes, min(unsent.most_bytes, size))
        if self._plain and not self._prompt:
            self._wait_in_send(fast)
            if fast:
                size = _FAST_NOTSENT_BYTES
        self._keep_unsent(size)
        if self._prompt:
            self.message_bytes = size

    def _wait_in_send(self, fast: bool) -> None:
        """Reads of such a flow must say MSG_DONTWAIT."""
        if fast and not self._sock.getblocking():
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _FAST_WAIT)
        self._sock.setblocking(fast)
        self.writes_a_turn = _FAST_WRITES_A_TURN if fast else _WRITES_A_TURN

    def _keep_unsent(self, size: int) -> None:
        self._sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, size)
