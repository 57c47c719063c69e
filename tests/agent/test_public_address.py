"""STUN messages by their published vectors, real servers on loopback, NATs as data."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random

import pytest

from agent.clock import SystemClock
from agent.measure import measure
from agent.path.hints import Evidence, line_hints
from agent.path.mapping import Asked, addresses, are_ports_kept, is_translated, mapping
from agent.path.stun import (
    BINDING_ERROR,
    NotStun,
    Seen,
    StunRefused,
    answer,
    binding_request,
    read_binding_response,
)
from agent.probes import Request
from agent.probes.public_address import probe
from agent.responder.stun import StunServer, bind
from wire.codec import decode, encode
from wire.failure import FailureCode, Outcome
from wire.measurement import Json, Measurement
from wire.units import unit_of

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
# RFC 5769 sections 2.2 and 2.3
RESPONSE_4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
RESPONSE_6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)
NO_OPTIONS: Mapping[str, Json] = {}


def test_the_vectors_of_the_standard() -> None:
    """RFC 5769: 192.0.2.1 and 2001:db8:1234:5678:11:2233:4455:6677, port 32853."""
    assert read_binding_response(RESPONSE_4, TRANSACTION) == Seen("192.0.2.1", 32_853)
    assert read_binding_response(RESPONSE_6, TRANSACTION) == Seen(
        "2001:db8:1234:5678:11:2233:4455:6677", 32_853
    )


def test_an_old_server_is_understood() -> None:
    """MAPPED-ADDRESS of RFC 3489, without XOR."""
    message = (
        bytes.fromhex("0101000c2112a442") + TRANSACTION + bytes.fromhex("0001000800018055c0000201")
    )
    assert read_binding_response(message, TRANSACTION) == Seen("192.0.2.1", 32_853)


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77"])
def test_both_ends_fit_and_the_answer_is_never_longer(address: str) -> None:
    """Our server answers our request with what it saw, in no more bytes than were asked with."""
    request = binding_request(TRANSACTION)
    answered = answer(request, address, 40_000)
    assert answered is not None
    assert len(answered) <= len(request)
    assert read_binding_response(answered, TRANSACTION) == Seen(address, 40_000)


def test_our_server_never_amplifies_and_answers_nothing_else() -> None:
    """A bare request of 20 bytes, an answer, cut or random bytes: silence."""
    bare = bytes.fromhex("000100002112a442") + TRANSACTION
    for message in (bare, RESPONSE_4, b"", binding_request(TRANSACTION)[:-1], bytes(48)):
        assert answer(message, "192.0.2.1", 1) is None


def test_every_cut_and_every_flipped_byte_is_refused_or_read() -> None:
    """No exception but NotStun and StunRefused, whatever comes."""
    for whole in (RESPONSE_4, RESPONSE_6):
        for place in range(len(whole)):
            for message in (
                whole[:place],
                whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :],
            ):
                try:
                    assert isinstance(read_binding_response(message, TRANSACTION), Seen)
                except (NotStun, StunRefused):
                    continue
    with pytest.raises(NotStun, match="another request"):
        read_binding_response(RESPONSE_4, bytes(12))


def test_an_error_of_the_server_is_told() -> None:
    """Class and number make the code, the reason is printable."""
    value = bytes.fromhex("00000401") + b"Un\x00authorized"
    body = bytes.fromhex("0009") + len(value).to_bytes(2, "big") + value.ljust(20, b"\0")
    message = BINDING_ERROR.to_bytes(2, "big") + len(body).to_bytes(2, "big")
    message += bytes.fromhex("2112a442") + TRANSACTION + body
    with pytest.raises(StunRefused, match=r"401 Un\?authorized"):
        read_binding_response(message, TRANSACTION)


def seen(local: str, public: str) -> Asked:
    """ADDRESS:PORT here and there."""
    ends = [Seen(end.rpartition(":")[0], int(end.rpartition(":")[2])) for end in (local, public)]
    return Asked(local=ends[0], seen=ends[1])


def test_what_a_nat_did() -> None:
    """Translation, kept ports, pool, and the mapping by two servers."""
    plain = [seen("192.0.2.1:1000", "192.0.2.1:1000")]
    natted = [seen("10.0.0.2:1000", "192.0.2.1:1000"), seen("10.0.0.2:1001", "192.0.2.2:7")]
    assert (is_translated(plain), is_translated(natted)) == (False, True)
    assert (are_ports_kept(plain), are_ports_kept(natted)) == (True, False)
    assert addresses(natted) == ["192.0.2.1", "192.0.2.2"]
    assert mapping(natted[0], None) is None
    assert mapping(natted[0], natted[0]) == "endpoint_independent"
    assert mapping(natted[0], seen("10.0.0.2:1000", "192.0.2.1:9")) == "endpoint_dependent"


MAP_E = (0x15C3, 0x15C7, 0x25C1, 0x35CF, 0x75C0, 0xF5C9, 0x95C4, 0xA5C2)
LINES = {
    "PPPoE of フレッツ": (
        Evidence(local_ipv4="192.168.1.2", public_ipv4="198.51.100.1", path_mtu_bytes=1454),
        "PPPoE on a line",
    ),
    "DS-Lite with IPv6": (
        Evidence(public_ipv6="2001:db8::1", path_mtu_bytes=1460),
        "native IPv6 beside it",
    ),
    "1460 without IPv6": (Evidence(path_mtu_bytes=1460), "no IPv6 was seen"),
    "CGN": (Evidence(local_ipv4="100.64.3.4", public_ipv4="198.51.100.1"), "RFC 6598"),
    "end of 100.64/10": (Evidence(local_ipv4="100.127.255.255"), "RFC 6598"),
    "B4": (Evidence(local_ipv4="192.0.0.2"), "RFC 6333"),
    "MAP-E": (Evidence(ports=MAP_E), "MAP-E with 240 ports"),
    "block": (Evidence(ports=(5000, 5900, 5100, 5033, 5700, 5222)), "one block"),
}


@pytest.mark.parametrize(("known", "words"), LINES.values(), ids=LINES.keys())
def test_hints_name_their_evidence(known: Evidence, words: str) -> None:
    """Each fault-free sentence comes with what it was read from."""
    hints = line_hints(known)
    assert words in str(hints)
    assert all(isinstance(hint, dict) and hint["hint"] and hint["evidence"] for hint in hints)


@pytest.mark.parametrize(
    "known",
    [
        Evidence(),
        Evidence(local_ipv4="100.63.255.255", public_ipv4="100.128.0.0"),
        Evidence(ports=MAP_E, ports_kept=True),
        Evidence(ports=MAP_E[:5]),
        Evidence(ports=(1024, 9000, 44_000, 31_000, 60_000, 12_345)),
        Evidence(ports=(40_001, 40_002, 40_003, 40_004, 40_005, 40_006)),
        Evidence(path_mtu_bytes=1331),
    ],
)
def test_no_hint_without_evidence(known: Evidence) -> None:
    """Neighbouring ranges, kept ports, few or scattered or counted ports say nothing."""
    assert line_hints(known) == []


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[int]:
    """A real server of ours in a thread; its port."""
    sock = bind(host, 0)
    port = int(sock.getsockname()[1])
    server = StunServer(sock)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield port
    finally:
        server.stop()
        thread.join(10)


def asked(target: str, options: Mapping[str, Json] = NO_OPTIONS) -> Measurement:
    """Measure for real."""
    request = Request(target=target, options=options, clock=SystemClock(), random=Random(7))
    result = measure("public_address", probe, request, lambda _: None)
    assert decode(encode(result)) == result
    return result


def test_loopback_is_not_translated() -> None:
    """A real server, a second one for the mapping; every number has its unit."""
    with serving() as port, serving() as other:
        options: Mapping[str, Json] = {"family": "4", "second": f"127.0.0.1:{other}"}
        result = asked(f"127.0.0.1:{port}", options)
    assert result.outcome is Outcome.OK, result.failure
    values = result.values
    assert values["public_ipv4"] == "127.0.0.1"
    assert (values["ipv4_nat"], values["ipv4_ports_kept"]) == (False, True)
    assert values["ipv4_mapping"] == "endpoint_independent"
    assert values["shared_address"] is False
    for name, value in {**values, **result.context}.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert unit_of(name) is not None, name


def test_a_second_server_that_is_silent_costs_only_the_mapping() -> None:
    """The rest is a result, and the context says why there is no mapping."""
    with serving() as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        options: Mapping[str, Json] = {
            "family": "4",
            "second": f"127.0.0.1:{mute.getsockname()[1]}",
            "timeout_seconds": 0.5,
            "path_mtu": False,
        }
        result = asked(f"127.0.0.1:{port}", options)
    assert result.outcome is Outcome.OK
    assert "ipv4_mapping" not in result.values
    assert "no_reply" in str(result.context["ipv4_second_failure"])


def test_nobody_listens() -> None:
    """A closed port is CONNECTION_REFUSED at once, no time-out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    result = asked(f"127.0.0.1:{port}", {"family": "4", "timeout_seconds": 10})
    assert result.failure is not None
    assert result.failure.code is FailureCode.CONNECTION_REFUSED
    assert result.duration_seconds < 9


