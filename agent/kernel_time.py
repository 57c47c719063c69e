"""When a packet came in, by the kernel's stamp (socket(7), SO_TIMESTAMPNS), on the monotonic clock.

The stamp is wall time and durations are monotonic, so both clocks are read at one moment. A
process that is put aside between two looks would tear them apart by milliseconds: the closest
of a few pairs is taken.
"""

import socket
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.clock import Clock

SO_TIMESTAMPNS_NEW: Final = 64
"""64-bit times on every architecture, since Linux 5.1."""
_TIMESPEC: Final = struct.Struct("=qq")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOOKS: Final = 5
_TOGETHER_SECONDS: Final = 20e-6
_OLDEST_SECONDS: Final = 1.0
"""A stamp further back, or ahead, is one of a wall clock that stepped: it is left out."""


def moment(clock: Clock) -> tuple[float, int]:
    """Both clocks at one moment: monotonic seconds, and nanoseconds of Unix time."""
    best = (float("inf"), 0.0, 0)
    for _ in range(_LOOKS):
        before = clock.monotonic_seconds()
        wall_ns = (clock.now() - _EPOCH) // timedelta(microseconds=1) * 1_000
        after = clock.monotonic_seconds()
        best = min(best, (after - before, (before + after) / 2, wall_ns))
        if best[0] <= _TOGETHER_SECONDS:
            break
    return best[1], best[2]


def age_seconds(value: bytes, wall_ns: int) -> float:
    """How long ago a stamp was; 0 where it cannot be believed."""
    seconds, nanoseconds = _TIMESPEC.unpack_from(value)
    age = (wall_ns - seconds * 1_000_000_000 - nanoseconds) / 1e9
    return age if 0.0 <= age <= _OLDEST_SECONDS else 0.0


def arrival(ancillary: Sequence[tuple[int, int, bytes]], clock: Clock) -> tuple[float, float]:
    """Now on the monotonic clock, and how many seconds ago the packet came in (0: not stamped)."""
    now, wall_ns = moment(clock)
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS_NEW:
            return now, age_seconds(value, wall_ns)
    return now, 0.0
