"""Probes to bytes and answers to words, with scapy.

Only :mod:`agent.path.child` imports this: scapy is GPL-2.0-only and takes a third of a second to
load, so it lives in a process of its own behind a data interface. No clock, no socket.
"""

import struct
from typing import Any, Final

# single modules: scapy.all takes three times as long and twice the memory
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header, IPerror
from scapy.layers.inet6 import ICMPv6EchoRequest, IPerror6, IPv6
from scapy.packet import Packet, Raw

from agent.latency.packet import checksum
from agent.path.flows import (
    Query,
    balance_for,
    echo_payload,
    flow_label,
    identifier,
    source_port,
    tcp_sequence,
    tcp_tag,
    udp_payload,
    udp_tag,
)
from agent.path.replies import MOST_LABELS, Kind, Reply, kind_of_icmp

_PROTOCOLS: Final = {"icmp": (1, 58), "udp": (17, 17), "tcp": (6, 6)}
_EXTENSIONS_AT: Final = 136
"""RFC 4884 section 5.5: after 8 octets of header and 128 of the quoted packet."""
_PORTS: Final = struct.Struct("!HH")


def build(query: Query, hops: int, flow: int, tag: int) -> bytes:
    """Make the whole IP packet of a probe."""
    packet = _head(query, hops, flow, tag)
    if query.protocol == "icmp":
        echo = (
            ICMPv6EchoRequest(id=identifier(flow), seq=tag)
            if query.version == 6
            else ICMP(type=8, id=identifier(flow), seq=tag)
        )
        return bytes(packet / echo / Raw(echo_payload(tag)))
    if query.protocol == "tcp":
        return bytes(
            packet
            / TCP(
                sport=source_port(flow),
                dport=query.port,
                flags="S",
                seq=tcp_sequence(query.run, tag),
                window=64_240,
                options=[("MSS", 1220 if query.version == 6 else 1460)],
            )
        )
    udp = UDP(sport=source_port(flow), dport=query.port)
    bare = bytes(packet / udp / Raw(udp_payload(tag)))
    was = _word(bare, len(bare) - len(udp_payload(tag)) - 2)
    return bytes(packet / udp / Raw(udp_payload(tag, balance_for(was, tag))))


def _head(query: Query, hops: int, flow: int, tag: int) -> Packet:
    if query.version == 6:
        return IPv6(src=query.source, dst=query.destination, hlim=hops, fl=flow_label(flow))
    return IP(src=query.source, dst=query.destination, ttl=hops, id=tag)


def read(query: Query, packet: bytes, at_seconds: float) -> Reply | None:
    """Read an IP packet that arrived; None where it answers no probe of this trace."""
    try:
        parsed = (IPv6 if query.version == 6 else IP)(packet)
    except (struct.error, ValueError, IndexError, TypeError, KeyError):
        return None  # scapy takes most nonsense as data; what it trips over is not for us
    body: bytes = parsed.payload.original
    protocol = parsed.nh if query.version == 6 else parsed.proto
    if protocol in (1, 58):
        return _icmp(query, parsed, body, at_seconds)
    if protocol == _PROTOCOLS[query.protocol][0] and parsed.src == query.destination:
        return _answer(query, body, at_seconds)
    return None


def _icmp(query: Query, parsed: Any, body: bytes, at_seconds: float) -> Reply | None:  # noqa: ANN401 - scapy's packets have the fields they have
    if len(body) < 8:
        return None
    kind = kind_of_icmp(query.version, body[0], body[1])
    tag: int | None = None
    if kind == "echo_reply":
        if query.protocol == "icmp" and parsed.src == query.destination:
            tag = _word(body, 6)
    elif kind is not None:
        tag = _quoted_tag(query, body[8:])
    if kind is None or tag is None:
        return None
    return Reply(
        tag=tag,
        at_seconds=at_seconds,
        address=str(parsed.src),
        kind=kind,
        icmp=(body[0], body[1]) if kind != "echo_reply" else None,
        mpls=_labels(body) if kind == "time_exceeded" else (),
    )


def _quoted_tag(query: Query, quoted: bytes) -> int | None:
    """Find the tag in a packet of ours that a router quotes, in at least 8 octets of its body."""
    if len(quoted) < (40 if query.version == 6 else 20):
        return None
    head = (IPerror6 if query.version == 6 else IPerror)(quoted)
    body: bytes = head.payload.original
    protocol = head.nh if query.version == 6 else head.proto
    if head.dst != query.destination or protocol not in _PROTOCOLS[query.protocol] or len(body) < 8:
        return None
    if query.protocol == "icmp":
        return _word(body, 6) if body[0] in (8, 128) else None
    if _PORTS.unpack_from(body)[1] != query.port:
        return None
    if query.protocol == "tcp":
        return tcp_tag(query.run, struct.unpack_from("!I", body, 4)[0])
    # a NAT on the way may have changed the checksum, so what it leaves alone is asked first
    in_payload = udp_tag(body[8:])
    if in_payload is not None:
        return in_payload
    return int(head.id) if query.version == 4 else _word(body, 6)


def _answer(query: Query, body: bytes, at_seconds: float) -> Reply | None:
    """Read TCP's answer to a SYN, or a UDP service that answers."""
    if len(body) < 8 or _PORTS.unpack_from(body)[0] != query.port:
        return None
    kind: Kind = "udp_reply"
    if query.protocol == "udp":
        tag = udp_tag(body[8:])  # an echo; what else a service says names no probe
    else:
        if len(body) < 20 or not body[13] & 0x10:
            return None
        (acknowledged,) = struct.unpack_from("!I", body, 8)
        tag = tcp_tag(query.run, (acknowledged - 1) & 0xFFFF_FFFF)
        kind = "tcp_reset" if body[13] & 0x04 else "tcp_open"
    if tag is None:
        return None
    return Reply(tag=tag, at_seconds=at_seconds, address=query.destination, kind=kind)


def _labels(body: bytes) -> tuple[str, ...]:
    """MPLS labels that a router adds behind what it quotes (RFC 4950); the checksum must hold."""
    extension = body[_EXTENSIONS_AT:]
    if len(extension) < 8 or extension[0] >> 4 != 2 or checksum(extension) != 0:
        return ()
    found = ICMPExtension_Header(extension).getlayer(ICMPExtension_MPLS)
    entry = found.stack[0] if found is not None and found.stack else None
    labels: list[str] = []
    while isinstance(entry, MPLS) and len(labels) < MOST_LABELS:
        labels.append(f"label={entry.label} exp={entry.cos} ttl={entry.ttl}")
        entry = entry.payload  # scapy reads each further entry as what the one before carries
    return tuple(labels)


def _word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "big")
