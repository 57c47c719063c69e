"""Probes and answers as bytes: what is constant in a flow, and what the kernel's filter lets in."""

import struct

import pytest
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6TimeExceeded, IPv6
from scapy.packet import Raw

from agent.latency.packet import checksum
from agent.path.bpf import (
    HEADER_LENGTH_TO_X,
    INSTRUCTION,
    JUMP_ANY_BIT,
    JUMP_AT_LEAST,
    JUMP_EQUAL,
    JUMP_GREATER,
    LOAD_BYTE,
    LOAD_BYTE_X,
    LOAD_HALF,
    LOAD_HALF_X,
    LOAD_WORD,
    LOAD_WORD_X,
    RETURN,
    program,
)
from agent.path.flows import Query
from agent.path.packets import build, read

PLACES = {
    4: ("198.51.100.7", "192.0.2.9", "10.0.0.1"),
    6: ("2001:db8::7", "2001:db8:1::9", "fd00::1"),
}
ALL = [(version, protocol) for version in (4, 6) for protocol in ("icmp", "udp", "tcp")]
TAGS = (1, 2, 255, 256, 1234, 40_000, 65_534)


def query(version: int, protocol: str) -> Query:
    """A trace between two addresses for documentation."""
    source, destination, _ = PLACES[version]
    port = {"icmp": 0, "udp": 33_434, "tcp": 443}[protocol]
    return Query(source=source, destination=destination, protocol=protocol, port=port, run=0xBEEF)


def split(version: int, packet: bytes) -> tuple[bytes, bytes]:
    """Head and body of an IP packet without options."""
    size = 40 if version == 6 else 20
    return packet[:size], packet[size:]


def flow_key(version: int, protocol: str, packet: bytes) -> tuple[object, ...]:
    """All that a router may hash: addresses, protocol, label, ports or the first four octets."""
    head, body = split(version, packet)
    if version == 4:
        where: tuple[object, ...] = (head[12:20], head[9], head[1])
    else:
        where = (head[8:40], head[6], head[:4])
    ports = body[:4]  # for ICMP type, code and checksum
    return (*where, ports, body[4:6] if protocol == "icmp" else b"")


def answered(version: int, body: object, sender: str) -> bytes:
    """An ICMP message to us as scapy, an independent writer, puts it on the wire."""
    head = IP if version == 4 else IPv6
    return bytes(head(src=sender, dst=PLACES[version][0]) / body)


def exceeded(version: int, quoted: bytes) -> bytes:
    """Time exceeded by a router, quoting these octets."""
    icmp = ICMP(type=11) if version == 4 else ICMPv6TimeExceeded()
    return answered(version, icmp / Raw(quoted), PLACES[version][2])


@pytest.mark.parametrize(("version", "protocol"), ALL)
def test_all_that_routers_hash_is_constant_in_a_flow(version: int, protocol: str) -> None:
    """Whatever hop and tag: one key for a flow, another for each other flow (Paris)."""
    asked = query(version, protocol)
    keys = [
        {
            flow_key(version, protocol, build(asked, hops, flow, tag))
            for hops in (1, 30)
            for tag in TAGS
        }
        for flow in range(8)
    ]
    assert [len(found) for found in keys] == [1] * 8
    assert len(set.union(*keys)) == 8


@pytest.mark.parametrize(("version", "protocol"), ALL)
def test_a_probe_is_valid_and_dies_where_it_should(version: int, protocol: str) -> None:
    """Checksums hold, length is right, time to live is the hop that was asked for."""
    for tag in TAGS:
        packet = build(query(version, protocol), 17, 3, tag)
        head, body = split(version, packet)
        if version == 4:
            assert (head[8], checksum(head)) == (17, 0)
            assert struct.unpack_from("!H", head, 2)[0] == len(packet)
            pseudo = head[12:20] + struct.pack("!HH", head[9], len(body))
        else:
            assert head[7] == 17
            assert struct.unpack_from("!H", head, 4)[0] == len(body)
            pseudo = head[8:40] + struct.pack("!IHH", len(body), 0, head[6])
        covered = body if (version, protocol) == (4, "icmp") else pseudo + body
        assert checksum(covered) == 0


