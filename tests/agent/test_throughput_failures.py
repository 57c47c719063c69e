"""Every way a throughput measurement can fail is a named result, in bounded time, with partials."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli import main
from agent.throughput import connect, engine
from agent.throughput.framing import Opcode, build_frame, build_header
from tests.agent.ndt7_peers import (
    GOOD_BYE,
    Script,
    answering,
    asked,
    dripping,
    leave,
    moving,
    reset,
    say,
    serving,
    upgraded,
    waiting,
)
from wire.codec import decode
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Measurement

BOUND_SECONDS = 20.0
"""Far above what any of these takes (times are shortened), far below for ever."""


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour in less time."""
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(connect, "HANDSHAKE_SECONDS", 0.5)
    monkeypatch.setattr(connect, "RESOLVE_SECONDS", 0.3)
    monkeypatch.setattr(engine, "STALL_SECONDS", 0.6)
    monkeypatch.setattr(engine, "FINISH_SECONDS", 0.2)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After a measurement, failed or not, there are as many descriptors and threads as before."""
    before = _held()
    yield
    until = time.monotonic() + 10
    while _held() > before and time.monotonic() < until:  # a resolver's thread may end later
        time.sleep(0.02)
    assert _held() <= before


def _held() -> tuple[int, int]:
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@dataclass(frozen=True)
class Ran:
    """What came of one run of the command."""

    code: int
    result: Measurement
    seconds: float


def measure(
    capsys: pytest.CaptureFixture[str], target: str, direction: str = "download", seconds: float = 1
) -> Ran:
    """Run the command and read the one JSON object it prints, with the codec of the wire."""
    started = time.monotonic()
    words = ["--direction", direction, "--seconds", str(seconds), "--flows", "2", "--json"]
    code = main(["measure", "throughput", "--target", target, *words])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    assert isinstance(json.loads(out), dict)
    return Ran(code, decode(out.encode()), time.monotonic() - started)


def check(ran: Ran, code: FailureCode, operation: Operation, exit_code: int = 1) -> None:
    """It failed, is named, took bounded time and invented no rate."""
    assert ran.result.outcome is Outcome.FAILED
    assert ran.result.failure is not None
    found = (ran.result.failure.code, ran.result.failure.operation)
    assert found == (code, operation), ran.result.failure
    assert ran.result.failure.text
    assert ran.code == exit_code
    assert ran.seconds < BOUND_SECONDS
    assert not [name for name in ran.result.values if name.endswith("_bps")]


def page(status: str, kind: str = "text/html", more: str = "") -> Script:
    """An answer that is no upgrade."""
    body = "<html>denied</html>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return answering((head + body).encode())


def _slow_head(sock: socket.socket, over: threading.Event) -> None:
    for byte in b"HTTP/1.1 101 Hello\r\nUpgrade: websocket\r\nX-Long: " + b"a" * 10_000:
        if over.wait(0.1):
            return
        sock.sendall(bytes([byte]))


HANDSHAKES: dict[str, tuple[Script, FailureCode]] = {
    "reset": (asked(reset), FailureCode.CONNECTION_RESET),
    "closed": (answering(b""), FailureCode.EARLY_CLOSE),
    "silent": (waiting, FailureCode.HANDSHAKE_TIMEOUT),
    "drop by drop": (_slow_head, FailureCode.HANDSHAKE_TIMEOUT),
    "garbage": (answering(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), FailureCode.PROTOCOL_ERROR),
    "another service": (answering(b"220 mail ESMTP\r\n\r\n"), FailureCode.PROTOCOL_ERROR),
    "wrong subprotocol": (upgraded(waiting, protocol="chat"), FailureCode.WRONG_SUBPROTOCOL),
    "no subprotocol": (upgraded(waiting, protocol=None), FailureCode.WRONG_SUBPROTOCOL),
    "wrong accept": (upgraded(waiting, accept="AAAA"), FailureCode.PROTOCOL_ERROR),
    "block page": (page("200 OK"), FailureCode.INTERCEPTED),
    "login page": (
        page("302 Found", "text/plain", "Location: http://login.example/\r\n"),
        FailureCode.INTERCEPTED,
    ),
    "network login": (page("511 Network Authentication Required"), FailureCode.INTERCEPTED),
    "filter": (page("403 Forbidden"), FailureCode.INTERCEPTED),
    "forbidden": (page("403 Forbidden", "text/plain"), FailureCode.HTTP_STATUS),
    "not found": (page("404 Not Found", "application/json"), FailureCode.HTTP_STATUS),
}


@pytest.mark.parametrize("direction", ["download", "upload"])
@pytest.mark.parametrize(("script", "code"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
def test_no_upgrade(
    capsys: pytest.CaptureFixture[str], script: Script, code: FailureCode, direction: str
) -> None:
    """Each wrong answer to the upgrade has its name, and the operation is the handshake."""
    with serving(script) as port:
        ran = measure(capsys, f"127.0.0.1:{port}", direction)
    check(ran, code, Operation.HANDSHAKE)
    assert not ran.result.values


MASKED = build_frame(Opcode.TEXT, b"{}", masked=True)
BINARY = build_header(Opcode.BINARY, 10) + bytes(10)
MIDWAY: dict[str, tuple[str, Script, FailureCode]] = {
    "reset": ("both", moving(0.3, reset), FailureCode.CONNECTION_RESET),
    "stalled": ("both", moving(0.3, waiting), FailureCode.STALLED),
    "close frame": ("both", moving(0.3, say(GOOD_BYE)), FailureCode.EARLY_CLOSE),
    "end of file": ("both", moving(0.3, leave), FailureCode.EARLY_CLOSE),
    "masked frame": ("both", moving(0.3, say(MASKED)), FailureCode.PROTOCOL_ERROR),
    "unknown opcode": ("both", moving(0.3, say(b"\x83\x00")), FailureCode.PROTOCOL_ERROR),
    "binary from the receiver": ("upload", moving(0.3, say(BINARY)), FailureCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(
    ("direction", "script", "code"),
    [
        pytest.param(direction, script, code, id=f"{name}-{direction}")
        for name, (where, script, code) in MIDWAY.items()
        for direction in ("download", "upload")
        if where in ("both", direction)
    ],
)
def test_midway(
    capsys: pytest.CaptureFixture[str], direction: str, script: Script, code: FailureCode
) -> None:
    """What ends a test midway is named, and what was measured until then is kept as partial."""
    with serving(upgraded(script)) as port:
        ran = measure(capsys, f"127.0.0.1:{port}", direction, seconds=3)
    check(ran, code, Operation(direction))
    moved = ran.result.values[f"{direction}_bytes"]
    elapsed = ran.result.values[f"{direction}_elapsed_seconds"]
    assert isinstance(moved, int)
    assert isinstance(elapsed, float)
    assert moved > 8192
    assert 0 < elapsed < 3


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_a_violation_behind_the_handshake(
    capsys: pytest.CaptureFixture[str], direction: str
) -> None:
    """Bytes that break the protocol together with the 101 are a result too, and no crash."""
    with serving(upgraded(say(MASKED))) as port:
        ran = measure(capsys, f"127.0.0.1:{port}", direction)
    check(ran, FailureCode.PROTOCOL_ERROR, Operation(direction))


TEXT = build_frame(Opcode.TEXT, b'{"AppInfo":{"NumBytes":1}}' + b" " * 4000, masked=False)
SLOW = {
    "download drips": ("download", dripping(build_frame(Opcode.BINARY, b"a", masked=False), 0.02)),
    "only messages": ("download", dripping(TEXT, 0.02)),
    "upload drips": ("upload", dripping(b"", 0.1)),
}


@pytest.mark.parametrize(("direction", "script"), SLOW.values(), ids=SLOW.keys())
def test_too_slow(capsys: pytest.CaptureFixture[str], direction: str, script: Script) -> None:
    """A trickle, or measurement messages without data, are no rate: there is no number at all."""
    with serving(upgraded(script), receive_buffer_bytes=2048) as port:
        ran = measure(capsys, f"127.0.0.1:{port}", direction)
    check(ran, FailureCode.TOO_SLOW, Operation(direction))
    assert ran.result.values[f"{direction}_bytes"]


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Connected and upgraded, then no byte: stalled."""
    with serving(upgraded(waiting)) as port:
        ran = measure(capsys, f"127.0.0.1:{port}", seconds=3)
    check(ran, FailureCode.STALLED, Operation.DOWNLOAD)


