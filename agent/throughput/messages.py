"""ndt7 measurement messages: JSON in text frames, every 250 ms, from either side.

Field names and units (microseconds, bytes) are those of the ndt7 specification, section
'Measurement message'. Everything in them is optional for whoever reads.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from agent.throughput.tcp_info import TcpInfo

INTERVAL_SECONDS: Final = 0.25

_NAME: Final = re.compile(r"[a-z0-9_.-]{1,16}")
_TCP_FIELDS: Final = (
    ("BusyTime", "busy_microseconds"),
    ("BytesAcked", "bytes_acked"),
    ("BytesReceived", "bytes_received"),
    ("BytesSent", "bytes_sent"),
    ("BytesRetrans", "bytes_retrans"),
    ("MinRTT", "min_rtt_microseconds"),
    ("RTT", "rtt_microseconds"),
    ("RTTVar", "rttvar_microseconds"),
    ("RWndLimited", "rwnd_limited_microseconds"),
    ("SndBufLimited", "sndbuf_limited_microseconds"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerReport:
    """What the other side said last. None where it did not say."""

    elapsed_seconds: float | None = None
    app_bytes: int | None = None
    tcp: TcpInfo | None = None
    congestion_control: str | None = None
    """Of the other side, where it sends the data."""


def build(
    *,
    origin: str,
    test: str,
    elapsed_seconds: float,
    app_bytes: int,
    tcp: TcpInfo | None,
    endpoints: tuple[str, str] | None = None,
    congestion_control: str | None = None,
) -> bytes:
    """Write one message. ``endpoints`` (client, server) is for servers only.

    ``congestion_control`` is no word of the specification, which lets readers pass over it.
    """
    elapsed = int(elapsed_seconds * 1e6)
    message: dict[str, Any] = {
        "AppInfo": {"ElapsedTime": elapsed, "NumBytes": app_bytes},
        "Origin": origin,
        "Test": test,
    }
    if endpoints is not None:
        message["ConnectionInfo"] = {"Client": endpoints[0], "Server": endpoints[1]}
        if congestion_control is not None:
            message["ConnectionInfo"]["CongestionControl"] = congestion_control
    if tcp is not None:
        known = {name: getattr(tcp, field) for name, field in _TCP_FIELDS}
        message["TCPInfo"] = {
            "ElapsedTime": elapsed,
            **{name: value for name, value in known.items() if value is not None},
        }
    return json.dumps(message, separators=(",", ":")).encode()


def parse(payload: bytes) -> PeerReport | None:
    """Read a message of the other side; None where it is not one (it is optional anyway)."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    app = _object(message, "AppInfo")
    tcp = _object(message, "TCPInfo")
    elapsed = _number(app, "ElapsedTime")
    found = {field: _number(tcp, name) for name, field in _TCP_FIELDS}
    return PeerReport(
        elapsed_seconds=None if elapsed is None else elapsed / 1e6,
        app_bytes=_number(app, "NumBytes"),
        tcp=TcpInfo(**found) if tcp else None,
        congestion_control=_congestion_control(message),
    )


def _congestion_control(message: dict[str, Any]) -> str | None:
    """What our responder says; Measurement Lab's server has an object for BBR only."""
    name = _object(message, "ConnectionInfo").get("CongestionControl")
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    return "bbr" if _object(message, "BBRInfo") else None


def _object(message: dict[str, Any], name: str) -> dict[str, Any]:
    value = message.get(name)
    return value if isinstance(value, dict) else {}


def _number(message: dict[str, Any], name: str) -> int | None:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 1 << 63 else None