def test_the_checksum_of_udp_is_the_tag() -> None:
    """Routers that quote no more than eight octets still name the probe."""
    for version in (4, 6):
        for tag in TAGS:
            _, body = split(version, build(query(version, "udp"), 1, 0, tag))
            assert struct.unpack_from("!H", body, 6)[0] == tag


@pytest.mark.parametrize("octets", [8, 16, 200])
@pytest.mark.parametrize(("version", "protocol"), ALL)
def test_a_quoted_probe_is_recognised(version: int, protocol: str, octets: int) -> None:
    """From the least that RFC 792 demands to the whole packet: tag, router and type."""
    asked = query(version, protocol)
    for tag in TAGS:
        head, body = split(version, build(asked, 1, 0, tag))
        reply = read(asked, exceeded(version, head + body[:octets]), 5.0)
        assert reply is not None
        assert (reply.tag, reply.address, reply.kind) == (tag, PLACES[version][2], "time_exceeded")
        assert reply.icmp == ((11, 0) if version == 4 else (3, 0))
        assert (reply.at_seconds, reply.mpls) == (5.0, ())


def test_a_checksum_that_a_nat_changed_does_not_mislead() -> None:
    """The payload, and in IPv4 the identification, tell the tag before the checksum does."""
    for version in (4, 6):
        asked = query(version, "udp")
        head, body = split(version, build(asked, 1, 0, 1234))
        changed = body[:6] + b"\x12\x34" + body[8:]
        for quoted in (head + changed, *([head + changed[:8]] if version == 4 else [])):
            reply = read(asked, exceeded(version, quoted), 0.0)
            assert reply is not None
            assert reply.tag == 1234


@pytest.mark.parametrize("version", [4, 6])
def test_answers_of_the_destination(version: int) -> None:
    """An echo reply, SYN-ACK and reset carry the tag back; another run's do not."""
    _, destination, router = PLACES[version]
    echo = ICMP(type=0, id=1, seq=77) if version == 4 else ICMPv6EchoReply(id=1, seq=77)
    reply = read(query(version, "icmp"), answered(version, echo, destination), 0.0)
    assert reply is not None
    assert (reply.tag, reply.kind, reply.address) == (77, "echo_reply", destination)
    assert read(query(version, "icmp"), answered(version, echo, router), 0.0) is None
    tcp = query(version, "tcp")
    for flags, kind in (("SA", "tcp_open"), ("RA", "tcp_reset")):
        segment = TCP(sport=443, dport=31_100, flags=flags, ack=0xBEEF_0000 + 78)
        reply = read(tcp, answered(version, segment, destination), 0.0)
        assert reply is not None
        assert (reply.tag, reply.kind) == (77, kind)
    other = TCP(sport=443, dport=31_100, flags="SA", ack=0xBEEE_0000 + 78)
    assert read(tcp, answered(version, other, destination), 0.0) is None


def test_mpls_labels_are_read_and_only_with_a_right_checksum() -> None:
    """The label stack of RFC 4950, outermost first; a damaged one is left out, the hop kept."""
    asked = query(4, "udp")
    stack = MPLS(label=16_005, cos=2, s=0, ttl=1) / MPLS(label=24, cos=0, s=1, ttl=2)
    extension = bytes(ICMPExtension_Header() / ICMPExtension_MPLS(stack=[stack]))
    quoted = build(asked, 1, 0, 99).ljust(128, b"\0")
    reply = read(asked, exceeded(4, quoted + extension), 0.0)
    assert reply is not None
    assert reply.mpls == ("label=16005 exp=2 ttl=1", "label=24 exp=0 ttl=2")
    damaged = extension[:-1] + bytes([extension[-1] ^ 1])
    reply = read(asked, exceeded(4, quoted + damaged), 0.0)
    assert reply is not None
    assert (reply.tag, reply.mpls) == (99, ())


