"""ndt7 over TLS: servers of one's own, and those that Locate names. Stand-ins for M-Lab's.

The far end is our responder behind a process that takes TLS off; certificates are of an authority
made for the test.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.probes.ndt7_public import probe
from agent.throughput import connect, engine
from agent.throughput.transport import TlsFlowSocket
from tests.agent.engine_ends import (
    Answer,
    Authority,
    closed_port,
    located,
    responder,
    run,
    say,
    terminator,
    web,
)
from tests.agent.ndt7_peers import Script, moving, serving, upgraded, waiting
from wire.codec import encode
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Json, Measurement

BOUND_SECONDS = 30.0
TOKEN = "canary-of-a-token"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that only these tests trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of an ndt7 server over TLS."""
    folder = tmp_path_factory.mktemp("server")
    with responder() as plain, terminator(folder, authority, plain) as port:
        yield port


@pytest.fixture
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour in less time."""
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(connect, "HANDSHAKE_SECONDS", 0.7)
    monkeypatch.setattr(engine, "STALL_SECONDS", 0.6)
    monkeypatch.setattr(engine, "FINISH_SECONDS", 0.2)


def measure(target: str, authority: Authority | None, **options: Json) -> Measurement:
    """Measure for one second, trusting ``authority``."""
    given: dict[str, Json] = {"seconds": 1, **options}
    if authority is not None:
        given["ca_file"] = authority.file
    return run("ndt7_public", probe, target, **given)


def locate(port: int, authority: Authority, **options: Json) -> Measurement:
    """Measure with a server that the stand-in for Locate names."""
    url = f"https://127.0.0.1:{port}/v2/nearest/ndt/ndt7"
    return measure(url, authority, accept_terms="mlab", **options)


@pytest.mark.parametrize("flows", [1, 4])
def test_a_server_of_ones_own(server: int, authority: Authority, flows: int) -> None:
    """Both directions over TLS; one flow unless more are asked for; no terms to accept."""
    # TLS of both ends and of a terminator on a machine with other work: time for enough samples
    found = measure(f"wss://127.0.0.1:{server}", authority, flows=flows, seconds=3)
    assert found.outcome is Outcome.OK, found.failure
    for test in ("download", "upload"):
        rate, count = found.values[f"{test}_bps"], found.values[f"{test}_bytes"]
        assert isinstance(rate, float)
        assert isinstance(count, int)
        assert rate > 1e6
        assert f"{test}_min_rtt_seconds" in found.values
    assert found.context["engine"] == "ndt7_tls"
    assert found.context["flows_count"] == flows


def test_application_bytes_are_counted(server: int, authority: Authority) -> None:
    """Acknowledged bytes are those of the stream inside TLS: what the far end read, not more."""
    found = measure(f"wss://127.0.0.1:{server}", authority, direction="upload", seconds=2)
    sent, arrived = found.values["upload_bytes"], found.values["upload_peer_bytes"]
    assert isinstance(sent, int)
    assert isinstance(arrived, int)
    # the peer's last word comes after our last sample, so it may have counted more, never less
    # than what had been acknowledged but for what its kernel held
    print(f"acknowledged inside TLS {sent:,}, read by the far end {arrived:,}")
    assert 0.8 < arrived / sent < 1.25


def test_located_and_the_next_one(server: int, authority: Authority) -> None:
    """The first server is dead: the second is used, for both directions, and both are counted."""
    with web(located(closed_port(), server), authority.server()) as port:
        found = locate(port, authority)
    assert found.outcome is Outcome.OK, found.failure
    assert found.context["engine"] == "ndt7_mlab"
    assert found.context["server"] == "mlab2-nrt01.example"
    assert found.context["servers_tried_count"] == 2
    assert found.values["upload_bps"]


def test_the_token_is_told_to_nobody(
    server: int, authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither a good nor a failed record holds any part of the token, nor does any output."""
    records = []
    for ports in ((server,), (closed_port(),)):
        with web(located(*ports, token=TOKEN), authority.server()) as port:
            records.append(encode(locate(port, authority, direction="download")).decode())
    shown = "".join([*records, *capfd.readouterr()])
    assert '"outcome":"failed"' in shown.replace(" ", "")
    assert TOKEN[:6] not in shown


def test_asked_with_a_name(server: int, authority: Authority) -> None:
    """Locate is asked with a User-Agent and our name, as M-Lab wants."""
    asked: list[tuple[str, str]] = []
    answer = located(server)

    def noting(handler: object) -> None:
        asked.append((handler.path, handler.headers["User-Agent"]))  # type: ignore[attr-defined]
        answer(handler)  # type: ignore[arg-type]  # a request handler

    with web(noting, authority.server()) as port:
        locate(port, authority, direction="download")
    assert len(asked) == 1
    assert "client_name=hakaru" in asked[0][0]
    assert asked[0][1].startswith("hakaru-agent/")


PAGE = b"<html><body>Access denied</body></html>"
LOCATES: dict[str, tuple[Answer, FailureCode]] = {
    "204": (say(204), FailureCode.NOT_ADMITTED),
    "429": (say(429, b"{}"), FailureCode.HTTP_STATUS),
    "500": (say(500, b"{}"), FailureCode.HTTP_STATUS),
    "no results": (say(200, b'{"results": []}'), FailureCode.NOT_ADMITTED),
    "not JSON": (say(200, b"hello", "text/plain"), FailureCode.PROTOCOL_ERROR),
    "a page": (say(200, PAGE, "text/html"), FailureCode.INTERCEPTED),
    "a page called JSON": (say(200, PAGE), FailureCode.INTERCEPTED),
    "sent elsewhere": (
        say(302, b"", Location="https://login.example/"),
        FailureCode.INTERCEPTED,
    ),
    "sent in circles": (say(302, b"", Location="/again"), FailureCode.HTTP_STATUS),
    "too much": (say(200, b" " * 200_000), FailureCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("answer", "code"), LOCATES.values(), ids=LOCATES.keys())
def test_locate_answers_wrongly(authority: Authority, answer: Answer, code: FailureCode) -> None:
    """Each answer but a list of servers has its name, and nothing is measured."""
    with web(answer, authority.server()) as port:
        found = locate(port, authority)
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation) == (code, Operation.HANDSHAKE)
    assert not found.values


