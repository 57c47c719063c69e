"""Flows and tags: what stays the same in every probe of a flow, and what tells probes apart.

Routers that share traffic among equal paths choose by a hash of a packet's head: addresses,
protocol, ports; for ICMP the first four octets, which are type, code and *checksum*; in IPv6 the
flow label. A trace whose probes differ there shows a path that no packet takes (B. Augustin et
al., "Avoiding traceroute anomalies with Paris traceroute", IMC 2006). So within a flow all that
is constant, and the tag that tells one probe from the next stands elsewhere:

======  =====================================  =============================================
proto   constant in a flow                     the tag
======  =====================================  =============================================
ICMP    identifier, checksum, flow label       sequence number; the payload balances it
UDP     both ports, length, flow label         checksum (balanced by the payload), IPv4
                                               identification, payload
TCP     both ports, SYN, flow label            sequence number (lower half)
======  =====================================  =============================================

Flow numbers are the same in every run, so that two runs see the same of several equal paths and a
difference between them is a change of the path. Source ports lie below those that Linux gives to
programs (32768 to 60999).
"""

import struct
from dataclasses import dataclass
from typing import Final

from agent.latency.packet import checksum

FIRST_SOURCE_PORT: Final = 31_100
FIRST_IDENTIFIER: Final = 0x6861
FIRST_FLOW_LABEL: Final = 0x61000
DEFAULT_PORT: Final = {"icmp": 0, "udp": 33_434, "tcp": 443}
"""33434 is where traceroute has always knocked; 443 is what filters let through."""
MARK: Final = b"hakaru"
MOST_FLOWS: Final = 64
MOST_PROBES: Final = 5_000
LAST_TAG: Final = 0xFFFE
"""0 and 0xFFFF are the same checksum, and 0 means 'none'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What all probes of a trace share."""

    source: str
    destination: str
    protocol: str
    """``icmp``, ``udp`` or ``tcp``."""
    port: int
    run: int
    """16 bits that tell this run's SYNs from another's."""

    @property
    def version(self) -> int:
        """IP version."""
        return 6 if ":" in self.destination else 4


def source_port(flow: int) -> int:
    """Port that UDP and TCP probes of ``flow`` come from."""
    return FIRST_SOURCE_PORT + flow


def identifier(flow: int) -> int:
    """ICMP echo identifier of ``flow``."""
    return FIRST_IDENTIFIER + flow


def flow_label(flow: int) -> int:
    """IPv6 flow label of ``flow``, 20 bits (RFC 6437)."""
    return FIRST_FLOW_LABEL + flow


def echo_payload(sequence: int) -> bytes:
    """Payload that balances ``sequence``: their sum, and so the checksum, is always the same."""
    return struct.pack("!H", 0xFFFF ^ sequence) + MARK


def udp_payload(tag: int, balance: int = 0) -> bytes:
    """Payload with the tag and the word that balances the checksum."""
    return struct.pack("!6sHH", MARK, tag, balance)


def balance_for(checksum_without: int, wanted: int) -> int:
    """Word that, put where 0 stood, changes the checksum to ``wanted`` (RFC 1624).

    Checksums are complements of sums: the word is what the sum lacks.
    """
    return checksum(struct.pack("!HH", 0xFFFF ^ checksum_without, wanted))


def udp_tag(payload: bytes) -> int | None:
    """Tag in a payload of ours, or None where it is cut or somebody else's."""
    if len(payload) < 8 or payload[:6] != MARK:
        return None
    return int.from_bytes(payload[6:8], "big")


def tcp_sequence(run: int, tag: int) -> int:
    """Sequence number of a SYN: the run's number in the upper half, the tag below."""
    return (run & 0xFFFF) << 16 | tag


def tcp_tag(run: int, sequence: int) -> int | None:
    """Tag in a sequence number, or None where it is of another run."""
    return sequence & 0xFFFF if sequence >> 16 == run & 0xFFFF else None
