"""F3: what a responder gives to those it has not admitted, and how exact its quotas are."""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.path.stun import binding_request
from agent.responder import stun
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.responder.stamp import Reflector, bind
from agent.responder.tokens import Tokens
from agent.responder.uses import UsedTokens
from agent.stamp import control
from agent.throughput.client import measure_direction
from agent.throughput.connect import resolve
from tests.agent.slot_tokens import Signer, key_file, now_token
from tests.faults.conftest import Case

pytestmark = pytest.mark.faults

SIGNER = Signer()
QUOTAS = int(os.environ.get("QUOTAS", "20"))
DATAGRAMS = int(os.environ.get("DATAGRAMS", "3000"))


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """What a responder checks with."""
    used = UsedTokens(tmp_path / "used")
    return Tokens(key_file(tmp_path, SIGNER), "centre", used, SystemClock())


@contextlib.contextmanager
def running(server: Responder | Reflector | stun.StunServer) -> Iterator[None]:
    """Serve in a thread."""
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def first_words(chance: random.Random, count: int) -> Iterator[bytes]:
    """Whatever somebody without a good token may say first."""
    good = SIGNER.sign(now_token(1))
    head = (
        b"GET /ndt/v7/download HTTP/1.1\r\nHost: r\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    )
    head += b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    head += b"Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n"
    expired = now_token(2)
    old = replace(
        expired,
        not_before=expired.not_before.replace(year=2020),
        expires_at=expired.expires_at.replace(year=2020),
    )
    shown = [
        "",
        Signer(2).sign(now_token(3)),
        SIGNER.sign(old),
        SIGNER.sign(now_token(4, audience="elsewhere")),
        "eyJhbGciOiJub25lIn0.e30.",
    ]
    for number in range(count):
        kind = number % 4
        if kind == 0:
            token = shown[number // 4 % len(shown)]
            yield head + (f"Authorization: Bearer {token}\r\n" if token else "").encode() + b"\r\n"
        elif kind == 1:
            yield head + f"Authorization: Bearer {good[: chance.randrange(480)]}\r\n\r\n".encode()
        elif kind == 2:
            yield chance.randbytes(chance.randrange(1, 4000))
        else:
            yield b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * chance.randrange(1, 4000) + b"\r\n"


@pytest.mark.timeout(300)
def test_little_before_admission(tokens: Tokens, case: Case) -> None:
    """Whatever is said without a good token, less than 1 KB comes back, and the flow is closed."""
    listener = listen("127.0.0.1", 0)
    port, count, most = listener.getsockname()[1], 80, 0
    with running(Responder(listener, Admission(tokens=tokens), SystemClock())):
        for words in first_words(random.Random(3), count):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.settimeout(20)
                got = 0
                with contextlib.suppress(OSError):  # it may have been closed already
                    sock.sendall(words)
                    sock.shutdown(socket.SHUT_WR)
                    while piece := sock.recv(65536):
                        got += len(piece)
                most = max(most, got)
    case("F3", "first words without a good token", runs=count, other=f"at most {most} bytes back")
    assert 0 < most <= 1_024


@pytest.mark.timeout(300)
def test_quotas_are_exact(tokens: Tokens, case: Case) -> None:
    """Four flows on one token move its bytes to the byte, however large; never one more."""
    listener = listen("127.0.0.1", 0)
    port, chance, over, under = listener.getsockname()[1], random.Random(4), 0, 0
    with running(Responder(listener, Admission(tokens=tokens), SystemClock())):
        for number in range(QUOTAS):
            quota = chance.randrange(10_000, 20_000_000)
            token = now_token(number + 10, quota_bytes=quota, flows=4)
            test = "download" if number % 2 else "upload"
            with pytest.raises(MeasurementFailed, match="bytes of this token are gone"):
                measure_direction(
                    resolve("127.0.0.1", port, SIGNER.sign(token)),
                    "download" if test == "download" else "upload",
                    flows=4,
                    seconds=9,
                    clock=SystemClock(),
                    on_tick=lambda _elapsed, _samples: False,
                )
            used = tokens._uses[token.token_id].used_bytes
            over, under = over + (used > quota), under + (used < quota)
    case("F3", "quotas of tokens, 4 flows", runs=QUOTAS, other=f"over {over}, short {under}")
    assert (over, under) == (0, 0)


def answered(port: int, datagrams: Iterator[bytes]) -> tuple[int, int]:
    """Send datagrams from an address nobody knows; bytes sent, bytes that came back."""
    sent = back = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        for data in datagrams:
            sent += sock.sendto(data, ("127.0.0.1", port))
            with contextlib.suppress(BlockingIOError):
                while piece := sock.recv(65536):
                    back += len(piece)
        time.sleep(0.3)
        with contextlib.suppress(BlockingIOError):
            while piece := sock.recv(65536):
                back += len(piece)
    return sent, back


def datagrams(chance: random.Random) -> Iterator[bytes]:
    """STAMP and STUN packets, real and damaged, and noise."""
    for number in range(DATAGRAMS):
        data = bytearray(chance.randbytes(chance.randrange(1, 200)))
        if number % 3 == 0:
            data = bytearray(chance.randrange(44, 200))
            data[14:16] = chance.randbytes(2)  # a session somebody else may have
        elif number % 3 == 1:
            data = bytearray(binding_request(chance.randbytes(12)))
            if number % 2:  # cut
                del data[chance.randrange(20, len(data)) :]
        yield bytes(data)


def test_a_spoofed_start_never_amplifies(tokens: Tokens, case: Case) -> None:
    """Datagrams from an address that has opened no session get nothing from the reflector.

    And from the STUN server no byte more than they brought.
    """
    udp, listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    reflector = Reflector(udp, listener, Admission(tokens=tokens), SystemClock(), random.Random(1))
    with running(reflector):
        sent, back = answered(port, datagrams(random.Random(5)))
        with socket.create_connection(("127.0.0.1", port)) as sock:  # over TCP, without a token
            sock.sendall(
                control.write_opening(control.Opening(packet_count=9, interval_seconds=0.1))
            )
            sock.settimeout(20)
            refused = control.read_admission(sock.recv(4096))
    stun_socket = stun.bind("127.0.0.1", 0)
    stun_port = stun_socket.getsockname()[1]
    with running(stun.StunServer(stun_socket)):
        stun_sent, stun_back = answered(stun_port, datagrams(random.Random(6)))
    case(
        "F3",
        "spoofed UDP starts",
        runs=2 * DATAGRAMS,
        other=f"STAMP {back} of {sent} bytes back, STUN {stun_back} of {stun_sent}",
    )
    assert back == 0
    assert 0 < stun_back <= stun_sent
    assert refused.startswith("a slot token is wanted: the collector gives one where it knows")


def test_stamp_by_token(tokens: Tokens) -> None:
    """A session is opened with a token for it, once; a token of another kind opens none."""
    udp, listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    reflector = Reflector(udp, listener, Admission(tokens=tokens), SystemClock(), random.Random(1))
    good = SIGNER.sign(now_token(1, kinds=("stamp",), flows=1, purpose="light"))
    other = SIGNER.sign(now_token(2))
    found = []
    with running(reflector):
        for token in (other, good, good):
            opening = control.Opening(
                packet_count=9, interval_seconds=0.1, authorization=f"Bearer {token}"
            )
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.settimeout(20)
                sock.sendall(control.write_opening(opening))
                found.append(control.read_admission(sock.recv(4096)))
    assert found[0] == "token is not for stamp"
    assert isinstance(found[1], int)
    assert str(found[2]).startswith("token used already")
