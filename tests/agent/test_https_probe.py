"""The https probe against real TLS on loopback, and against whoever answers in its place."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping

import pytest

from agent.web.blocked import MARKERS
from tests.agent.scripted import (
    Authority,
    Script,
    answer,
    free_port,
    has_ipv6_loopback,
    measured,
    read_head,
    reset,
    server,
    silent,
)
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Json, Measurement

PAGE = b"<html><title>service</title>hello</html>"
HTML = "Content-Type: text/html"
V4: Mapping[str, Json] = {"family": "4", "timeout_seconds": 3.0}
QUICK: Mapping[str, Json] = {"family": "4", "timeout_seconds": 0.4, "limit_seconds": 0.8}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """The authority that this machine trusts during these tests."""
    made = Authority("Trusted Test Authority")
    with pytest.MonkeyPatch.context() as patch:
        path = made.write(tmp_path_factory.mktemp("ca") / "ca.pem")
        patch.setenv("SSL_CERT_FILE", str(path))
        yield made


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    """A server's context for localhost, by the trusted authority."""
    return authority.server("localhost", "127.0.0.1", "::1")


def fetched(
    script: Script,
    tls: ssl.SSLContext | None,
    options: Mapping[str, Json] = V4,
    *,
    scheme: str = "https",
) -> Measurement:
    """Fetch from a scripted server on localhost."""
    with server(script, tls) as port:
        return measured("https", f"{scheme}://localhost:{port}/", options)


def code_of(result: Measurement) -> FailureCode:
    """The failure's code."""
    assert result.failure is not None, result.values
    return result.failure.code


def test_a_page_gives_every_phase_and_who_signed(tls: ssl.SSLContext) -> None:
    """Name, connect, TLS, first byte and total are there and add up; issuer and subject too."""
    result = fetched(answer("200 OK", PAGE, HTML), tls)
    values = result.values
    assert result.outcome is Outcome.OK, result.failure
    phases = [values[f"v4_{name}_seconds"] for name in ("dns", "connect", "tls", "first_byte")]
    assert all(isinstance(phase, float) and phase > 0 for phase in phases)
    assert sum(phases) <= values["v4_total_seconds"]  # type: ignore[arg-type, operator] # floats
    assert (values["v4_http_status"], values["v4_body_bytes"]) == ("200", len(PAGE))
    assert "Trusted Test Authority" in str(values["v4_certificate_issuer"])
    assert len(str(values["v4_certificate_subject_sha256"])) == 64
    assert values["v4_tls_version"] == "TLSv1.3"
    assert not any(name.startswith("v6_") for name in values)


def test_the_request_carries_no_credentials(tls: ssl.SSLContext) -> None:
    """One GET with the host and the probe's own name: no cookie, no authorization."""
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        seen.append(read_head(sock))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n")

    assert fetched(script, tls).outcome is Outcome.OK
    head = seen[0].decode().lower()
    assert head.startswith("get / http/1.1\r\nhost: localhost:")
    assert not any(name in head for name in ("cookie", "authorization", "referer"))


