"""The responder with keys: whom it admits, what it sends before, what a token is good for."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.responder.admission import Admission, NotAdmitted
from agent.responder.server import Responder, listen
from agent.responder.tokens import Tokens, Use
from agent.responder.uses import CannotNote, UsedTokens
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import resolve
from agent.throughput.flow import Test
from agent.throughput.handshake import ClientHandshake
from tests.agent.slot_tokens import NOW, TOKEN, Signer, key_file, now_token
from wire.failure import FailureCode, Operation
from wire.slot_token import HEADER, SIGNATURE_BYTES, _decode, _pae, write_claims

MOST_BYTES_BEFORE_ADMISSION = 1_024
SIGNER = Signer()


class SetClock:
    """A clock that is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.at = now
        self.seconds = 100.0

    def now(self) -> datetime:
        """Wall clock."""
        return self.at

    def monotonic_seconds(self) -> float:
        """Monotonic clock."""
        return self.seconds

    def boot_id(self) -> str:
        """Always the same boot."""
        return TOKEN.agent_id


def tokens(
    directory: Path, *signers: Signer, clock: SetClock | None = None, name: str = "centre"
) -> Tokens:
    """What a responder checks with."""
    path = key_file(directory, *(signers or (SIGNER,)))
    return Tokens(path, name, UsedTokens(directory / "used"), clock or SetClock())


def bearer(token: str) -> str:
    """A header."""
    return f"Bearer {token}"


# --- the token itself -------------------------------------------------------------------------


def test_the_standards_own_example() -> None:
    """Our way of taking a token apart verifies the published vector 4-S-1 of PASETO."""
    text = (
        "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMD"
        "owMCswMDowMCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtk"
        "qxT1ciiQEDA"
    )
    public = "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2"
    raw = _decode("vector", text[len(HEADER) :])
    message, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    assert json.loads(message)["data"] == "this is a signed message"
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    key.verify(signature, _pae(HEADER.encode(), message, b"", b""))


def _flipped(text: str, place: int) -> str:
    other = "A" if text[place] != "A" else "B"
    return text[:place] + other + text[place + 1 :]


GOOD = SIGNER.sign(TOKEN)
JWT_NONE = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"none"}', write_claims(TOKEN), b"")
)
JWT_HMAC = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256"}', write_claims(TOKEN), SIGNER.public)
)
BAD: dict[str, tuple[str | None, str]] = {
    "none": (None, "a slot token is wanted"),
    "empty": ("Bearer ", "a slot token is wanted"),
    "basic": ("Basic dXNlcjpwYXNz", "a slot token is wanted"),
    "garbage": (bearer("x" * 3000), "token not understood"),
    "alg none": (bearer(JWT_NONE), "token not understood: token: found another kind"),
    "alg confused": (bearer(JWT_HMAC), "token not understood: token: found another kind"),
    "cut": (bearer(GOOD[:-40]), "token not understood"),
    "cut signature": (bearer(GOOD[:200]), "token not understood"),
    "claims changed": (bearer(_flipped(GOOD, 40)), "its signature is wrong"),
    "signature changed": (bearer(_flipped(GOOD, GOOD.rindex(".") - 20)), "its signature is wrong"),
    "other key": (bearer(Signer(2).sign(TOKEN)), "is not known here"),
    "other audience": (
        bearer(SIGNER.sign(replace(TOKEN, audience="elsewhere"))),
        "token is for the responder elsewhere, this is centre",
    ),
    "not yet": (
        bearer(
            SIGNER.sign(
                replace(
                    TOKEN,
                    not_before=NOW + timedelta(seconds=31),
                    expires_at=NOW + timedelta(seconds=90),
                )
            )
        ),
        "token not valid yet: by this clock it begins in 31 s",
    ),
    "expired": (
        bearer(
            SIGNER.sign(
                replace(
                    TOKEN,
                    not_before=NOW - timedelta(seconds=90),
                    expires_at=NOW - timedelta(seconds=30),
                )
            )
        ),
        "token expired 30 s ago",
    ),
    "signed nonsense": (bearer(SIGNER.seal(b"{}")), "token not understood: claims.aud"),
    "other kind": (bearer(SIGNER.sign(replace(TOKEN, kinds=("stamp",)))), "not for download"),
}


@pytest.mark.parametrize("name", BAD)
def test_denied(name: str, tmp_path: Path) -> None:
    """Each wrong token is refused with its own reason, in ASCII, and without the token in it."""
    header, reason = BAD[name]
    admission = Admission(tokens=tokens(tmp_path))
    headers = {} if header is None else {"authorization": header}
    with pytest.raises(NotAdmitted) as raised:
        admission.admit(headers, "download")
    assert reason in raised.value.reason
    assert raised.value.reason.isascii()
    assert header is None or len(header) < 30 or header[-30:] not in raised.value.reason


