"""One question to a time server: SNTP, the client's side of RFC 5905 section 14.

The transmit timestamp of the question is a number by chance, not our time: the reply must bring
it back, so nobody off the path can answer, and the server learns nothing from it.
"""

import socket
import struct
from random import Random
from typing import Final

from agent.clock import Clock
from agent.clock_check import Anchor, anchor
from agent.failure import MeasurementFailed
from agent.target import parse_host_port
from wire.failure import FailureCode, Operation

PORT: Final = 123
TIMEOUT_SECONDS: Final = 3.0
_PACKET: Final = struct.Struct("!BBbbIII8s8s8s8s")
"""Flags, stratum, poll, precision, root delay, root dispersion, reference id and timestamp,
originate, receive, transmit (RFC 5905 figure 8)."""
_ASK: Final = 4 << 3 | 3
"""Version 4, mode 3 (client)."""
_SERVER: Final = 4
_UNSYNCHRONISED: Final = 3
_UNIX: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""
_ERA: Final = 1 << 32


def ask(random: Random) -> tuple[bytes, bytes]:
    """Make a question and the cookie that its reply must bring back."""
    cookie = random.randbytes(8)
    zero = bytes(8)
    return _PACKET.pack(_ASK, 0, 0, 0, 0, 0, 0, zero, zero, zero, cookie), cookie


def read(reply: bytes, cookie: bytes) -> tuple[float, float, float]:
    """Read a reply: received and sent at the server (Unix seconds), and its own error in seconds.

    Raises :class:`MeasurementFailed` for what no client may use (RFC 4330 section 5).
    """
    if len(reply) < _PACKET.size:
        raise _refused(f"{len(reply)} bytes, allowed is {_PACKET.size} or more")
    flags, stratum, _, _, delay, dispersion, _, _, originate, received, sent = _PACKET.unpack_from(
        reply
    )
    if flags & 7 != _SERVER or originate != cookie:
        raise _refused("not the answer to our question")
    if stratum == 0:
        raise _refused("kiss of death: the server wants no questions from here")
    if flags >> 6 == _UNSYNCHRONISED or stratum > 15 or sent == bytes(8):
        raise _refused("the server has no time itself")
    error = _short(delay) / 2 + _short(dispersion)
    return _seconds(received), _seconds(sent), error


def query(server: str, clock: Clock, random: Random) -> Anchor:
    """Ask ``server`` (HOST or HOST:PORT) once. Raises :class:`MeasurementFailed` or OSError."""
    host, port = parse_host_port(server, PORT)
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    question, cookie = ask(random)
    with socket.socket(family, kind, protocol) as sock:
        sock.settimeout(TIMEOUT_SECONDS)
        sock.connect(address)
        asked = clock.monotonic_seconds()
        sock.send(question)
        reply = sock.recv(1024)
        back = clock.monotonic_seconds()
    received, sent, error = read(reply, cookie)
    return anchor(f"ntp {server}", (asked, received, sent, back), error)


def _short(value: int) -> float:
    return value / 65_536


def _seconds(timestamp: bytes) -> float:
    whole, fraction = (int.from_bytes(half) for half in (timestamp[:4], timestamp[4:]))
    seconds = whole - _UNIX
    if seconds < 0:  # before 1970 is after 2036: the next era (RFC 5905 section 6)
        seconds += _ERA
    return seconds + fraction / _ERA


def _refused(text: str) -> MeasurementFailed:
    return MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.RECEIVE, f"time server: {text}")
