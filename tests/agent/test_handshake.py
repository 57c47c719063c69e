"""The upgrade to ndt7 over WebSocket, both sides, without a socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.failure import MeasurementFailed
from agent.throughput.handshake import (
    MAX_HEAD_BYTES,
    SUBPROTOCOL,
    ClientHandshake,
    Rejected,
    ServerHandshake,
    Upgrade,
    Upgraded,
    accept_key,
    refuse,
)
from wire.failure import Failure, FailureCode, Operation

KEY = b"the sample nonce"
KEY_TEXT = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD_ANSWER = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Protocol": SUBPROTOCOL,
}
GOOD_REQUEST = {
    "Host": "responder.example:4443",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY_TEXT,
    "Sec-WebSocket-Protocol": SUBPROTOCOL,
}


def client() -> ClientHandshake:
    """A client whose key is the one of the RFC's example."""
    handshake = ClientHandshake("responder.example:4443", "/ndt/v7/download", KEY, "test/1")
    handshake.request()
    return handshake


def head(first: str, headers: dict[str, str | None]) -> bytes:
    """A message head; a header of value None is left out."""
    lines = [first, *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def refusal_of(*pieces: bytes) -> Failure | None:
    """What a client makes of an answer that comes in pieces."""
    handshake = client()
    try:
        for piece in pieces:
            handshake.receive(piece)
    except MeasurementFailed as error:
        return error.failure
    return None


def _answer_to(request: bytes) -> bytes:
    try:
        upgrade = ServerHandshake().receive(request)
    except Rejected as error:
        return error.response
    return b"" if upgrade is None else upgrade.response


def test_key_of_the_rfc() -> None:
    """RFC 6455 section 1.3 gives this pair of key and answer."""
    assert accept_key(KEY_TEXT) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_both_sides_agree() -> None:
    """Our client's request gets an answer from our server that our client takes."""
    handshake = ClientHandshake("[2001:db8::1]:4443", "/ndt/v7/upload", KEY, "test/1")
    found = ServerHandshake().receive(handshake.request() + b"first frame")
    assert isinstance(found, Upgrade)
    assert (found.test, found.early) == ("upload", b"first frame")
    assert found.headers["host"] == "[2001:db8::1]:4443"
    assert handshake.receive(found.response + b"\x81\x00") == Upgraded(b"\x81\x00")


def test_an_answer_in_any_pieces() -> None:
    """Byte by byte, and after a 100 or 103, the answer is the same."""
    answer = head("HTTP/1.1 103 Early Hints", {}) + head("HTTP/1.1 101 Ok", {**GOOD_ANSWER})
    handshake = client()
    found = [handshake.receive(answer[at : at + 1]) for at in range(len(answer))]
    assert found[-1] == Upgraded(b"")
    assert found[:-1] == [None] * (len(answer) - 1)


ANSWERS = {
    "no upgrade header": ({"Upgrade": None}, FailureCode.PROTOCOL_ERROR, "without"),
    "no connection header": ({"Connection": "close"}, FailureCode.PROTOCOL_ERROR, "without"),
    "wrong key": ({"Sec-WebSocket-Accept": "AAAA"}, FailureCode.PROTOCOL_ERROR, "not ours"),
    "no key": ({"Sec-WebSocket-Accept": None}, FailureCode.PROTOCOL_ERROR, "not ours"),
    "another subprotocol": (
        {"Sec-WebSocket-Protocol": "chat"},
        FailureCode.WRONG_SUBPROTOCOL,
        "found chat",
    ),
    "no subprotocol": (
        {"Sec-WebSocket-Protocol": None},
        FailureCode.WRONG_SUBPROTOCOL,
        "found none",
    ),
    "an extension": (
        {"Sec-WebSocket-Extensions": "permessage-deflate"},
        FailureCode.PROTOCOL_ERROR,
        "extension",
    ),
}


@pytest.mark.parametrize(("change", "code", "text"), ANSWERS.values(), ids=ANSWERS.keys())
def test_a_wrong_101(change: dict[str, str | None], code: FailureCode, text: str) -> None:
    """Each wrong upgrade is named for what is wrong with it."""
    with pytest.raises(MeasurementFailed, match=text) as raised:
        client().receive(head("HTTP/1.1 101 Switching Protocols", {**GOOD_ANSWER, **change}))
    assert raised.value.failure.code is code
    assert raised.value.failure.operation is Operation.HANDSHAKE


HTML = {"Content-Type": "text/html; charset=utf-8", "Content-Length": "0"}
PLAIN = {"Content-Type": "text/plain", "Content-Length": "0"}
STATUSES = {
    "block page": ("200 OK", HTML, FailureCode.INTERCEPTED),
    "200 without a type": ("200 OK", {"Content-Length": "0"}, FailureCode.INTERCEPTED),
    "login page": ("302 Found", {**PLAIN, "Location": "http://x/"}, FailureCode.INTERCEPTED),
    "network login": ("511 Network Authentication Required", PLAIN, FailureCode.INTERCEPTED),
    "proxy password": ("407 Proxy Authentication Required", PLAIN, FailureCode.INTERCEPTED),
    "filter": ("403 Forbidden", HTML, FailureCode.INTERCEPTED),
    "forbidden": ("403 Forbidden", PLAIN, FailureCode.HTTP_STATUS),
    "not found": ("404 Not Found", PLAIN, FailureCode.HTTP_STATUS),
    "broken": ("502 Bad Gateway", PLAIN, FailureCode.HTTP_STATUS),
    "ours": ("403 Forbidden", {**PLAIN, "Hakaru-Refusal": "no token"}, FailureCode.NOT_ADMITTED),
    "ours, busy": ("503 Busy", {**HTML, "Hakaru-Refusal": "busy"}, FailureCode.NOT_ADMITTED),
}


@pytest.mark.parametrize(("status", "headers", "code"), STATUSES.values(), ids=STATUSES.keys())
def test_other_answers(status: str, headers: dict[str, str | None], code: FailureCode) -> None:
    """Whoever answers instead of the responder is named; the status stands in the text."""
    with pytest.raises(MeasurementFailed) as raised:
        client().receive(head(f"HTTP/1.1 {status}", headers))
    failure = raised.value.failure
    assert (failure.code, failure.operation) == (code, Operation.HANDSHAKE)
    assert status[:3] in failure.text or code is FailureCode.NOT_ADMITTED


def test_a_login_page_may_name_a_device() -> None:
    """What stands in the query of a redirect (a device, a user) is not kept."""
    where = "http://login.example/start?mac=00:00:5e:00:53:01&user=taro#00:00:5e:00:53:01"
    with pytest.raises(MeasurementFailed, match=r"http://login\.example/start") as raised:
        client().receive(head("HTTP/1.1 302 Found", {"Location": where, "Content-Length": "0"}))
    assert "00:53" not in raised.value.failure.text
    assert "taro" not in raised.value.failure.text


def test_words_of_strangers_are_inert() -> None:
    """Control characters, also the 8-bit ones that some terminals obey, do not come through."""
    answer = {"Hakaru-Refusal": "\x9b31mred\xff", "Content-Length": "0"}
    with pytest.raises(MeasurementFailed) as raised:
        client().receive(head("HTTP/1.1 403 Forbidden", {**answer}))
    assert raised.value.failure.text == "?31mred?"


@pytest.mark.parametrize(
    "raw", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n"]
)
def test_no_http(raw: bytes) -> None:
    """Another protocol behind the port is a protocol error."""
    with pytest.raises(MeasurementFailed) as raised:
        client().receive(raw)
    assert raised.value.failure.code is FailureCode.PROTOCOL_ERROR


def test_a_head_without_end() -> None:
    """An endless answer is refused at a bound, not collected."""
    pieces = [b"HTTP/1.1 200 OK\r\nA: ", *([b"a" * 1000] * (2 * MAX_HEAD_BYTES // 1000))]
    failure = refusal_of(*pieces)
    assert failure is not None
    assert failure.code is FailureCode.PROTOCOL_ERROR


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 101 Swit"])
def test_closed_before_an_answer(raw: bytes) -> None:
    """End of file before or inside the head is an early close."""
    failure = refusal_of(*([raw] if raw else []), b"")
    assert failure is not None
    assert failure.code is FailureCode.EARLY_CLOSE


@given(st.binary(max_size=400))
def test_any_answer_is_named(raw: bytes) -> None:
    """No answer at all raises anything but a named failure."""
    failure = refusal_of(*([raw] if raw else []), b"")
    assert failure is not None
    assert failure.operation is Operation.HANDSHAKE


REQUESTS = {
    "another path": ("GET /ndt/v5/download HTTP/1.1", {}, 404),
    "POST": ("POST /ndt/v7/download HTTP/1.1", {}, 426),
    "old HTTP": ("GET /ndt/v7/download HTTP/1.0", {}, 505),
    "no upgrade": ("GET /ndt/v7/download HTTP/1.1", {"Upgrade": None}, 426),
    "no connection": ("GET /ndt/v7/download HTTP/1.1", {"Connection": "keep-alive"}, 426),
    "old version": ("GET /ndt/v7/download HTTP/1.1", {"Sec-WebSocket-Version": "8"}, 426),
    "subprotocol": ("GET /ndt/v7/download HTTP/1.1", {"Sec-WebSocket-Protocol": "chat"}, 400),
    "no subprotocol": ("GET /ndt/v7/download HTTP/1.1", {"Sec-WebSocket-Protocol": None}, 400),
    "short key": ("GET /ndt/v7/download HTTP/1.1", {"Sec-WebSocket-Key": "AAAA"}, 400),
    "no base64": ("GET /ndt/v7/download HTTP/1.1", {"Sec-WebSocket-Key": "=" * 24}, 400),
    "no host": ("GET /ndt/v7/download HTTP/1.1", {"Host": None}, 400),
    "long query": (f"GET /ndt/v7/download?{'a' * 5000} HTTP/1.1", {}, 414),
}


@pytest.mark.parametrize(("first", "change", "status"), REQUESTS.values(), ids=REQUESTS.keys())
def test_rejected_requests(first: str, change: dict[str, str | None], status: int) -> None:
    """Each wrong request gets its status, a short JSON reason and a closed connection."""
    with pytest.raises(Rejected) as raised:
        ServerHandshake().receive(head(first, {**GOOD_REQUEST, **change}))
    answer_head, _, body = raised.value.response.partition(b"\r\n\r\n")
    assert answer_head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close" in answer_head
    assert json.loads(body)["error"]
    assert len(raised.value.response) < 1000


def test_a_list_of_subprotocols_and_a_query() -> None:
    """Others offer several subprotocols, in one header or two, and send their metadata."""
    request = head("GET /ndt/v7/upload?client_name=x HTTP/1.1", {**GOOD_REQUEST})
    request = request.replace(
        b"Sec-WebSocket-Protocol: ", b"Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: "
    )
    found = ServerHandshake().receive(request)
    assert found is not None
    assert (found.test, found.query) == ("upload", "client_name=x")


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=60).map(
            lambda raw: (
                b"GET /ndt/v7/download HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                + raw
                + b"\r\n\r\n"
            )
        ),
    )
)
def test_any_request_is_answered(raw: bytes) -> None:
    """No request raises anything but Rejected, and its answer stays under 1 KB."""
    assert len(_answer_to(raw)) < 1000


def test_a_refusal_is_told_apart_from_a_block_page() -> None:
    """The reason of our responder arrives at our client word for word."""
    with pytest.raises(MeasurementFailed, match="busy: 64 flows") as raised:
        client().receive(refuse(503, "busy: 64 flows are running", refusal=True))
    assert raised.value.failure.code is FailureCode.NOT_ADMITTED