def test_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens: refused, and the text says what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ran = measure(capsys, f"127.0.0.1:{port}")
    check(ran, FailureCode.CONNECTION_REFUSED, Operation.CONNECT)
    assert ran.result.failure is not None
    assert "is the responder running?" in ran.result.failure.text


def test_black_hole(capsys: pytest.CaptureFixture[str]) -> None:
    """Packets to the port are dropped (its backlog is full): the connect times out."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        try:
            ran = measure(capsys, f"127.0.0.1:{listener.getsockname()[1]}")
        finally:
            for filler in fillers:
                filler.close()
    check(ran, FailureCode.CONNECT_TIMEOUT, Operation.CONNECT)


def test_the_second_flow_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """All flows or none: one that gets no upgrade fails the measurement, the others are closed."""
    turn = iter(range(100))

    def script(sock: socket.socket, over: threading.Event) -> None:
        (upgraded(moving(5, leave)) if next(turn) == 0 else page("503 Busy", "text/plain"))(
            sock, over
        )

    with serving(script) as port:
        ran = measure(capsys, f"127.0.0.1:{port}")
    check(ran, FailureCode.HTTP_STATUS, Operation.HANDSHAKE)


def test_download_good_upload_bad(capsys: pytest.CaptureFixture[str]) -> None:
    """A direction that was measured before the other failed is kept, and the whole is failed."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        upgraded(moving(2, say(GOOD_BYE)) if next(turn) < 2 else moving(0.1, reset))(sock, over)

    turn = iter(range(100))
    with serving(script) as port:
        ran = measure(capsys, f"127.0.0.1:{port}", "both")
    assert ran.code == 1
    assert ran.result.outcome is Outcome.FAILED
    assert ran.result.failure is not None
    assert ran.result.failure.operation in (Operation.HANDSHAKE, Operation.UPLOAD)
    assert ran.result.values["download_bps"]
    assert "upload_bps" not in ran.result.values