@pytest.mark.parametrize(("version", "protocol"), ALL)
def test_what_is_cut_or_strange_is_nobodys(version: int, protocol: str) -> None:
    """No cut of a real answer and no flipped octet raises; a cut quote names no wrong probe."""
    asked = query(version, protocol)
    whole = exceeded(version, build(asked, 1, 0, 4321))
    for size in range(len(whole)):
        reply = read(asked, whole[:size], 0.0)
        assert reply is None or reply.tag == 4321
        read(asked, whole[:size] + bytes([whole[size] ^ 0xFF]) + whole[size + 1 :], 0.0)


def run_filter(code: bytes, packet: bytes) -> int:
    """Interpret classic BPF as the kernel does: 0 drops, also where a load leaves the packet."""
    steps = list(INSTRUCTION.iter_unpack(code))
    a = x = at = 0
    sizes = {
        LOAD_WORD: 4,
        LOAD_HALF: 2,
        LOAD_BYTE: 1,
        LOAD_WORD_X: 4,
        LOAD_HALF_X: 2,
        LOAD_BYTE_X: 1,
    }
    while True:
        op, yes, no, k = steps[at]
        at += 1
        if op == RETURN:
            return int(k)
        if op == HEADER_LENGTH_TO_X:
            x = (packet[k] & 15) * 4
        elif op in sizes:
            place = k + (x if op & 0x40 else 0)
            if place + sizes[op] > len(packet):
                return 0
            a = int.from_bytes(packet[place : place + sizes[op]], "big")
        else:
            held = {
                JUMP_EQUAL: a == k,
                JUMP_GREATER: a > k,
                JUMP_AT_LEAST: a >= k,
                JUMP_ANY_BIT: bool(a & k),
            }[op]
            at += yes if held else no


@pytest.mark.parametrize("version", [4, 6])
def test_the_filter_lets_in_answers_and_nothing_else(version: int) -> None:
    """Errors about our destination, its echo replies and what it sends to our ports."""
    _, destination, router = PLACES[version]
    code = program(destination)
    other = "203.0.113.5" if version == 4 else "2001:db8:2::5"
    echo = ICMP(type=0) if version == 4 else ICMPv6EchoReply()
    ours = [
        exceeded(version, build(query(version, protocol), 1, 0, 7))
        for protocol in ("icmp", "udp", "tcp")
    ]
    ours += [
        answered(version, echo, destination),
        answered(version, TCP(sport=443, dport=31_100), destination),
        answered(version, TCP(sport=443, dport=31_163), destination),
        answered(version, UDP(sport=33_434, dport=31_101), destination),
    ]
    assert all(run_filter(code, packet) for packet in ours)
    source = PLACES[version][0]
    stray = Query(source=source, destination=other, protocol="udp", port=33_434, run=1)
    theirs = [
        exceeded(version, build(stray, 1, 0, 7)),
        answered(version, echo, router),
        answered(version, TCP(sport=443, dport=31_099), destination),
        answered(version, TCP(sport=443, dport=31_164), destination),
        answered(version, TCP(sport=443, dport=31_100), other),
        answered(version, ICMP(type=8), destination),
        ours[0][:30],
    ]
    assert not any(run_filter(code, packet) for packet in theirs)


def test_a_later_fragment_is_not_taken_for_an_answer() -> None:
    """Its octets stand where a header would: the filter does not look at them."""
    packet = bytearray(exceeded(4, build(query(4, "udp"), 1, 0, 7)))
    assert run_filter(program(PLACES[4][1]), bytes(packet))
    packet[7] = 1
    assert not run_filter(program(PLACES[4][1]), bytes(packet))


def test_each_flow_has_a_label_of_its_own_in_ipv6() -> None:
    """Routers that look at nothing but addresses and label (RFC 6438) tell the flows apart."""
    for protocol in ("icmp", "udp", "tcp"):
        heads = {build(query(6, protocol), 1, flow, 9)[:4] for flow in range(64)}
        assert len(heads) == 64
