"""ARP over Ethernet (RFC 826, RFC 5227): requests and what answers say. Pure."""

import struct
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from agent.lan.packet_socket import BROADCAST, ETHERTYPE_ARP
from agent.path.bpf import JUMP_EQUAL, LOAD_HALF, LOAD_WORD, RETURN, Step

REQUEST: Final = 1
REPLY: Final = 2
NOBODY: Final = IPv4Address(0)
"""As sender: a probe, which fills no table of others (RFC 5227 section 2.1.1)."""
FRAME_BYTES: Final = 42
_HEADER: Final = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_ETHERNET, _IPV4 = 1, 0x0800


class Arp(NamedTuple):
    """What one ARP packet says of who sent it."""

    operation: int
    link_address: bytes
    address: IPv4Address
    target: IPv4Address


def request(link_address: bytes, own: IPv4Address, wanted: IPv4Address) -> bytes:
    """A frame that asks who has ``wanted``."""
    return _HEADER.pack(
        BROADCAST, link_address, ETHERTYPE_ARP, _ETHERNET, _IPV4, 6, 4, REQUEST,
        link_address, own.packed, b"\0" * 6, wanted.packed,
    )  # fmt: skip


def read(frame: bytes) -> Arp | None:
    """Read a frame; None for anything that is not ARP for IPv4 over Ethernet."""
    if len(frame) < FRAME_BYTES:
        return None
    _, _, kind, hardware, protocol, size, length, operation, sender, own, _, target = (
        _HEADER.unpack_from(frame)
    )
    if (kind, hardware, protocol, size, length) != (ETHERTYPE_ARP, _ETHERNET, _IPV4, 6, 4):
        return None
    if operation not in (REQUEST, REPLY) or sender[0] & 1:  # no device has a group's address
        return None
    return Arp(operation, sender, IPv4Address(own), IPv4Address(target))


def only_within(first: IPv4Address, mask: int) -> list[Step]:
    """Filter: ARP whose sender's address is in the network of ``first`` with ``mask``."""
    return [
        Step(LOAD_HALF, 12),
        Step(JUMP_EQUAL, ETHERTYPE_ARP, no="drop"),
        Step(LOAD_WORD, 28),
        Step(AND, mask),
        Step(JUMP_EQUAL, int(first), no="drop"),
        Step(RETURN, FRAME_BYTES),
        Step(RETURN, 0, label="drop"),
    ]


AND: Final = 0x54
"""Of the accumulator with a constant."""
