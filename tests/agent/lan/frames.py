"""Frames for tests: what devices, servers and routers send."""

import struct
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from agent.lan.packet_socket import BROADCAST

TABLET = bytes.fromhex("a4b1c2d3e4f5")
PRIVATE = bytes.fromhex("0ab1c2d3e4f5")
SERVER = bytes.fromhex("00005e005301")
APPLIANCE = bytes.fromhex("00005e0053aa")


def arp_reply(link_address: bytes, address: str, to: str = "192.0.2.5") -> bytes:
    """An answer: this address is mine."""
    return struct.pack(
        "!6s6sHHHBBH6s4s6s4s", APPLIANCE, link_address, 0x0806, 1, 0x0800, 6, 4, 2,
        link_address, IPv4Address(address).packed, APPLIANCE, IPv4Address(to).packed,
    )  # fmt: skip


def dhcp_answer(
    kind: int, transaction: int, client: bytes, server: str, *, options: bytes | None = None
) -> bytes:
    """A frame of a DHCP server with the identifier ``server``."""
    own = IPv4Address(server).packed
    body = struct.pack(
        "!BBBBIHH4s4s4s4s16s64s128s",
        2, 1, 6, 0, transaction, 0, 0x8000, b"\0" * 4, b"\xc0\0\2\x64", own, b"\0" * 4,
        client, b"", b"",
    )  # fmt: skip
    usual = bytes((53, 1, kind, 54, 4)) + own + b"\xff"
    body += b"\x63\x82\x53\x63" + (usual if options is None else options)
    udp = struct.pack("!HHHH", 67, 68, 8 + len(body), 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(body), 0, 0, 64, 17, 0, own, b"\xff" * 4)
    return BROADCAST + SERVER + b"\x08\x00" + ip + udp + body


def advertisement(
    router: str, *prefixes: str, lifetime_seconds: int = 1800, hops: int = 255
) -> bytes:
    """A router advertisement to all nodes."""
    options = b""
    for each in prefixes:
        prefix = IPv6Network(each)
        options += struct.pack(
            "!BBBBIII16s", 3, 4, prefix.prefixlen, 0xC0, 86_400, 14_400, 0,
            prefix.network_address.packed,
        )  # fmt: skip
    icmp = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, lifetime_seconds, 0, 0) + options
    head = struct.pack(
        "!IHBB16s16s", 6 << 28, len(icmp), 58, hops, IPv6Address(router).packed,
        IPv6Address("ff02::1").packed,
    )  # fmt: skip
    return bytes.fromhex("333300000001") + SERVER + b"\x86\xdd" + head + icmp


def broadcast(number: int, source: bytes = TABLET) -> bytes:
    """The headers of a broadcast over UDP, each number another one."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60, number, 0, 64, 17, 0, b"\xc0\0\2\7", b"\xff" * 4)
    return BROADCAST + source + b"\x08\x00" + ip + struct.pack("!HHHH", 5353, 5353, 40, number)