def test_locate_over_a_stranger() -> None:
    """TLS inspection: an authority that is not trusted answers in Locate's place."""
    found = run("ndt7_public", probe, f"https://127.0.0.1:{closed_port()}/x", accept_terms="mlab")
    assert found.failure is not None
    assert found.failure.code is FailureCode.CONNECTION_REFUSED


def test_tls_intercepted(server: int) -> None:
    """A certificate of an unknown authority: intercepted, and nothing is measured."""
    found = measure(f"wss://127.0.0.1:{server}", None)
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation) == (
        FailureCode.INTERCEPTED,
        Operation.TLS,
    )


def test_wrong_name(authority: Authority) -> None:
    """A trusted certificate for another name is refused."""
    with web(say(200), authority.server("other.example")) as port:
        found = measure(f"wss://127.0.0.1:{port}", authority)
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation) == (
        FailureCode.TLS_FAILED,
        Operation.TLS,
    )


def test_no_such_name() -> None:
    """A dead name is named so."""
    found = measure("wss://no-such-host.invalid", None)
    assert found.failure is not None
    assert found.failure.code is FailureCode.DNS_FAILED


def over_tls(context: ssl.SSLContext, script: Script) -> Script:
    """Run ``script`` inside TLS."""

    def secured(sock: socket.socket, over: threading.Event) -> None:
        sock.settimeout(5)
        context.sslsocket_class = TlsFlowSocket  # so that peers may use non-blocking idioms
        sock.getpeername()  # of one that is reset already, wrap_socket leaves an open socket
        with context.wrap_socket(sock, server_side=True) as inner:
            inner.settimeout(0.2)
            with contextlib.suppress(ssl.SSLError):
                script(inner, over)

    return secured


def _reset(sock: socket.socket, _over: threading.Event) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _silent(_sock: socket.socket, over: threading.Event) -> None:
    over.wait(20)


def _plain_http(sock: socket.socket, _over: threading.Event) -> None:
    sock.recv(1000)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


BEFORE: dict[str, tuple[Script, FailureCode]] = {
    "no TLS": (_plain_http, FailureCode.TLS_FAILED),
    "silent": (_silent, FailureCode.HANDSHAKE_TIMEOUT),
    "reset": (_reset, FailureCode.CONNECTION_RESET),
}


@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize(("script", "code"), BEFORE.values(), ids=BEFORE.keys())
def test_far_ends_without_tls(authority: Authority, script: Script, code: FailureCode) -> None:
    """No TLS, silence, a reset: each has its name in bounded time."""
    started = time.monotonic()
    with serving(script) as port:
        found = measure(f"wss://127.0.0.1:{port}", authority)
    assert time.monotonic() - started < BOUND_SECONDS
    assert found.failure is not None
    assert found.failure.code is code, found.failure
    # a reset at once may be seen while connecting
    assert found.failure.operation in (Operation.TLS, Operation.CONNECT)


INSIDE: dict[str, tuple[Script, tuple[FailureCode, ...]]] = {
    "falls silent": (upgraded(moving(0.3, waiting)), (FailureCode.STALLED,)),
    # inside TLS an end without a good-bye may be all that OpenSSL tells of a reset
    "dies": (
        upgraded(moving(0.3, _reset)),
        (FailureCode.CONNECTION_RESET, FailureCode.EARLY_CLOSE),
    ),
}


@pytest.mark.usefixtures("short_times")
@pytest.mark.parametrize(("script", "codes"), INSIDE.values(), ids=INSIDE.keys())
def test_far_ends_that_break_midway(
    authority: Authority, script: Script, codes: tuple[FailureCode, ...]
) -> None:
    """A server that falls silent or dies in the middle: named, bytes kept, no rate."""
    with serving(over_tls(authority.server(), script)) as port:
        found = measure(f"wss://127.0.0.1:{port}", authority, direction="download", seconds=3)
    assert found.failure is not None
    assert found.failure.code in codes, found.failure
    assert found.failure.operation is Operation.DOWNLOAD
    assert found.values["download_bytes"]
    assert "download_bps" not in found.values


@pytest.mark.parametrize(
    "target",
    ["h:443", "ws://h", "wss://h/ndt/v7/download?access_token=canary", "http://locate.example/"],
)
def test_targets(target: str) -> None:
    """Without TLS, or with a path that may hold a token: refused, and the token is not repeated."""
    found = measure(target, None, accept_terms="mlab")
    assert found.failure is not None
    assert found.failure.code is FailureCode.TARGET_INVALID
    assert "canary" not in found.failure.text


def test_ca_file_that_is_none(tmp_path: Path) -> None:
    """A file without certificates is refused before anything is sent."""
    path = tmp_path / "ca.pem"
    path.write_text("hello")
    found = run("ndt7_public", probe, "wss://127.0.0.1:9", ca_file=str(path))
    assert found.failure is not None
    assert found.failure.operation is Operation.PREPARE
    assert "ca_file" in found.failure.text