def test_signed_for_another_purpose(tmp_path: Path) -> None:
    """A PASETO of the same key without our purpose in what was signed is not believed."""
    payload = write_claims(TOKEN)
    footer = json.dumps({"kid": SIGNER.key_id}, separators=(",", ":")).encode()
    signature = SIGNER.private.sign(_pae(HEADER.encode(), payload, footer, b""))
    body, below = (
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (payload + signature, footer)
    )
    with pytest.raises(NotAdmitted, match="signature is wrong"):
        tokens(tmp_path).admit(bearer(f"{HEADER}{body}.{below}"), "download")


@pytest.mark.parametrize("seconds", [-29, 0, 60, 89])
def test_clocks_may_differ(seconds: int, tmp_path: Path) -> None:
    """A token is good 30 s before and after its time, so clocks may differ by as much."""
    found = tokens(tmp_path, clock=SetClock(NOW + timedelta(seconds=seconds)))
    assert found.admit(bearer(GOOD), "download").token == TOKEN


# --- one use ------------------------------------------------------------------------------------


def test_flows_of_one_test_share_a_token(tmp_path: Path) -> None:
    """As many flows of each kind as the token says come in on it, and no more."""
    admitting = tokens(tmp_path)
    uses = {id(admitting.admit(bearer(GOOD), kind)) for kind in ("download", "upload") * 2}
    assert len(uses) == 1
    for kind in ("download", "upload"):
        with pytest.raises(NotAdmitted, match=f"token used already: its 2 {kind} flows"):
            admitting.admit(bearer(GOOD), kind)


def test_used_is_used_after_a_restart(tmp_path: Path) -> None:
    """A responder that was started anew refuses a token that was begun before."""
    tokens(tmp_path).admit(bearer(GOOD), "download")
    with pytest.raises(NotAdmitted, match="token used already: ask for another"):
        tokens(tmp_path).admit(bearer(GOOD), "upload")


def test_many_at_once_use_it_once(tmp_path: Path) -> None:
    """Twenty threads with one token of two flows, two processes' worth: two get in, of one."""
    ends = [tokens(tmp_path), tokens(tmp_path)]
    found: list[Use] = []

    def come(number: int) -> None:
        with contextlib.suppress(NotAdmitted):
            found.append(ends[number % 2].admit(bearer(GOOD), "download"))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len({id(use) for use in found}) == 1


def test_what_cannot_be_written_down_is_not_admitted(tmp_path: Path) -> None:
    """A file of used tokens that fails admits nobody."""
    admitting = tokens(tmp_path)
    admitting._used.close()
    with pytest.raises(NotAdmitted, match="cannot write down") as raised:
        admitting.admit(bearer(GOOD), "download")
    assert raised.value.status == 503
    with pytest.raises(CannotNote, match="--used"):
        UsedTokens(tmp_path)


def test_used_tokens_are_forgotten_late(tmp_path: Path) -> None:
    """The file keeps a token for a week after its time and then lets go of it."""
    used = UsedTokens(tmp_path / "used")
    assert used.use("one", NOW, NOW)
    assert not used.use("one", NOW, NOW + timedelta(days=7))
    assert used.use("one", NOW, NOW + timedelta(days=7, seconds=1))
    used.close()


def test_seconds_are_over(tmp_path: Path) -> None:
    """After its seconds a token admits no further flow, though flows are left."""
    clock = SetClock()
    admitting = tokens(tmp_path, clock=clock)
    admitting.admit(bearer(GOOD), "download")
    clock.seconds += TOKEN.quota_seconds
    with pytest.raises(NotAdmitted, match="token used already"):
        admitting.admit(bearer(GOOD), "upload")


# --- keys ---------------------------------------------------------------------------------------


def test_keys_change_without_a_restart(tmp_path: Path) -> None:
    """A key that is added is believed at once, one that is taken away no more."""
    old, new = Signer(1), Signer(2)
    admitting = tokens(tmp_path, old)
    admitting.admit(bearer(old.sign(TOKEN)), "download")
    key_file(tmp_path, new, Signer(3))
    other = replace(TOKEN, token_id=TOKEN.agent_id)
    with pytest.raises(NotAdmitted, match="not known here"):
        admitting.admit(bearer(old.sign(other)), "download")
    assert admitting.admit(bearer(new.sign(other)), "download").token == other


def test_a_damaged_key_file_changes_nothing(tmp_path: Path) -> None:
    """Keys in force stay in force where their file cannot be read any more."""
    admitting = tokens(tmp_path)
    (tmp_path / "collector.keys").write_text("nonsense\n")
    assert admitting.admit(bearer(GOOD), "download").token == TOKEN


# --- over sockets -------------------------------------------------------------------------------


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


# --- the command --------------------------------------------------------------------------------


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
