"""The responder under clients that are wrong, slow, many or gone."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.responder import server
from agent.responder.admission import Admission, NotAdmitted
from agent.responder.server import Responder, listen
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import resolve
from agent.throughput.directions import Test
from agent.throughput.framing import Opcode, build_frame, build_header
from agent.throughput.handshake import ClientHandshake, Upgraded
from wire.failure import FailureCode, Operation

OPEN = Admission(open_to_all=True)


@contextlib.contextmanager
def responding(admission: Admission, host: str = "127.0.0.1") -> Iterator[tuple[Responder, int]]:
    """A responder in this process; it must have let go of everything at the end."""
    listener = listen(host, 0)
    responder = Responder(listener, admission, SystemClock())
    thread = threading.Thread(target=responder.serve)
    thread.start()
    try:
        yield responder, listener.getsockname()[1]
    finally:
        responder.stop()
        thread.join(10)
        assert not thread.is_alive()


def measure(
    port: int, test: Test = "download", flows: int = 2, host: str = "127.0.0.1"
) -> DirectionResult:
    """One second against it."""
    return measure_direction(
        resolve(host, port),
        test,
        flows=flows,
        seconds=1,
        clock=SystemClock(),
        on_tick=lambda _elapsed, _samples: False,
    )


def upgrade(sock: socket.socket, test: Test = "download") -> bytes:
    """Upgrade by hand; give what came in behind the handshake."""
    handshake = ClientHandshake("responder.invalid", f"/ndt/v7/{test}", os.urandom(16), "test/1")
    sock.settimeout(10)
    sock.sendall(handshake.request())
    found: Upgraded | None = None
    while found is None:
        found = handshake.receive(sock.recv(4096))
    return found.early


def all_of(sock: socket.socket) -> bytes:
    """Read to the end, at most 10 s; a reset is an end."""
    sock.settimeout(10)
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            data += piece
    return data


@pytest.mark.parametrize("test", ["download", "upload"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_directions_over_both_families(test: Test, host: str) -> None:
    """Over loopback of IPv4 and IPv6 both directions give a rate, and the far end's own count.

    Of an upload the far end counts payload that arrived: no more than was sent to it, and at
    least what was acknowledged before the last tick, but for frame headers.
    """
    with responding(OPEN, host) as (_, port):
        found = measure(port, test, host=host)
    assert found.estimate.rate_bps > 1e6
    assert found.peer_bytes is not None
    assert found.peer_bytes > 0.95 * found.total_bytes
    assert found.target.family == (socket.AF_INET6 if ":" in host else socket.AF_INET)


def test_nobody_is_admitted_without_open() -> None:
    """Started without --open and without keys it refuses, and our client knows it was refused."""
    with responding(Admission()) as (_, port):
        with pytest.raises(MeasurementFailed, match="not started with --open") as raised:
            measure(port)
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(ClientHandshake("a", "/ndt/v7/download", bytes(16), "t").request())
            answer = all_of(sock)
    assert raised.value.failure.code is FailureCode.NOT_ADMITTED
    assert raised.value.failure.operation is Operation.HANDSHAKE
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert len(answer) < 1000


def test_full() -> None:
    """More flows than it may run: the measurement is refused as busy, and later admitted again."""
    with responding(Admission(open_to_all=True, maximum_flows=2)) as (responder, port):
        with pytest.raises(MeasurementFailed, match="busy: 2 flows") as raised:
            measure(port, flows=3)
        until = time.monotonic() + 20
        while responder._running.flows and time.monotonic() < until:
            time.sleep(0.02)
        assert measure(port, flows=2).estimate.rate_bps > 0
    assert raised.value.failure.code is FailureCode.NOT_ADMITTED


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x"}])
def test_admission_closed(headers: dict[str, str]) -> None:
    """Without --open and without keys a token does not help either."""
    with pytest.raises(NotAdmitted) as raised:
        Admission().admit(headers, "download")
    assert raised.value.status == 403
    assert raised.value.reason.isascii()


@pytest.mark.parametrize(("running", "admitted"), [(0, True), (1, True), (2, False), (3, False)])
def test_admission_limit(running: int, *, admitted: bool) -> None:
    """An open responder admits up to its limit."""
    with contextlib.nullcontext() if admitted else pytest.raises(NotAdmitted, match="busy"):
        Admission(open_to_all=True, maximum_flows=2).check_room(running)


def test_slow_heads_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that comes drop by drop is cut at its time, whatever still comes."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
    with responding(OPEN) as (_, port), socket.create_connection(("127.0.0.1", port)) as sock:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 30:
                sock.sendall(b"G")
                time.sleep(0.05)
        assert time.monotonic() - started < 10


def test_the_idle_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 connections that say nothing keep no measurement out: the oldest of them are dropped."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 60.0)  # it is not the time that drops them
    with contextlib.ExitStack() as stack, _more_descriptors():
        responder, port = stack.enter_context(responding(OPEN))
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(300)
        ]
        assert measure(port).estimate.rate_bps > 1e6
        assert all_of(idle[0]) == b""
        assert len(responder._running.waiting) <= server.HANDSHAKES_AT_ONCE


@contextlib.contextmanager
def _more_descriptors() -> Iterator[None]:
    import resource  # noqa: PLC0415 - only this test needs it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


WRONG = {
    "garbage": b"\x00\xff\x16\x03\x01" * 20 + b"\r\n\r\n",
    "a huge head": b"GET /ndt/v7/download HTTP/1.1\r\nX: " + b"a" * 100_000,
    "a web browser": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": bytes.fromhex("16030100050100000100") + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", WRONG.values(), ids=WRONG.keys())
def test_wrong_requests(raw: bytes) -> None:
    """Whatever comes instead of an upgrade gets less than 1 KB back and harms nobody else."""
    with responding(OPEN) as (_, port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(raw)
            answer = all_of(sock)
        assert len(answer) < 1000
        assert measure(port).estimate.rate_bps > 1e6


VIOLATIONS = {
    "unmasked": build_frame(Opcode.TEXT, b"{}", masked=False),
    "unknown opcode": b"\x83\x80aaaa",
    "reserved bits": b"\xf1\x80aaaa",
    "too big": build_header(Opcode.BINARY, 1 << 25, b"aaaa"),
}


@pytest.mark.parametrize("raw", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_violations_end_a_flow(raw: bytes) -> None:
    """A client that breaks the protocol is told so (1002, RFC 6455 section 7.4.1) and closed."""
    with responding(OPEN) as (_, port), socket.create_connection(("127.0.0.1", port)) as sock:
        early = upgrade(sock, "upload")
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        said = early + all_of(sock)
    assert said.endswith(build_frame(Opcode.CLOSE, b"\x03\xea", masked=False))


def test_many_pings_cost_no_memory() -> None:
    """Pings are answered while there is room; a flood of them piles up nothing."""
    ping = build_frame(Opcode.PING, b"p" * 100, masked=True)
    with responding(OPEN) as (_, port), socket.create_connection(("127.0.0.1", port)) as sock:
        upgrade(sock, "upload")
        before = _resident_bytes()
        for _ in range(200):
            sock.sendall(ping * 500)
        assert _resident_bytes() - before < 8e6
        assert b"\x8a\x64" + b"p" * 100 in sock.recv(1 << 20)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def test_a_client_that_vanishes() -> None:
    """A client that is gone in the middle of either test leaves no flow behind."""
    with responding(OPEN) as (responder, port):
        for test in ("download", "upload"):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                upgrade(sock, "download" if test == "download" else "upload")
        until = time.monotonic() + 20
        while responder._running.connections and time.monotonic() < until:
            time.sleep(0.02)
        assert responder._running.connections == 0
        assert responder._running.flows == 0
        assert responder._running.waiting == {}


def test_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """After measurements, refusals and a stop there are no more descriptors than before."""
    monkeypatch.setattr(server, "FINISH_SECONDS", 0.2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with responding(OPEN) as (_, port):
        measure(port)
        measure(port, "upload")
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"x\r\n\r\n")
            all_of(sock)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_soon_and_politely(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C during a test: a close frame for the client, exit code 0, soon."""
    with subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "responder", "--listen", "127.0.0.1:0", "--open"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline().split(" port ")[1].split(",")[0])
            with socket.create_connection(("127.0.0.1", port)) as sock:
                upgrade(sock, "upload")
                sock.sendall(build_frame(Opcode.BINARY, bytes(1000), masked=True))
                process.send_signal(number)
                started = time.monotonic()
                sock.settimeout(10)
                said = sock.recv(65536)
                while not said.endswith(build_frame(Opcode.CLOSE, b"\x03\xe8", masked=False)):
                    said += sock.recv(65536)
                assert process.wait(10) == 0
                took = time.monotonic() - started
        finally:
            process.kill()
    print(f"stopped after {took:.2f} s")
    assert took < 8  # 2 s on a machine that has nothing else to do


def test_listen_on_a_taken_port() -> None:
    """A port in use is said so, with exit code 1; a bad address is an argument error."""
    command = [sys.executable, "-m", "agent.cli", "responder", "--listen"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = subprocess.run(
            [*command, place], capture_output=True, text=True, check=False, timeout=60
        )
    assert ran.returncode == 1
    assert "Choose another port" in ran.stderr
    ran = subprocess.run(
        [*command, "127.0.0.1"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 2
    assert "the port is missing" in ran.stderr
