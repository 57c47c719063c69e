"""Locate: its answer becomes servers or a named failure; its tokens are told to nobody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engines.locate import check_status, parse_wss, read_servers
from agent.failure import MeasurementFailed
from wire.failure import FailureCode

TOKEN = "eyJhbGciOiJFZERTQSJ9.canary"  # looks like one


def entry(host: str = "ndt-mlab1.example", **changes: Any) -> dict[str, Any]:
    """One result of the API's documentation."""
    urls = {
        f"{scheme}:///ndt/v7/{test}": f"{scheme}://{host}/ndt/v7/{test}?access_token={TOKEN}"
        for scheme in ("ws", "wss")
        for test in ("download", "upload")
    }
    return {"machine": "mlab1.example", "urls": {**urls, **changes}}


def body(*entries: object) -> bytes:
    """A whole answer."""
    return json.dumps({"results": entries}).encode()


def test_servers_in_their_order() -> None:
    """The order of the answer is kept, at most four are taken, the port is 443 where none is."""
    found = read_servers(body(*(entry(f"h{number}.example") for number in range(6))))
    assert [server.host for server in found] == [f"h{number}.example" for number in range(4)]
    assert {server.port for server in found} == {443}
    assert found[0].machine == "mlab1.example"


def test_the_token_goes_to_the_server_only() -> None:
    """It is in the query of the upgrade, with our name, and in no printed form."""
    server = read_servers(body(entry()))[0]
    assert server.queries["upload"].startswith(f"access_token={TOKEN}&client_name=hakaru")
    assert "canary" not in repr(server)


BAD = {
    "nothing": (b"", FailureCode.PROTOCOL_ERROR),
    "no JSON": (b"<html>", FailureCode.PROTOCOL_ERROR),
    "a list": (b"[]", FailureCode.PROTOCOL_ERROR),
    "no results": (b'{"results": []}', FailureCode.NOT_ADMITTED),
    "empty": (b"{}", FailureCode.NOT_ADMITTED),
    "results are text": (b'{"results": "x"}', FailureCode.PROTOCOL_ERROR),
    "an error": (b'{"error": {"title": "No\\u001b"}}', FailureCode.PROTOCOL_ERROR),
    "deep": (b"[" * 50_000, FailureCode.PROTOCOL_ERROR),
    "only without TLS": (
        body({"urls": {"ws:///ndt/v7/download": "ws://h.example/ndt/v7/download"}}),
        FailureCode.PROTOCOL_ERROR,
    ),
    "another path": (
        body(entry(**{"wss:///ndt/v7/download": f"wss://h.example/evil?access_token={TOKEN}"})),
        FailureCode.PROTOCOL_ERROR,
    ),
    "two hosts": (
        body(entry(**{"wss:///ndt/v7/upload": f"wss://x.example/ndt/v7/upload?t={TOKEN}"})),
        FailureCode.PROTOCOL_ERROR,
    ),
    "no host": (
        body(entry(host=f"user:{TOKEN}@h.example")),
        FailureCode.PROTOCOL_ERROR,
    ),
    "header in the query": (
        body(entry(**{"wss:///ndt/v7/upload": f"wss://h/ndt/v7/upload?a={TOKEN}\r\nX: y"})),
        FailureCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize(("answer", "code"), BAD.values(), ids=BAD.keys())
def test_bad_answers_have_names(answer: bytes, code: FailureCode) -> None:
    """No server is a refusal for lack of room, everything else that is odd a protocol error."""
    with pytest.raises(MeasurementFailed) as refusal:
        read_servers(answer)
    assert refusal.value.failure.code is code
    assert refusal.value.failure.text.isprintable()
    assert "canary" not in refusal.value.failure.text


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (204, FailureCode.NOT_ADMITTED, "no server has room"),
        (429, FailureCode.HTTP_STATUS, "asked too often"),
        (500, FailureCode.HTTP_STATUS, "500"),
        (503, FailureCode.HTTP_STATUS, "again after 30 s"),
        (400, FailureCode.HTTP_STATUS, "refused"),
    ],
)
def test_statuses_have_names(status: int, code: FailureCode, words: str) -> None:
    """200 alone means success (ndt7)."""
    check_status(200, "")
    with pytest.raises(MeasurementFailed) as refusal:
        check_status(status, "30")
    assert refusal.value.failure.code is code
    assert words in refusal.value.failure.text


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(
    inner) | st.dictionaries(st.sampled_from(["results", "urls", "machine", "error",
    "wss:///ndt/v7/download", "wss:///ndt/v7/upload"]), inner), max_leaves=8))  # fmt: skip
def test_any_json_is_read_or_refused(answer: object) -> None:
    """Whatever an answer holds: servers or one kind of exception."""
    shown = ""
    try:
        read_servers(json.dumps(answer).encode())
    except MeasurementFailed as refusal:
        shown = refusal.failure.text
    assert not shown or shown.isprintable()


@pytest.mark.parametrize(
    "target", ["ws://h", "wss:/h", "wss://", "wss://u@h", "h:443", "wss://h h"]
)
def test_targets_that_are_no_server(target: str) -> None:
    """Only wss://HOST[:PORT] names a server; user information and other schemes do not."""
    with pytest.raises(MeasurementFailed) as refusal:
        parse_wss(target)
    assert refusal.value.failure.code is FailureCode.TARGET_INVALID