def test_silence_is_no_reply_in_time() -> None:
    """With the number of requests and what it may be."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{mute.getsockname()[1]}"
        result = asked(target, {"timeout_seconds": 0.7, "sockets": 2})
    assert result.failure is not None
    assert result.failure.code is FailureCode.NO_REPLY
    assert "4 requests" in result.failure.text


def test_another_protocol_is_not_believed() -> None:
    """A service that echoes or babbles has not said any address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.1", 0))
        echo.settimeout(10)

        def babble() -> None:
            for _ in range(2):
                message, sender = echo.recvfrom(2_048)
                echo.sendto(message, sender)
                echo.sendto(b"220 hello", sender)

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        target = f"127.0.0.1:{echo.getsockname()[1]}"
        result = asked(target, {"timeout_seconds": 0.7, "sockets": 1, "family": "4"})
        thread.join(10)
    assert result.failure is not None
    assert result.failure.code is FailureCode.NO_REPLY


@pytest.mark.parametrize("target", ["", "-f", ";id", "a\nb", "0x7f000001:1", "::1:3478", "a:0"])
def test_a_target_that_is_none_is_refused_first(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TARGET_INVALID before any name is looked up; the second server's name alike."""
    monkeypatch.setattr(socket, "getaddrinfo", None)
    for result in (asked(target), asked("127.0.0.1:1", {"second": target})):
        assert result.failure is not None
        assert result.failure.code is FailureCode.TARGET_INVALID
