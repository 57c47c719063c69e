"""Download of a file: the file's bytes make the figure; a block page or a breakdown has a name."""

import contextlib
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from agent.engines import download
from agent.probes import http_download
from agent.probes.http_download import probe
from tests.agent.engine_ends import Answer, Authority, closed_port, run, say, web
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Json, Measurement

BOUND_SECONDS = 30.0
PAGE = b"<!DOCTYPE html><html><body>Access denied</body></html>"
SIZE_BYTES = 400_000_000


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour in less time."""
    monkeypatch.setattr(download, "STALL_SECONDS", 0.7)
    monkeypatch.setattr(http_download, "HEAD_SECONDS", 1.5)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that only these tests trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


def measure(port: int, path: str = "/file.bin", **options: Json) -> Measurement:
    """Download for up to a second over plain HTTP."""
    given: dict[str, Json] = {"seconds": 1, "allow_http": True, **options}
    return run("http_download", probe, f"http://127.0.0.1:{port}{path}", **given)


def head(handler: BaseHTTPRequestHandler, size: int | None, **headers: str) -> None:
    """Begin an answer."""
    handler.send_response(200)
    handler.send_header("Content-Type", headers.pop("kind", "application/octet-stream"))
    if size is not None:
        handler.send_header("Content-Length", str(size))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def paced(size: int = SIZE_BYTES, rate_bps: float = 40e6, **headers: str) -> Answer:
    """Give zeros at a rate of all connections together."""
    lock, due = threading.Lock(), {"at": 0.0}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, size, **headers)
        piece, left = bytes(16_384), size
        with contextlib.suppress(OSError):
            while left > 0:
                part = piece[:left]
                with lock:
                    now = time.monotonic()
                    due["at"] = max(due["at"], now - 0.02) + 8 * len(part) / rate_bps
                    wait = due["at"] - now
                time.sleep(max(0.0, wait))
                handler.wfile.write(part)
                left -= len(part)

    return answer


@pytest.mark.parametrize("flows", [1, 4])
def test_the_rate_of_the_server(flows: int) -> None:
    """A server of 40 Mbit/s gives 40 Mbit/s, warm-up discarded, over one and four connections."""
    with web(paced()) as port:
        found = measure(port, flows=flows, seconds=2)
    assert found.outcome is Outcome.OK, found.failure
    rate = found.values["download_bps"]
    assert isinstance(rate, float)
    assert abs(rate / 40e6 - 1) < 0.05
    assert found.values["file_complete"] is False
    assert found.context["engine"] == "http_download"
    assert found.context["cached_likely"] is False


def test_over_tls_and_chunked(authority: Authority) -> None:
    """TLS, and a body without a length, are read as well."""

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        head(handler, None, Transfer_Encoding="chunked")
        with contextlib.suppress(OSError):
            for _ in range(100_000):
                handler.wfile.write(b"4000\r\n" + bytes(0x4000) + b"\r\n")
                time.sleep(0.001)

    for answer in (paced(), chunked):
        with web(answer, authority.server()) as port:
            found = run(
                "http_download", probe, f"https://127.0.0.1:{port}/x",
                ca_file=authority.file, seconds=1,
            )  # fmt: skip
        assert found.outcome is Outcome.OK, found.failure
        assert found.values["download_bytes"]


def test_bytes_are_capped() -> None:
    """max_bytes ends the download: not much more is fetched."""
    with web(paced()) as port:
        found = measure(port, max_bytes=3_000_000, seconds=10)
    got = found.values["download_bytes"]
    assert isinstance(got, int)
    assert 3_000_000 <= got < 4_500_000


def test_hash_length_and_type() -> None:
    """The right file passes with everything named, and is fetched whole."""
    size = 5_000_000
    right = hashlib.sha256(bytes(size)).hexdigest()
    with web(paced(size)) as port:
        options: dict[str, Json] = {
            "expected_bytes": size,
            "expected_type": "application/octet-stream",
            "seconds": 10,
        }
        found = measure(port, expected_sha256=right.upper(), **options)
        assert found.outcome is Outcome.OK, found.failure
        assert found.values["file_complete"] is True
        other = measure(port, expected_sha256="0" * 64, **options)
        late = measure(port, expected_sha256=right, seconds=1, max_bytes=1_000_000)
    assert other.failure is not None
    assert (other.failure.code, other.failure.operation) == (
        FailureCode.INTERCEPTED,
        Operation.DOWNLOAD,
    )
    assert late.failure is not None
    assert late.failure.code is FailureCode.TOO_SLOW
    assert "download_bps" not in other.values
    assert other.values["download_bytes"]


def test_hash_that_is_none() -> None:
    """A text that is no SHA-256 is refused."""
    found = measure(closed_port(), expected_sha256="abc")
    assert found.failure is not None
    assert "64 hexadecimal digits" in found.failure.text


@pytest.mark.parametrize(
    ("headers", "cached"),
    [
        ({"Age": "120"}, True),
        ({"Age": "0"}, False),
        ({"X_Cache": "HIT from proxy.example"}, True),
        ({"X_Cache": "MISS"}, False),
        ({"Via": "1.1 hitchin-proxy"}, False),
    ],
)
def test_caches_are_hinted_at(headers: dict[str, str], cached: bool) -> None:
    """A cache that says so is named; its headers are kept."""
    with web(paced(**headers)) as port:
        found = measure(port)
    assert found.context["cached_likely"] is cached
    assert found.context["cache_headers"]


def test_redirects_are_followed_and_counted() -> None:
    """Within the service a redirect is followed; every connection goes to its end."""
    file = paced()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/file.bin":
            say(302, b"", "text/plain", Location="/moved.bin")(handler)
        else:
            file(handler)

    with web(answer) as port:
        found = measure(port, flows=2)
    assert found.outcome is Outcome.OK, found.failure
    assert found.values["redirect_count"] == 1


def _headless(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def _dripping_head(handler: BaseHTTPRequestHandler) -> None:
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)


def _no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail ESMTP\r\n\r\n")


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


ANSWERS: dict[str, tuple[Answer, FailureCode]] = {
    "403": (say(403, b"no", "text/plain"), FailureCode.HTTP_STATUS),
    "404": (say(404, b"no", "text/plain"), FailureCode.HTTP_STATUS),
    "block page with 200": (say(200, PAGE, "text/html"), FailureCode.INTERCEPTED),
    "block page with marker": (
        say(403, b"<html>FortiGuard Intrusion Prevention - Access Blocked", "text/html"),
        FailureCode.INTERCEPTED,
    ),
    "login page": (
        say(302, b"", "text/plain", Location="http://login.example/"),
        FailureCode.INTERCEPTED,
    ),
    "network login": (say(511, b"", "text/plain"), FailureCode.INTERCEPTED),
    "in circles": (say(302, b"", "text/plain", Location="/file.bin"), FailureCode.HTTP_STATUS),
    "compressed": (
        say(200, b"x" * 1000, "application/gzip", Content_Encoding="gzip"),
        FailureCode.PROTOCOL_ERROR,
    ),
    "another service": (_no_http, FailureCode.PROTOCOL_ERROR),
    "hangs up": (_hang_up, FailureCode.EARLY_CLOSE),
    "silent": (_headless, FailureCode.NO_REPLY),
    "head drop by drop": (_dripping_head, FailureCode.TOO_SLOW),
}


@pytest.mark.parametrize("flows", [1, 3])
@pytest.mark.parametrize(("answer", "code"), ANSWERS.values(), ids=ANSWERS.keys())
def test_answers_that_are_no_file(answer: Answer, code: FailureCode, flows: int) -> None:
    """Each has its name, in bounded time, and there is no number."""
    started = time.monotonic()
    with web(answer) as port:
        found = measure(port, flows=flows)
    assert time.monotonic() - started < BOUND_SECONDS
    assert found.failure is not None
    assert found.failure.code is code, found.failure
    assert found.failure.operation is Operation.HANDSHAKE
    assert "download_bps" not in found.values


@pytest.mark.parametrize("options", [{"expected_type": "image/jpeg"}, {"expected_bytes": 12345}])
def test_another_file(options: dict[str, Json]) -> None:
    """Status 200 with another type or length than was named is not the file."""
    with web(paced()) as port:
        found = measure(port, **options)
    assert found.failure is not None
    assert found.failure.code is FailureCode.INTERCEPTED
    assert "expected" in found.failure.text


def _stall(handler: BaseHTTPRequestHandler) -> None:
    head(handler, SIZE_BYTES)
    handler.wfile.write(bytes(500_000))
    time.sleep(2)


def _short(handler: BaseHTTPRequestHandler) -> None:
    head(handler, SIZE_BYTES)
    handler.wfile.write(bytes(500_000))
    time.sleep(0.2)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    _short(handler)
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.rfile.close()
    handler.wfile = contextlib.nullcontext()  # type: ignore[assignment]  # nothing more goes out


def _drip(handler: BaseHTTPRequestHandler) -> None:
    head(handler, SIZE_BYTES)
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(bytes(10))
            time.sleep(0.05)


def _small(handler: BaseHTTPRequestHandler) -> None:
    say(200, bytes(30_000), "application/octet-stream")(handler)


BREAKS: dict[str, tuple[Answer, tuple[FailureCode, ...]]] = {
    "stalls": (_stall, (FailureCode.STALLED,)),
    "ends early": (_short, (FailureCode.EARLY_CLOSE,)),
    "resets": (_reset, (FailureCode.CONNECTION_RESET, FailureCode.EARLY_CLOSE)),
    "drips": (_drip, (FailureCode.TOO_SLOW,)),
    "file too small": (_small, (FailureCode.TOO_SLOW,)),
}


@pytest.mark.parametrize("flows", [1, 3])
@pytest.mark.parametrize(("answer", "codes"), BREAKS.values(), ids=BREAKS.keys())
def test_downloads_that_break(answer: Answer, codes: tuple[FailureCode, ...], flows: int) -> None:
    """Each has its name and keeps the bytes that came; there is no rate."""
    with web(answer) as port:
        found = measure(port, flows=flows)
    assert found.failure is not None
    assert found.failure.code in codes, found.failure
    assert found.failure.operation is Operation.DOWNLOAD
    assert "download_bps" not in found.values
    assert "download_bytes" in found.values


@pytest.fixture
def held() -> Iterator[None]:
    """As many descriptors and threads after as before."""

    def count() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    yield
    until = time.monotonic() + 10
    while count() > before and time.monotonic() < until:
        time.sleep(0.02)
    assert count() <= before


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("answer", [paced(), _stall, say(403), say(200, PAGE, "text/html")])
def test_nothing_is_left_behind(answer: Answer) -> None:
    """Sockets and threads are gone after success and failure."""
    with web(answer) as port:
        measure(port, flows=4)


TARGETS = {
    "plain http": ("http://h.example/x", False),
    "password": ("https://u:secret@h.example/x", False),
    "file": ("file:///etc/passwd", True),
    "option": ("-o", True),
}


@pytest.mark.parametrize(("target", "allow"), TARGETS.values(), ids=TARGETS.keys())
def test_targets(target: str, allow: bool) -> None:
    """Only https://, or http:// where it is allowed; passwords are refused and not repeated."""
    found = run("http_download", probe, target, allow_http=allow)
    assert found.failure is not None
    assert found.failure.code is FailureCode.TARGET_INVALID
    assert "secret" not in found.failure.text


def test_unreachable(authority: Authority) -> None:
    """Refused, no such name, an unknown authority: each has its name."""
    refused = measure(closed_port())
    nameless = run("http_download", probe, "https://no-such-host.invalid/x")
    with web(paced(), authority.server()) as port:
        strange = run("http_download", probe, f"https://127.0.0.1:{port}/x")
    codes = [found.failure.code for found in (refused, nameless, strange) if found.failure]
    assert codes == [
        FailureCode.CONNECTION_REFUSED,
        FailureCode.DNS_FAILED,
        FailureCode.INTERCEPTED,
    ]
