"""What kind of line the figures fit. Hints with their evidence, never certainty. Pure.

Several kinds of line have the same MTU, and a router can clamp or raise any of them; so each hint
is a sentence for a person who decides what to look at next, and no rule may judge by it.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wire.measurement import Json

_MTU_HINTS: Final = {
    1500: "plain Ethernet to the far end: IPoE without a tunnel, or an access line without PPPoE",
    1492: "PPPoE (RFC 2516: 8 bytes of header)",
    1488: "PPPoE with a further label or tag of 4 bytes",
    1480: "a tunnel of IP in IPv4 (20 bytes: IPIP, 6in4, 6rd)",
    1476: "a GRE tunnel (24 bytes)",
    1460: "IPv4 in an IPv6 tunnel over IPoE (40 bytes): DS-Lite (RFC 6333), MAP-E (RFC 7597), IPIP",
    1454: "PPPoE on a line of NTT East or West (フレッツ)",
    1452: "IPv4 in an IPv6 tunnel over PPPoE (1492 - 40)",
    1420: "WireGuard over IPv6",
    1440: "WireGuard over IPv4, or a tunnel of 60 bytes",
    1414: "IPv4 in an IPv6 tunnel over PPPoE of フレッツ (1454 - 40), or a clamped segment size",
    1280: "the least that IPv6 allows: a tunnel that takes no chances",
}
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")
_DS_LITE: Final = ipaddress.IPv4Network("192.0.0.0/29")
_LEAST_PORTS: Final = 6
_BLOCK_PORTS: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one path. None, empty or 0 is 'not known'."""

    local_ipv4: str = ""
    public_ipv4: str = ""
    public_ipv6: str = ""
    path_mtu_bytes: int = 0
    ports: tuple[int, ...] = ()
    """Source ports as the far end saw them, of sockets opened at random ports."""
    ports_kept: bool = False
    """The far end saw the very ports that were used here."""


def mtu_hint(path_mtu_bytes: int) -> list[Json]:
    """Say what an IPv4 path MTU is usual for."""
    fits = _MTU_HINTS.get(path_mtu_bytes)
    if fits is None:
        return []
    return [_hint(fits, f"path MTU {path_mtu_bytes} bytes")]


def line_hints(known: Evidence) -> list[Json]:
    """Say what the address, its translation and the path MTU fit together."""
    return [
        *_address_hints(known),
        *_port_hints(known),
        *_tunnel_hints(known),
        *(mtu_hint(known.path_mtu_bytes) if known.path_mtu_bytes != 1460 else []),
    ]


def is_shared(address: str) -> bool:
    """Tell whether it is of the space that carriers share among customers (RFC 6598)."""
    return ":" not in address and ipaddress.IPv4Address(address) in _SHARED


def _address_hints(known: Evidence) -> list[Json]:
    hints = []
    for name, address in (("local", known.local_ipv4), ("public", known.public_ipv4)):
        if address and is_shared(address):
            text = "the carrier translates addresses (CGN), so that many customers share one"
            hints.append(_hint(text, f"{name} address {address} is in 100.64.0.0/10 (RFC 6598)"))
        if address and ipaddress.IPv4Address(address) in _DS_LITE:
            text = "the near end of a DS-Lite tunnel"
            hints.append(_hint(text, f"{name} address {address} is in 192.0.0.0/29 (RFC 6333)"))
    return hints


def _port_hints(known: Evidence) -> list[Json]:
    ports = known.ports
    if known.ports_kept or len(ports) < _LEAST_PORTS:
        return []
    middles = {port >> 4 & 0xFF for port in ports}
    if len(middles) == 1 and len({port >> 12 for port in ports}) > 1:
        text = "MAP-E with 240 ports to a customer: concurrent sessions to one host are few"
        evidence = f"all of {len(ports)} ports share bits 4 to 11 (RFC 7597 section 5.1, PSID 8)"
        return [_hint(text, evidence)]
    if max(ports) - min(ports) < _BLOCK_PORTS and not _is_ascending(ports):
        text = "ports come from one block: the carrier translates addresses (DS-Lite, CGN)"
        return [_hint(text, f"ports {min(ports)} to {max(ports)} for {len(ports)} sockets")]
    return []


def _tunnel_hints(known: Evidence) -> list[Json]:
    if known.path_mtu_bytes != 1460:
        return []
    evidence = "path MTU 1460 bytes of IPv4"
    if known.public_ipv6:
        evidence += ", and native IPv6 beside it"
        return [_hint(str(_MTU_HINTS[1460]), evidence)]
    return [_hint(f"{_MTU_HINTS[1460]}; but no IPv6 was seen, which such a line has", evidence)]


def _is_ascending(ports: Sequence[int]) -> bool:
    """A NAT that counts up gives neighbours whatever the line: that is no block."""
    return list(ports) == sorted(ports) and max(ports) - min(ports) < 4 * len(ports)


def _hint(text: str, evidence: str) -> Json:
    return {"hint": text, "evidence": evidence}
