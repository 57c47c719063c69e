"""How good this machine's clock is, as its kernel says (adjtimex(2), ntp_adjtime(3))."""

import ctypes
import struct
from typing import Final

from agent.stamp.packet import ErrorEstimate

_UNSYNCHRONISED: Final = 0x40
"""STA_UNSYNC of <linux/timex.h>: nobody disciplines this clock, or it was lost too long ago."""
_TIME_ERROR: Final = 5
_BUFFER_BYTES: Final = 512
"""struct timex has 208 bytes on 64-bit Linux; more for what may be added."""
_LAYOUT: Final = struct.Struct("@I q q q q i" if struct.calcsize("P") == 8 else "@I l l l l i")
"""modes, offset, freq, maxerror, esterror, status: the beginning of struct timex."""


def clock_quality() -> ErrorEstimate:
    """Read whether the clock is synchronised and its greatest error, without changing it.

    ``maxerror`` bounds the error (root distance of NTP, growing by 500 ppm between updates).
    Where the kernel does not say: not synchronised, error unknown.
    """
    buffer = ctypes.create_string_buffer(_BUFFER_BYTES)  # modes is 0: only read
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):  # no such call in this C library
        return ErrorEstimate(synchronised=False, error_seconds=None)
    _, _, _, max_error, _, status = _LAYOUT.unpack_from(buffer.raw)
    if state < 0:  # forbidden in this container
        return ErrorEstimate(synchronised=False, error_seconds=None)
    synchronised = state != _TIME_ERROR and not status & _UNSYNCHRONISED
    return ErrorEstimate(synchronised, max_error / 1e6)
