"""Test packets of RFC 8762 sections 4.2.1 and 4.3.1 (unauthenticated), without a socket.

::

    sender     seq 4 · timestamp 8 · error estimate 2 · SSID 2 · zero 28
    reflector  seq 4 · timestamp 8 · error estimate 2 · SSID 2 · receive timestamp 8 ·
               sender's seq 4 · timestamp 8 · error estimate 2 · zero 2 · TTL 1 · zero 3

Both have at least 44 octets, and a reply is as long as its request (symmetric), so it can never
be more. The session identifier SSID is RFC 8972 section 3's; what follows the first 44 octets is
sent back as it came. Times are whole nanoseconds of Unix time inside, NTP's 64 bits outside.
"""

import math
import struct
from dataclasses import dataclass
from typing import Final

BASE_BYTES: Final = 44
_SENDER: Final = struct.Struct(">IQHH28x")
_REFLECTOR: Final = struct.Struct(">IQHHQIQH2xB3x")
_NTP_EPOCH_SECONDS: Final = 2_208_988_800
"""From 1900 to 1970 (RFC 5905 section 6)."""
_ERA_SECONDS: Final = 1 << 32
_FIRST_ERA_ENDS: Final = 1 << 31
"""Seconds below it belong to the era that begins in 2036 (RFC 4330 section 3)."""
_SYNCHRONISED: Final = 0x8000
_PTP: Final = 0x4000
_BILLION: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ErrorEstimate:
    """What an end says of its clock (RFC 8762 section 4.2.1, after RFC 4656 section 4.1.2).

    ``synchronised``: to UTC by an external source (S). ``ptp``: times are in PTP's format (Z).
    ``error_seconds``: half-width of the interval that holds the true time; None where the field
    is not set (a multiplier of 0).
    """

    synchronised: bool
    error_seconds: float | None
    ptp: bool = False

    def encode(self) -> int:
        """Write as 16 bits: S, Z, scale, multiplier; rounded up, never below the error."""
        value = (_SYNCHRONISED if self.synchronised else 0) | (_PTP if self.ptp else 0)
        if self.error_seconds is None:
            return value | 1  # a multiplier of 0 is not allowed; S is 0 where nothing is known
        units = max(1, math.ceil(self.error_seconds * 2**32))
        scale = max(0, units.bit_length() - 8)
        multiplier = -(-units >> scale)
        if multiplier > 0xFF:
            scale, multiplier = scale + 1, (multiplier + 1) >> 1
        if scale > 0x3F:
            return value | 0x3FFF
        return value | scale << 8 | multiplier

    @staticmethod
    def decode(value: int) -> "ErrorEstimate":
        """Read 16 bits."""
        multiplier, scale = value & 0xFF, value >> 8 & 0x3F
        error = multiplier * 2.0 ** (scale - 32) if multiplier else None
        return ErrorEstimate(bool(value & _SYNCHRONISED), error, bool(value & _PTP))


@dataclass(frozen=True, slots=True)
class Sent:
    """A sender's packet."""

    sequence: int
    time_ns: int
    error: ErrorEstimate
    ssid: int


@dataclass(frozen=True, slots=True)
class Reflected:
    """A reflector's packet. ``sender_ttl`` is the TTL that the request arrived with."""

    sequence: int
    time_ns: int
    error: ErrorEstimate
    ssid: int
    received_ns: int
    sender_sequence: int
    sender_time_ns: int
    sender_ttl: int


def build_sent(packet: Sent, size_bytes: int) -> bytes:
    """Write a sender's packet, zeros up to ``size_bytes`` (at least 44)."""
    base = _SENDER.pack(packet.sequence, to_ntp(packet.time_ns), packet.error.encode(), packet.ssid)
    return base + bytes(max(size_bytes, BASE_BYTES) - BASE_BYTES)


def read_sent(data: bytes) -> Sent | None:
    """Read a sender's packet; None where it is too short to be one."""
    if len(data) < BASE_BYTES:
        return None
    sequence, time, error, ssid = _SENDER.unpack_from(data)
    estimate = ErrorEstimate.decode(error)
    return Sent(sequence, to_unix_ns(time, ptp=estimate.ptp), estimate, ssid)


def build_reflected(
    request: bytes, sequence: int, received_ns: int, sent_ns: int, error: ErrorEstimate, ttl: int
) -> bytes:
    """Write the answer to ``request``: exactly as long, its fields copied, its rest unchanged."""
    sender_sequence, sender_time, sender_error, ssid = _SENDER.unpack_from(request)
    base = _REFLECTOR.pack(
        sequence,
        to_ntp(sent_ns),
        error.encode(),
        ssid,
        to_ntp(received_ns),
        sender_sequence,
        sender_time,
        sender_error,
        ttl,
    )
    return base + request[BASE_BYTES:]


def read_reflected(data: bytes) -> Reflected | None:
    """Read a reflector's packet; None where it is too short to be one."""
    if len(data) < BASE_BYTES:
        return None
    (sequence, time, error, ssid, received, sender_sequence, sender_time, sender_error, ttl) = (
        _REFLECTOR.unpack_from(data)
    )
    estimate = ErrorEstimate.decode(error)
    return Reflected(
        sequence=sequence,
        time_ns=to_unix_ns(time, ptp=estimate.ptp),
        error=estimate,
        ssid=ssid,
        received_ns=to_unix_ns(received, ptp=estimate.ptp),
        sender_sequence=sender_sequence,
        sender_time_ns=to_unix_ns(sender_time, ptp=ErrorEstimate.decode(sender_error).ptp),
        sender_ttl=ttl,
    )


def to_ntp(unix_ns: int) -> int:
    """Nanoseconds of Unix time to NTP's 64 bits, rounded to the nearest 2^-32 s."""
    seconds, nanoseconds = divmod(unix_ns, _BILLION)
    fraction = ((nanoseconds << 32) + _BILLION // 2) // _BILLION
    return ((seconds + _NTP_EPOCH_SECONDS << 32) + fraction) & 0xFFFFFFFFFFFFFFFF


def to_unix_ns(stamp: int, *, ptp: bool) -> int:
    """64 bits of NTP, or of PTP's truncated format, to nanoseconds of Unix time."""
    seconds, low = stamp >> 32, stamp & 0xFFFFFFFF
    if ptp:
        return seconds * _BILLION + low
    if seconds < _FIRST_ERA_ENDS:
        seconds += _ERA_SECONDS
    return (seconds - _NTP_EPOCH_SECONDS) * _BILLION + ((low * _BILLION + (1 << 31)) >> 32)
