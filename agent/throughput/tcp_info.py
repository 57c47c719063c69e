"""TCP_INFO of the Linux kernel (tcp(7), include/uapi/linux/tcp.h), by field name.

Kernels give as many bytes as they know; fields beyond that are absent, never 0.
"""

import socket
import struct
from dataclasses import dataclass, fields
from typing import Final

_LAYOUT: Final = (
    # name, offset, struct code
    ("rto_microseconds", 8, "I"),
    ("snd_mss_bytes", 16, "I"),
    ("rtt_microseconds", 68, "I"),
    ("rttvar_microseconds", 72, "I"),
    ("snd_cwnd_segments", 80, "I"),
    ("total_retrans_segments", 100, "I"),
    ("bytes_acked", 120, "Q"),
    ("bytes_received", 128, "Q"),
    ("notsent_bytes", 144, "I"),
    ("min_rtt_microseconds", 148, "I"),
    ("data_segs_in", 152, "I"),
    ("delivery_rate_bytes_per_second", 160, "Q"),
    ("busy_microseconds", 168, "Q"),
    ("rwnd_limited_microseconds", 176, "Q"),
    ("sndbuf_limited_microseconds", 184, "Q"),
    ("delivered_segments", 192, "I"),
    ("bytes_sent", 200, "Q"),
    ("bytes_retrans", 208, "Q"),
)
_SIZE: Final = 256
_NO_MIN_RTT: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfo:
    """What the kernel knows of one connection; None where this kernel does not say."""

    rto_microseconds: int | None = None
    snd_mss_bytes: int | None = None
    rtt_microseconds: int | None = None
    rttvar_microseconds: int | None = None
    snd_cwnd_segments: int | None = None
    total_retrans_segments: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    notsent_bytes: int | None = None
    min_rtt_microseconds: int | None = None
    data_segs_in: int | None = None
    delivery_rate_bytes_per_second: int | None = None
    busy_microseconds: int | None = None
    rwnd_limited_microseconds: int | None = None
    sndbuf_limited_microseconds: int | None = None
    delivered_segments: int | None = None
    bytes_sent: int | None = None
    bytes_retrans: int | None = None


assert [item[0] for item in _LAYOUT] == [field.name for field in fields(TcpInfo)]


def parse(raw: bytes) -> TcpInfo:
    """Read as many fields as ``raw`` holds whole."""
    found = {
        name: struct.unpack_from("=" + code, raw, offset)[0]
        for name, offset, code in _LAYOUT
        if offset + struct.calcsize("=" + code) <= len(raw)
    }
    if found.get("min_rtt_microseconds") == _NO_MIN_RTT:  # no sample yet
        del found["min_rtt_microseconds"]
    return TcpInfo(**found)


def read(sock: socket.socket) -> TcpInfo:
    """Ask the kernel. Raises OSError where it has no such option."""
    return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE))
