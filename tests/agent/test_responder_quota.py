"""The responder with keys over sockets: what it sends before admission, what a token is worth."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.responder.tokens import Tokens
from agent.responder.uses import UsedTokens
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import resolve
from agent.throughput.directions import Test
from agent.throughput.handshake import ClientHandshake
from tests.agent.bad_tokens import BAD, SIGNER
from tests.agent.slot_tokens import key_file, now_token
from wire.failure import FailureCode, Operation

MOST_BYTES_BEFORE_ADMISSION = 1_024


@contextlib.contextmanager
def responding(directory: Path) -> Iterator[tuple[Tokens, int]]:
    """A responder with keys in this process."""
    path = key_file(directory, SIGNER)
    admitting = Tokens(path, "centre", UsedTokens(directory / "used"), SystemClock())
    listener = listen("127.0.0.1", 0)
    responder = Responder(listener, Admission(tokens=admitting), SystemClock())
    thread = threading.Thread(target=responder.serve)
    thread.start()
    try:
        yield admitting, listener.getsockname()[1]
    finally:
        responder.stop()
        thread.join(20)
        assert not thread.is_alive()


def measure(port: int, token: str, test: Test = "download", seconds: float = 2) -> DirectionResult:
    """Two flows against it."""
    return measure_direction(
        resolve("127.0.0.1", port, token),
        test,
        flows=2,
        seconds=seconds,
        clock=SystemClock(),
        on_tick=lambda _elapsed, _samples: False,
    )


def test_a_test_of_both_directions(tmp_path: Path) -> None:
    """One token carries a whole test: two flows down, two up; a third time it is named as used."""
    token = SIGNER.sign(now_token())
    with responding(tmp_path) as (admitting, port):
        for test in ("download", "upload"):
            assert measure(port, token, "download" if test == "download" else "upload")
        use = admitting._uses[now_token().token_id]
        with pytest.raises(MeasurementFailed, match="token used already") as raised:
            measure(port, token)
    assert use.used_bytes > 1_000_000
    assert raised.value.failure.code is FailureCode.NOT_ADMITTED
    assert raised.value.failure.operation is Operation.HANDSHAKE


def test_little_is_sent_before_admission(tmp_path: Path) -> None:
    """F3: whatever is shown in place of a token, less than 1 KB comes back."""
    most = 0
    headers = [header for header, _ in BAD.values()] + ["Bearer " + "v4.public." + "A" * 12_000]
    with responding(tmp_path) as (_, port):
        for header in headers:
            handshake = ClientHandshake("r.invalid", "/ndt/v7/download", bytes(16), "t/1")
            request = handshake.request()
            if header is not None:
                line = f"Authorization: {header}\r\n\r\n".encode()
                request = request.removesuffix(b"\r\n") + line
            answer = exchange(port, request)
            assert b" 401 " in answer[:20] or b" 403 " in answer[:20] or b" 400 " in answer[:20]
            most = max(most, len(answer))
        for request in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 20_000, b"X" * 20_000):
            most = max(most, len(exchange(port, request)))
    assert 0 < most <= MOST_BYTES_BEFORE_ADMISSION


def exchange(port: int, request: bytes) -> bytes:
    """Send a request, read to the end."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(20)
        data = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(request)
            while piece := sock.recv(65536):
                data += piece
    return data


@pytest.mark.parametrize("test", ["download", "upload"])
def test_quota_of_bytes_is_exact(test: Test, tmp_path: Path) -> None:
    """Both flows together move the bytes of the token to the byte, then hear why they must end."""
    quota = 3_333_333
    token = now_token(quota_bytes=quota)
    with responding(tmp_path) as (admitting, port):
        with pytest.raises(MeasurementFailed, match="bytes of this token are gone") as raised:
            measure(port, SIGNER.sign(token), test, seconds=9)
        use = admitting._uses[token.token_id]
        moved = raised.value.partial[f"{test}_bytes"]
    assert use.used_bytes == quota
    assert raised.value.failure.code is FailureCode.NOT_ADMITTED
    assert raised.value.failure.operation is Operation(test)
    assert isinstance(moved, int)
    if test == "download":  # what came in besides: measurement messages, the close frame
        assert moved <= quota + 20_000