@pytest.fixture
def dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make localhost a name of two addresses, which it is not on every machine."""
    if not has_ipv6_loopback():
        pytest.skip("this machine has no IPv6 loopback")
    real = socket.getaddrinfo

    def both(host: str, port: int, family: int, kind: int) -> list[tuple[object, ...]]:
        if host == "localhost" and family == socket.AF_INET6:
            return list(real("::1", port, family, kind))
        return list(real(host, port, family, kind))

    monkeypatch.setattr(socket, "getaddrinfo", both)


@pytest.mark.usefixtures("dual_stack")
def test_both_versions_apart(tls: ssl.SSLContext) -> None:
    """With a server on ::1 and 127.0.0.1 each version has its own figures."""
    with (
        server(answer("200 OK", PAGE), tls) as port,
        server(answer("200 OK", PAGE), tls, host="::1", port=port),
    ):
        result = measured("https", f"https://localhost:{port}/", {"timeout_seconds": 3.0})
    assert result.outcome is Outcome.OK, result.failure
    assert {"v4_total_seconds", "v6_total_seconds"} <= set(result.values)
    assert (result.context["v4_address"], result.context["v6_address"]) == ("127.0.0.1", "::1")


@pytest.mark.usefixtures("dual_stack")
def test_ipv6_that_is_announced_and_does_not_work_is_named(tls: ssl.SSLContext) -> None:
    """Half-broken IPv6 fails with its own reason; the figures of IPv4 are kept as partial."""
    with server(answer("200 OK", PAGE), tls) as port:
        result = measured("https", f"https://localhost:{port}/", {"timeout_seconds": 3.0})
    assert result.outcome is Outcome.FAILED
    assert code_of(result) is FailureCode.CONNECTION_REFUSED
    assert result.failure is not None
    assert "IPv6" in result.failure.text
    assert "IPv4 works" in result.failure.text
    assert result.values["v6_failure"] == "connection_refused"
    assert result.values["v4_body_bytes"] == len(PAGE)


def test_a_version_that_the_service_does_not_have_is_no_failure(tls: ssl.SSLContext) -> None:
    """An IPv4 address has no IPv6: said as such, not counted as broken."""
    with server(answer("200 OK", PAGE), tls) as port:
        result = measured("https", f"https://127.0.0.1:{port}/", {"timeout_seconds": 3.0})
    assert result.outcome is Outcome.OK, result.failure
    assert "no address" in str(result.values["v6_absent"])
    assert "v4_dns_seconds" not in result.values, "nothing was asked, so nothing took time"


def test_tls_by_another_authority_is_interception(tls: ssl.SSLContext) -> None:
    """A certificate for the right name by an authority that nobody trusts: INTERCEPTED, by whom."""
    assert tls is not None  # the trusted authority is set up
    box = Authority("Inspecting Box").server("localhost")
    asked: list[bytes] = []

    def script(sock: socket.socket) -> None:
        asked.append(sock.recv(4096))

    result = fetched(script, box)
    assert code_of(result) is FailureCode.INTERCEPTED
    assert result.failure is not None
    assert result.failure.operation is Operation.TLS
    assert "Inspecting Box" in result.failure.text
    assert "Inspecting Box" in str(result.values["v4_certificate_issuer"])
    assert "v4_connect_seconds" in result.values, "what was measured before is kept"
    assert not any(asked), "not one byte of a request to whom we do not trust"


def test_a_trusted_but_unexpected_issuer_is_interception(tls: ssl.SSLContext) -> None:
    """An inspecting box whose authority is installed here is revealed by the expected issuer."""
    page = answer("200 OK", PAGE)
    wrong = fetched(page, tls, {**V4, "expected_issuer": "Lets Encrypt|DigiCert"})
    right = fetched(page, tls, {**V4, "expected_issuer": "DigiCert|trusted test"})
    assert code_of(wrong) is FailureCode.INTERCEPTED
    assert wrong.failure is not None
    assert "Trusted Test Authority" in wrong.failure.text
    assert right.outcome is Outcome.OK


def test_a_broken_chain_of_the_expected_issuer_is_no_interception(authority: Authority) -> None:
    """Where the issuer is who was expected, an untrusted chain is a fault, not a stranger."""
    assert authority is not None
    context = Authority("Private Authority").server("localhost")
    result = fetched(silent, context, {**V4, "expected_issuer": "private authority"})
    assert code_of(result) is FailureCode.TLS_FAILED


def test_a_certificate_for_another_name_is_a_tls_failure(authority: Authority) -> None:
    """The wrong host name by a trusted authority is a fault of the service."""
    result = fetched(silent, authority.server("elsewhere.example"))
    assert code_of(result) is FailureCode.TLS_FAILED
    assert result.failure is not None
    assert "mismatch" in result.failure.text.lower()


def _drip(head: bytes) -> Script:
    """Send ``head`` at once, then a byte every 50 ms."""

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(head)
        for _ in range(200):
            sock.sendall(b"x")
            time.sleep(0.05)

    return script


def _stall(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)
    silent(sock)


def _death(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)


def _noise(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def _no_answer(sock: socket.socket) -> None:
    read_head(sock)


BODY_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
FAULTS: Mapping[str, tuple[Script, FailureCode, Operation]] = {
    "silent": (silent, FailureCode.NO_REPLY, Operation.HANDSHAKE),
    "drip in the head": (_drip(b"HTTP/1.1 2"), FailureCode.TOO_SLOW, Operation.HANDSHAKE),
    "drip in the body": (_drip(BODY_HEAD), FailureCode.TOO_SLOW, Operation.DOWNLOAD),
    "stall in the body": (_stall, FailureCode.STALLED, Operation.DOWNLOAD),
    "dies in the body": (_death, FailureCode.EARLY_CLOSE, Operation.DOWNLOAD),
    "closes": (_no_answer, FailureCode.EARLY_CLOSE, Operation.HANDSHAKE),
    "other protocol": (_noise, FailureCode.PROTOCOL_ERROR, Operation.HANDSHAKE),
    "404": (answer("404 Not Found", b"no"), FailureCode.HTTP_STATUS, Operation.HANDSHAKE),
    "503": (answer("503 Busy"), FailureCode.HTTP_STATUS, Operation.HANDSHAKE),
    "portal": (
        answer("511 Network Authentication Required"),
        FailureCode.INTERCEPTED,
        Operation.HANDSHAKE,
    ),
    "login page": (
        answer("302 Found", b"", "Location: http://portal.example/login"),
        FailureCode.INTERCEPTED,
        Operation.HANDSHAKE,
    ),
    "refresh to a login page": (
        answer(
            "200 OK",
            b'<meta http-equiv="refresh" content="0; url=http://portal.example/?x">',
            HTML,
        ),
        FailureCode.INTERCEPTED,
        Operation.HANDSHAKE,
    ),
    "to plain http": (
        answer("301 Moved", b"", "Location: http://localhost/"),
        FailureCode.HTTP_STATUS,
        Operation.HANDSHAKE,
    ),
    "to nowhere": (
        answer("301 Moved", b"", "Location: javascript:alert(1)"),
        FailureCode.PROTOCOL_ERROR,
        Operation.HANDSHAKE,
    ),
    "in a circle": (
        answer("302 Found", b"", "Location: /again"),
        FailureCode.HTTP_STATUS,
        Operation.HANDSHAKE,
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_behind_tls_has_its_name(case: str, tls: ssl.SSLContext) -> None:
    """Every way of answering wrongly is a named failure that keeps the phases before it."""
    script, code, operation = FAULTS[case]
    with server(script, tls) as port:
        # enough for ten redirects on a busy machine, except where waiting is the point
        slow = code in (FailureCode.NO_REPLY, FailureCode.TOO_SLOW, FailureCode.STALLED)
        options = {**(QUICK if slow else V4), "max_redirects": 2}
        result = measured("https", f"https://localhost:{port}/", options)
    assert result.failure is not None, result.values
    assert (result.failure.code, result.failure.operation) == (code, operation)
    assert {"v4_connect_seconds", "v4_tls_seconds"} <= set(result.values)
    assert "v4_total_seconds" not in result.values


def test_faults_before_there_is_tls(tls: ssl.SSLContext) -> None:
    """Refused, reset, no TLS, silence and a full queue: each its own name, in bounded time."""
    assert tls is not None
    refused = measured("https", f"https://127.0.0.1:{free_port()}/", V4)
    assert code_of(refused) is FailureCode.CONNECTION_REFUSED
    assert code_of(fetched(reset, None)) is FailureCode.CONNECTION_RESET
    assert code_of(fetched(silent, None, QUICK)) is FailureCode.HANDSHAKE_TIMEOUT

    def plain(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    no_tls = fetched(plain, None)
    assert code_of(no_tls) is FailureCode.TLS_FAILED
    assert no_tls.failure is not None
    closed = fetched(lambda _sock: None, None)
    assert code_of(closed) in (FailureCode.TLS_FAILED, FailureCode.CONNECTION_RESET)


def test_a_dead_name_is_named() -> None:
    """DNS that has no such name is DNS_FAILED, whichever versions were asked for."""
    for family in ("both", "auto", "4"):
        result = measured("https", "https://name.invalid/", {"family": family})
        assert code_of(result) is FailureCode.DNS_FAILED
        assert result.failure is not None
        assert result.failure.operation is Operation.RESOLVE


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp"])
@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_block_pages_are_recognised_in_any_encoding(status: str, encoding: str) -> None:
    """The words of filters in HTML, in each encoding used in Japan: INTERCEPTED, never a figure."""
    body = f"<html><body>{MARKERS[-1].upper()}</body></html>".encode(encoding)
    result = fetched(answer(status, body, HTML), None, {**V4, "allow_http": True}, scheme="http")
    assert code_of(result) is FailureCode.INTERCEPTED


def test_an_expected_text_unmasks_a_page_that_looks_fine(tls: ssl.SSLContext) -> None:
    """200 with other words is INTERCEPTED where the service's words were given."""
    page = answer("200 OK", PAGE, HTML)
    assert fetched(page, tls, {**V4, "expected_text": "hello"}).outcome is Outcome.OK
    other = fetched(page, tls, {**V4, "expected_text": "service desk"})
    assert code_of(other) is FailureCode.INTERCEPTED