def test_no_such_name(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve is a failure of DNS."""

    def fail(*_words: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    ran = measure(capsys, "responder.invalid:4443")
    check(ran, FailureCode.DNS_FAILED, Operation.RESOLVE)


def test_a_resolver_that_hangs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that does not answer is a failure of DNS within its time."""
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_words: answer.wait(30) and [])
    ran = measure(capsys, "responder.invalid:4443")
    answer.set()
    check(ran, FailureCode.DNS_FAILED, Operation.RESOLVE)


def test_the_second_address_is_tried(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first address of a name does not answer, the next one is measured."""
    with serving(upgraded(moving(5, leave))) as port:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        with socket.create_server(("127.0.0.2", 0)) as closed:
            dead = closed.getsockname()[1]
        found = [(*kind, ("127.0.0.2", dead)), (*kind, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_words: found)
        ran = measure(capsys, f"responder.invalid:{port}")
    assert ran.result.outcome is Outcome.OK
    assert ran.code == 0


@pytest.mark.parametrize(
    "target", ["127.1:4443", "localhost", "-f", "a b:1", "0x7f000001:1", ";id:1"]
)
def test_bad_targets(capsys: pytest.CaptureFixture[str], target: str) -> None:
    """A target that is not HOST:PORT in its usual spelling is a bad argument: exit 2, no socket."""
    started = time.monotonic()
    code = main(["measure", "throughput", f"--target={target}", "--json"])
    out = capsys.readouterr().out
    check(
        Ran(code, decode(out.encode()), time.monotonic() - started),
        FailureCode.TARGET_INVALID,
        Operation.PREPARE,
        exit_code=2,
    )