def test_quota_of_bytes_at_the_receiver(tmp_path: Path) -> None:
    """A client that counts for itself gets the quota in binary messages and not a byte more.

    Up to 8 bytes may be left: the rest that is shorter than the head of a message.
    """
    quota = 100_003
    token = SIGNER.sign(now_token(quota_bytes=quota, flows=1))
    with responding(tmp_path) as (_, port):
        handshake = ClientHandshake("r.invalid", "/ndt/v7/download", bytes(16), "t/1", token)
        stream = exchange(port, handshake.request()).partition(b"\r\n\r\n")[2]
    binary = closing = 0
    while stream:
        opcode, short = stream[0] & 0x0F, stream[1] & 0x7F
        extra = {126: 2, 127: 8}.get(short, 0)
        length = int.from_bytes(stream[2 : 2 + extra], "big") if extra else short
        frame = stream[: 2 + extra + length]
        binary += len(frame) if opcode == 2 else 0
        closing += b"bytes of this token are gone" in frame if opcode == 8 else 0
        stream = stream[len(frame) :]
    assert quota - 8 <= binary <= quota
    assert closing == 1


def test_quota_of_seconds_ends_a_test(tmp_path: Path) -> None:
    """A test that would go on is ended when the seconds of its token are over, and says so."""
    token = SIGNER.sign(now_token(quota_seconds=1))
    started = time.monotonic()
    with (
        responding(tmp_path) as (_, port),
        pytest.raises(MeasurementFailed, match="seconds of this token are over") as raised,
    ):
        measure(port, token, seconds=9)
    assert raised.value.failure.code is FailureCode.NOT_ADMITTED
    assert time.monotonic() - started < 8


def test_a_busy_responder_costs_no_token(tmp_path: Path) -> None:
    """Where no flow may run any more, a token that is shown stays unused."""
    path = key_file(tmp_path, SIGNER)
    used = UsedTokens(tmp_path / "used")
    admission = Admission(maximum_flows=0, tokens=Tokens(path, "centre", used, SystemClock()))
    listener = listen("127.0.0.1", 0)
    responder = Responder(listener, admission, SystemClock())
    thread = threading.Thread(target=responder.serve)
    thread.start()
    token = now_token()
    try:
        with pytest.raises(MeasurementFailed, match="busy: 0 flows"):
            measure(listener.getsockname()[1], SIGNER.sign(token))
    finally:
        responder.stop()
        thread.join(20)
    assert used.use(token.token_id, token.expires_at, datetime.now(UTC))
    used.close()


def start(directory: Path, *more: str) -> tuple[subprocess.Popen[str], int, str]:
    """Start the command; gives the process, its port and its first line."""
    command = [sys.executable, "-m", "agent.cli", "responder", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--collector-key", str(directory / "collector.keys"), *more],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    return process, int(line.partition(" port ")[2].partition(",")[0]), line


def test_command_kept_over_restarts(tmp_path: Path) -> None:
    """The command admits a token once, also when it was killed and started in between."""
    key_file(tmp_path, SIGNER)
    token = SIGNER.sign(now_token(9, audience="school-lab"))
    process, port, line = start(tmp_path, "--name", "school-lab")
    try:
        assert "holders of tokens for school-lab" in line
        assert SIGNER.key_id in line
        assert measure(port, token).estimate.rate_bps > 0
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process, port, _ = start(tmp_path, "--name", "school-lab")
    try:
        with pytest.raises(MeasurementFailed, match="token used already"):
            measure(port, token, "upload")
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize(
    ("spoil", "more", "said"),
    [
        (lambda path: path.unlink(), (), "No such file"),
        (lambda path: path.unlink(), (), "slot key list --public' prints"),
        (lambda path: path.write_text("nonsense\n"), (), "line 1: found no public key"),
        (lambda _: None, ("--name", "a b"), "--name: found 'a b'"),
        (lambda _: None, ("--used", "/nonexistent/used"), "name another file with --used"),
    ],
)
def test_command_refuses(
    spoil: Callable[[Path], object], more: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Keys, names and files that cannot be used are named before anything listens."""
    path = key_file(tmp_path, SIGNER)
    spoil(path)
    command = [sys.executable, "-m", "agent.cli", "responder", "--listen", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "--collector-key", str(path), *more], capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2)
    assert said in done.stderr
