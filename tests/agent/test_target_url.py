"""URLs as targets: what is taken, what is refused, where a redirect leads."""

import pytest

from agent.failure import MeasurementFailed
from agent.target_url import parse_location, parse_url
from wire.failure import FailureCode

TAKEN = {
    "https://example.jp": ("https", "example.jp", 443, "/"),
    "HTTPS://Example.JP:8443/a/b?c=d&e=%20": ("https", "example.jp", 8443, "/a/b?c=d&e=%20"),
    "https://[2001:db8::1]/": ("https", "2001:db8::1", 443, "/"),
    "https://192.0.2.1?x": ("https", "192.0.2.1", 443, "/?x"),
    "https://example.jp/a@b": ("https", "example.jp", 443, "/a@b"),
}
REFUSED = (
    "",
    "example.jp",
    "http://example.jp/",
    "ftp://example.jp/",
    "file:///etc/passwd",
    "https://",
    "https:///path",
    "https://user@example.jp/",
    "https://user:secret@example.jp/",
    "https://example.jp\\@evil.example/",
    "https://example.jp#fragment",
    "https://example.jp/a b",
    "https://example.jp/\r\nX-Injected: 1",
    "https://example.jp/\x00",
    "https://example.jp/%zz",
    "https://exa mple.jp/",
    "https://例え.jp/",
    "https://example.jp:0/",
    "https://example.jp:65536/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://-f/",
    "https://$(id)/",
    "https://example.jp/" + "a" * 255,
)


@pytest.mark.parametrize(("text", "expected"), TAKEN.items())
def test_plain_urls_are_taken(text: str, expected: tuple[str, str, int, str]) -> None:
    """Scheme and host in lower case, the usual port filled in, the path as it was."""
    url = parse_url(text)
    assert (url.scheme, url.host, url.port, url.path) == expected


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused_by_name(text: str) -> None:
    """User information, control characters, odd hosts and other schemes never reach a socket."""
    with pytest.raises(MeasurementFailed) as caught:
        parse_url(text)
    assert caught.value.failure.code is FailureCode.TARGET_INVALID
    assert "allowed is" in caught.value.failure.text


def test_a_password_is_not_repeated() -> None:
    """The refusal of a URL with credentials does not carry them into a record or a log."""
    with pytest.raises(MeasurementFailed) as caught:
        parse_url("https://user:topsecret@example.jp/")
    assert "topsecret" not in caught.value.failure.text
    assert "user" not in caught.value.failure.text.partition("allowed")[0]


def test_plain_http_only_where_it_is_allowed() -> None:
    """http:// is taken only when asked for, and then has port 80."""
    assert parse_url("http://example.jp/", http_allowed=True).port == 80


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/next", "https://example.jp/next"),
        ("next?x", "https://example.jp/a/next?x"),
        ("//www.example.jp/", "https://www.example.jp/"),
        ("https://other.example:8443/x#frag", "https://other.example:8443/x"),
        ("http://example.jp/", "http://example.jp/"),
        ("/caf\xe9", "https://example.jp/caf%C3%A9"),
    ],
)
def test_redirects_are_resolved(location: str, expected: str) -> None:
    """Relative and absolute locations lead where a browser would go, without the fragment."""
    assert str(parse_location(parse_url("https://example.jp/a/b"), location)) == expected


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "https://user@example.jp/", "https://[bad/", "ftp://a.b/"]
)
def test_redirects_to_nowhere_are_refused(location: str) -> None:
    """A location that is no URL to fetch is a fault of the far end's protocol."""
    with pytest.raises(MeasurementFailed) as caught:
        parse_location(parse_url("https://example.jp/"), location)
    assert caught.value.failure.code is FailureCode.PROTOCOL_ERROR
