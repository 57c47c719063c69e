"""Our admission to a reflector: two lines of JSON each way over TCP, on the number of the UDP port.

::

    sender     {"stamp": 1, "packet_count": 100, "interval_seconds": 0.05}
    reflector  {"ssid": 4711}                      or  {"refused": "reason"}
               ... test packets over UDP, from the same address, with this SSID ...
    sender     {"end": true}
    reflector  {"received_count": 98, "reflected_count": 98, ...}

The TCP handshake proves that the sender's address is its own. The session ends with the
connection. Before admission the reflector sends nothing but a refusal of less than 300 bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from wire.codec import Refused, parse_object
from wire.measurement import Json

VERSION: Final = 1
MAX_LINE_BYTES: Final = 2_048
MAX_PACKETS: Final = 10_000
MIN_INTERVAL_SECONDS: Final = 0.005
MAX_SESSION_SECONDS: Final = 300.0
_MAX_TOKEN_CHARACTERS: Final = 1_500


class BadLine(ValueError):
    """A line that is not what belongs there; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a sender asks for. ``authorization`` is for admission by token."""

    packet_count: int
    interval_seconds: float
    authorization: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a reflector counted in a session. Numbers of packets."""

    received_count: int
    """Different requests."""
    duplicate_count: int
    reflected_count: int
    """Answers sent, those to duplicates included."""
    limited_count: int
    """Requests left unanswered because they came faster than was asked for."""
    dscp_seen: list[int]


def write(fields: Mapping[str, Json]) -> bytes:
    """Write one line."""
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def write_opening(opening: Opening) -> bytes:
    """Write what a sender says first."""
    fields = {name: value for name, value in asdict(opening).items() if value is not None}
    return write({"stamp": VERSION, **fields})


def read_opening(line: bytes) -> Opening:
    """Read what a sender says first. Raises BadLine."""
    fields = _object(line)
    if fields.get("stamp") != VERSION:
        raise BadLine(f"stamp: allowed is {VERSION}")
    count = _whole(fields, "packet_count", MAX_PACKETS)
    interval = fields.get("interval_seconds")
    if isinstance(interval, bool) or not isinstance(interval, int | float):
        raise BadLine("interval_seconds: allowed is a number of seconds")
    if not MIN_INTERVAL_SECONDS <= interval <= MAX_SESSION_SECONDS / max(count, 1) or count < 1:
        raise BadLine(
            f"interval_seconds: allowed is {MIN_INTERVAL_SECONDS:g} and more, the whole session "
            f"at most {MAX_SESSION_SECONDS:g} s"
        )
    token = fields.get("authorization")
    if token is not None and not (isinstance(token, str) and len(token) <= _MAX_TOKEN_CHARACTERS):
        raise BadLine(f"authorization: allowed is text of {_MAX_TOKEN_CHARACTERS} characters")
    return Opening(packet_count=count, interval_seconds=float(interval), authorization=token)


def read_admission(line: bytes) -> int | str:
    """Read the reflector's first line: the SSID, or the reason of a refusal. Raises BadLine."""
    fields = _object(line)
    refused = fields.get("refused")
    return refused[:200] if isinstance(refused, str) else _whole(fields, "ssid", 0xFFFF)


def is_end(line: bytes) -> bool:
    """Tell whether a sender's second line is what it should be. Raises BadLine."""
    return _object(line).get("end") is True


def write_summary(summary: Summary) -> bytes:
    """Write what a reflector says last."""
    return write(asdict(summary))


def read_summary(line: bytes) -> Summary:
    """Read what a reflector says last. Raises BadLine."""
    fields = _object(line)
    seen = fields.get("dscp_seen", [])
    if not isinstance(seen, list):
        raise BadLine("dscp_seen: allowed is a list of numbers")
    most = 2 * MAX_PACKETS
    return Summary(
        received_count=_whole(fields, "received_count", most),
        duplicate_count=_whole(fields, "duplicate_count", most),
        reflected_count=_whole(fields, "reflected_count", most),
        limited_count=_whole(fields, "limited_count", 1 << 32),
        dscp_seen=[item for item in seen[:64] if isinstance(item, int)],
    )


def _object(line: bytes) -> dict[str, Json]:
    try:
        return parse_object(line, "line")
    except Refused as error:
        raise BadLine(str(error)) from error


def _whole(fields: Mapping[str, Json], name: str, most: int) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise BadLine(f"{name}: allowed is a whole number up to {most}")
    return value