def test_redirects_within_the_service_are_followed_and_counted(tls: ssl.SSLContext) -> None:
    """Phases stay those of the first request; bytes and time of all hops are in the total."""
    first = answer("302 Found", b"gone", "Location: /next")
    last = answer("200 OK", PAGE)
    turns = iter((first, last))

    def script(sock: socket.socket) -> None:
        next(turns)(sock)

    result = fetched(script, tls)
    assert result.outcome is Outcome.OK, result.failure
    assert result.values["v4_redirect_count"] == 1
    assert result.values["v4_body_bytes"] == len(PAGE) + len(b"gone")
    none = fetched(first, tls, {**V4, "max_redirects": 0})
    assert (none.outcome, none.values["v4_http_status"]) == (Outcome.OK, "302")


def test_a_body_is_fetched_up_to_its_cap(tls: ssl.SSLContext) -> None:
    """An endless body ends at the cap, is marked as cut, and is no failure."""

    def endless(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            sock.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")

    result = fetched(endless, tls, {**V4, "max_body_bytes": 100_000})
    assert result.outcome is Outcome.OK, result.failure
    assert result.values["v4_body_capped"] is True
    assert 100_000 <= result.values["v4_body_bytes"] < 300_000  # type: ignore[operator] # a number


def test_a_huge_head_is_refused(tls: ssl.SSLContext) -> None:
    """A head without end is a protocol error after 32 KiB, not a heap that grows."""

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            sock.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    assert code_of(fetched(script, tls)) is FailureCode.PROTOCOL_ERROR


def test_plain_http_only_when_allowed() -> None:
    """http:// is TARGET_INVALID unless the option says otherwise; then there is no TLS phase."""
    page = answer("200 OK", PAGE)
    assert code_of(fetched(page, None, V4, scheme="http")) is FailureCode.TARGET_INVALID
    result = fetched(page, None, {**V4, "allow_http": True}, scheme="http")
    assert result.outcome is Outcome.OK
    assert "v4_tls_seconds" not in result.values


def test_the_deadline_bounds_everything(tls: ssl.SSLContext) -> None:
    """A drip that would last for ten seconds ends with the measurement's deadline."""
    with server(_drip(BODY_HEAD), tls) as port:
        result = measured("https", f"https://localhost:{port}/", V4, deadline_seconds=0.7)
    assert code_of(result) is FailureCode.TOO_SLOW
    assert result.duration_seconds < 5
    assert result.values["v4_body_bytes"]


def test_a_page_on_the_internet_cannot_lead_into_the_local_network(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect from a public to a private address is a portal's: no second request is made."""
    hits: list[bytes] = []

    def script(sock: socket.socket) -> None:
        hits.append(read_head(sock))
        sock.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: /router\r\nContent-Length: 0\r\n\r\n",
        )

    verdicts = iter((True, False))
    monkeypatch.setattr("agent.web.fetch._is_global", lambda _address: next(verdicts))
    result = fetched(script, tls)
    assert code_of(result) is FailureCode.INTERCEPTED
    assert len(hits) == 1
