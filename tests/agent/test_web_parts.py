"""Parts of the https probe without a socket: block pages, certificates."""

import hashlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.failure import MeasurementFailed
from agent.target_url import parse_url
from agent.web.blocked import MARKERS, Rules, find_marker, same_service, why_blocked
from agent.web.certificate import MAX_NAME_CHARACTERS, Unreadable, read_certificate
from agent.web.http import Exchange
from agent.web.tls import Shown, issued_as_expected
from tests.agent.scripted import Authority

SERVICE = parse_url("https://www.service.example/")
LEAF = Authority("Reading Authority")


def answered(head: str, body: bytes = b"") -> Exchange:
    """An exchange that has received this."""
    exchange = Exchange(SERVICE)
    exchange.request()
    exchange.receive(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    return exchange


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc_jp"])
@pytest.mark.parametrize("marker", MARKERS)
def test_every_marker_is_found_in_every_encoding(marker: str, encoding: str) -> None:
    """A filter's words count whatever their case and encoding, anywhere near the beginning."""
    page = b" " * 5_000 + marker.upper().encode(encoding)
    assert find_marker(page) is not None


def test_ordinary_pages_hold_no_marker() -> None:
    """Words such as blocked, filter and restricted alone do not make a block page."""
    page = "<html>ad blocker, web filter, アクセス、制限、ブロック、フィルタリング</html>"
    assert find_marker(page.encode()) is None


def test_a_marker_counts_only_in_html() -> None:
    """A text file that speaks of filters is no block page."""
    marker = MARKERS[0].encode()
    length = f"Content-Length: {len(marker)}"
    text = answered(f"HTTP/1.1 200 OK\nContent-Type: text/plain\n{length}", marker)
    html = answered(f"HTTP/1.1 200 OK\nContent-Type: text/html\n{length}", marker)
    assert why_blocked(SERVICE, text, Rules()) is None
    assert why_blocked(SERVICE, html, Rules()) is not None


@pytest.mark.parametrize(
    ("host", "same"),
    [
        ("www.service.example", True),
        ("service.example", True),
        ("a.www.service.example", True),
        ("login.partner.example", True),
        ("example", False),
        ("evilservice.example", False),
        ("evilwww.service.example", False),
        ("service.example.portal.test", False),
        ("192.0.2.1", False),
    ],
)
def test_which_hosts_belong_to_the_service(host: str, same: bool) -> None:
    """Parents, children and hosts allowed by name belong to it; look-alikes do not."""
    assert same_service("www.service.example", host, ["login.partner.example"]) is same
    head = f"HTTP/1.1 302 Found\nContent-Length: 0\nLocation: https://{host}/"
    blocked = why_blocked(SERVICE, answered(head), Rules(allowed_hosts=["login.partner.example"]))
    assert (blocked is None) is same


def test_names_of_a_certificate_are_those_that_ssl_reads() -> None:
    """Issuer and fingerprint of a real certificate; the subject's hash depends on the subject."""
    der = ssl.PEM_cert_to_DER_cert(LEAF.leaf_pem("one.example").decode())
    other = ssl.PEM_cert_to_DER_cert(LEAF.leaf_pem("two.example").decode())
    read = read_certificate(der)
    assert "O=Reading Authority" in read.issuer
    assert "OU=tests" in read.issuer
    assert read.subject.startswith("O=trustme")
    assert read.sha256 == hashlib.sha256(der).hexdigest()
    assert read.subject_sha256 != read_certificate(other).subject_sha256
    shown = Shown(read, "CN=Root", "TLSv1.3")
    assert issued_as_expected(shown, "nobody | reading AUTHORITY")
    assert issued_as_expected(shown, "cn=root")
    assert not issued_as_expected(shown, "nobody|")
    assert not issued_as_expected(None, "reading")


def test_a_hostile_name_cannot_carry_control_characters_or_length() -> None:
    """What a stranger put into its name is printable and short when it is kept."""
    der = ssl.PEM_cert_to_DER_cert(
        Authority("evil\x1b[31m\u202e<script>" + "x" * 40).leaf_pem("a.example").decode()
    )
    issuer = read_certificate(der).issuer
    assert issuer.isprintable()
    assert len(issuer) <= MAX_NAME_CHARACTERS


@given(st.data())
def test_a_damaged_certificate_is_unreadable_or_read(data: st.DataObject) -> None:
    """Cut anywhere and with bytes changed, a certificate is refused by one exception only."""
    der = bytearray(ssl.PEM_cert_to_DER_cert(PEM))
    for _ in range(data.draw(st.integers(0, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    try:
        read_certificate(bytes(der[:cut]))
    except Unreadable:
        return


PEM = LEAF.leaf_pem("damaged.example").decode()


@given(st.binary(max_size=400))
def test_any_bytes_as_an_answer_end_in_a_named_failure_or_an_answer(data: bytes) -> None:
    """Whatever a stranger sends, reading it raises nothing but a named failure."""
    exchange = Exchange(SERVICE)
    exchange.request()
    try:
        exchange.receive(data)
        exchange.receive(b"")
    except MeasurementFailed as error:
        assert error.failure.text  # noqa: PT017 - either way is allowed
