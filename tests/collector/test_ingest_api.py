"""``POST /v1/measurements`` over a real server: what is taken, refused, set apart, and how."""

import asyncio
import gzip
import json
import random
import socket
import tracemalloc
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from collector.api import body as body_module
from collector.api.auth import require_private
from collector.api.batch import split_batch
from collector.api.ingest import Ingest, sort_out
from collector.api.refusal import Refusal
from collector.clock import SystemClock
from collector.metrics import Metrics
from collector.store.interface import Agent, StoreBusy, StoreFailed, StoreFull
from tests.collector.conftest import everything_in
from wire.codec import encode
from wire.messages import (
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    MAX_BODY_BYTES,
    decode_acknowledgement,
    encode_batch,
)

NIL = "00000000-0000-0000-0000-000000000000"


def _records(make: Any, agent_id: str, count: int) -> list[bytes]:
    return [encode(make.record(agent_id, seq=seq)) for seq in range(1, count + 1)]


def _id(raw: bytes) -> str:
    found = json.loads(raw)["result_id"]
    assert isinstance(found, str)
    return found


def test_a_batch_is_stored_and_every_result_named(serving: Any, make: Any) -> None:
    """The reply names all ids in order; the bytes are stored as they came."""
    records = _records(make, serving.agent_id, 50)
    reply = serving.post(gzip.compress(encode_batch(records)), **{"Content-Encoding": "gzip"})
    assert reply.status_code == 200
    acknowledgement = decode_acknowledgement(reply.content)
    assert acknowledgement.committed == tuple(_id(raw) for raw in records)
    assert acknowledgement.quarantined == ()
    stored = serving.store.latest_results("A1", limit=100)
    assert {item.record for item in stored} == set(records)


def test_unknown_fields_survive(serving: Any, make: Any) -> None:
    """A field of a later minor release comes out of the database as it went in."""
    raw = encode(make.record(serving.agent_id, extra={"later": {"a": [1, 2]}}))
    assert serving.post(encode_batch([raw])).status_code == 200
    (stored,) = serving.store.latest_results("A1", limit=9)
    assert json.loads(stored.record)["later"] == {"a": [1, 2]}


KEYS = b",".join(b'"k%d":1' % number for number in range(99_999))
BAD = {
    "missing field": b'{"result_id": "%s"}',
    "NaN": b'{"result_id":"%s","values":{"download_bps":NaN}}',
    "infinity": b'{"result_id":"%s","values":{"download_bps":1e999}}',
    "cut string": b'{"result_id":"%s","note":"\\u12"}',
    "NUL": b'{"result_id":"%s","note":"\x00"}',
    "lone surrogate": b'{"result_id":"%s","note":"\\ud800"}',
    "not UTF-8": b'{"result_id":"%s","note":"\xff"}',
    "100,000 deep": b'{"result_id":"%s","note":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "key twice": b'{"result_id":"%s","seq":1,"seq":2}',
    "a million keys": b'{"result_id":"%s",'
    + b",".join(b'"k%d":1' % n for n in range(99_999))
    + b"}",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_one_bad_record_spoils_nothing_else(serving: Any, make: Any, bad: bytes) -> None:
    """It is set apart with a reason and named; the other two are stored."""
    records = _records(make, serving.agent_id, 2)
    bad_id = make.uuid()
    text = encode_batch([records[0], bad.replace(b"%s", bad_id.encode()), records[1]])
    reply = serving.post(text)
    assert reply.status_code == 200
    acknowledgement = decode_acknowledgement(reply.content)
    assert acknowledgement.committed == tuple(_id(raw) for raw in records)
    assert [item.result_id for item in acknowledgement.quarantined] == [bad_id]
    assert acknowledgement.quarantined[0].reason
    assert serving.store.counts()["quarantine"] == 1


def test_a_bad_record_in_every_position_of_a_hundred(make: Any) -> None:
    """Whichever of 100 is bad: 99 rows, 1 set apart and named by its id."""
    agent = Agent(
        agent_id="5ad9503e-0000-4000-8000-000000000001",
        school_code="A1",
        enrolled_at=make.record(NIL).started_at,
        last_seen_at=None,
        agent_version=None,
    )
    good = _records(make, agent.agent_id, 100)
    for position in range(100):
        records = list(good)
        records[position] = good[position].replace(b'"outcome":"ok"', b'"outcome":NaN')
        found = sort_out(encode_batch(records), "", agent)
        expected = [_id(raw) for index, raw in enumerate(good) if index != position]
        assert [row.result_id for row in found.rows] == expected
        assert [row.result_id for row in found.quarantine] == [_id(good[position])]


@pytest.mark.parametrize("sender", [NIL, "5ad9503e-0000-4000-8000-0000000000ff"])
def test_records_of_others_are_set_apart(serving: Any, make: Any, sender: str) -> None:
    """An agent delivers for itself only, not for another and not for nobody."""
    reply = serving.post(encode_batch(_records(make, sender, 1)))
    (quarantined,) = decode_acknowledgement(reply.content).quarantined
    assert quarantined.reason == (
        f'agent_id: found "{sender}", allowed is the sender\'s own, {serving.agent_id}'
    )
    assert serving.store.counts()["result"] == 0


def test_formats_n_and_n_minus_1_are_taken_and_others_get_advice(serving: Any, make: Any) -> None:
    """0 and 1 are stored, 2 is set apart: upgrade the collector."""
    for number, advice in ((0, None), (1, None), (2, "upgrade the collector")):
        raw = encode(make.record(serving.agent_id, schema_version=number))
        acknowledgement = decode_acknowledgement(serving.post(encode_batch([raw])).content)
        assert len(acknowledgement.committed) == (advice is None)
        assert all(advice in item.reason for item in acknowledgement.quarantined)


def test_a_result_twice_in_a_batch_or_sent_again_is_one(serving: Any, make: Any) -> None:
    """It is named once in each reply and stored once."""
    (raw,) = _records(make, serving.agent_id, 1)
    for _ in range(3):
        reply = serving.post(encode_batch([raw, raw]))
        assert decode_acknowledgement(reply.content).committed == (_id(raw),)
    assert serving.store.counts()["result"] == 1


def test_an_empty_batch_is_a_sign_of_life(serving: Any) -> None:
    """Nothing to deliver, but the agent was heard."""
    assert serving.store.agents()[0].last_seen_at is None
    reply = serving.post(b'{"measurements":[]}').json()
    assert (reply["committed"], reply["quarantined"]) == ([], [])
    assert serving.store.agents()[0].last_seen_at is not None


NO_BATCH = {
    "nothing": (b"", "no batch"),
    "no JSON": (b"hello", "no batch"),
    "a list": (b"[]", "Expected `object`"),
    "no list": (b'{"measurements":{}}', "Expected `array`"),
    "another key": (b'{"results":[]}', "missing required field `measurements`"),
    "cut off": (b'{"measurements":[{"a":1}', "no batch"),
    "more after it": (b'{"measurements":[]}{}', "no batch"),
    "the list twice": (b'{"measurements":[],"measurements":[]}', "measurements stands twice"),
    "100,000 deep": (b"[" * 100_000, "no batch"),
    "not UTF-8": (b"\xff\xfe", "no batch"),
}


@pytest.mark.parametrize(("content", "message"), NO_BATCH.values(), ids=NO_BATCH)
def test_what_is_no_batch_is_refused_as_a_whole(serving: Any, content: bytes, message: str) -> None:
    """400 with what is wrong and what a batch looks like; nothing is set apart."""
    reply = serving.post(content)
    assert reply.status_code == 400
    assert message in reply.json()["detail"]
    assert serving.store.counts()["quarantine"] == 0


def test_bodies_are_bounded_as_sent_and_after_decompression(serving: Any, make: Any) -> None:
    """413 for a body, a text or a count beyond the limit; a bomb is not unpacked."""
    gzipped = {"Content-Encoding": "gzip"}
    assert serving.post(b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    bomb = gzip.compress(b" " * (MAX_BATCH_BYTES + 1))
    assert serving.post(bomb, **gzipped).status_code == 413
    many = encode_batch([b"{}"] * (MAX_BATCH_RECORDS + 1))
    refused = serving.post(many)
    assert refused.status_code == 413
    assert "at most 1000" in refused.json()["detail"]
    assert serving.post(encode_batch(_records(make, serving.agent_id, 1))).status_code == 200


def test_a_bomb_takes_no_more_memory_than_the_limit() -> None:
    """One GiB in a megabyte: decompression stops at the limit."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    assert len(bomb) < MAX_BODY_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="too large"):
            body_module.decompress(bomb, "gzip", MAX_BATCH_BYTES)
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_BATCH_BYTES
    finally:
        tracemalloc.stop()


def test_a_chunked_body_without_length_is_bounded_too(serving: Any) -> None:
    """The limit counts what comes, not what was announced."""
    reply = serving.client.post(
        "/v1/measurements",
        content=(b" " * 65_536 for _ in range(MAX_BODY_BYTES // 65_536 + 2)),
        headers=serving.headers(),
    )
    assert reply.status_code == 413


@pytest.mark.parametrize(
    ("encoding", "content", "status"),
    [
        ("br", b"x", 415),
        ("gzip, gzip", b"x", 415),
        ("gzip", b"no gzip", 400),
        ("gzip", gzip.compress(b'{"measurements":[]}', mtime=0)[:-4], 400),
        ("gzip", gzip.compress(b'{"measurements":[]}', mtime=0) + b"more", 400),
        ("GZIP", gzip.compress(b'{"measurements":[]}', mtime=0), 200),
        ("identity", b'{"measurements":[]}', 200),
    ],
)
def test_content_encodings(serving: Any, encoding: str, content: bytes, status: int) -> None:
    """Gzip or nothing; cut off or trailed by something it is refused."""
    reply = serving.post(content, **{"Content-Encoding": encoding})
    assert reply.status_code == status
    assert status == 200 or reply.json()["detail"]


def test_who_may_deliver(serving: Any, make: Any) -> None:
    """401 without a known token, with the challenge; 403 once revoked; nothing is stored."""
    content = encode_batch(_records(make, serving.agent_id, 1))
    for header in (None, "Bearer wrong-token-0123456789", "Basic abc", "Bearer", "Bearer é" * 9):
        headers = [] if header is None else [(b"Authorization", header.encode())]
        reply = serving.client.post("/v1/measurements", content=content, headers=headers)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert serving.store.revoke_agent(serving.agent_id, make.record(NIL).started_at)
    assert serving.post(content).status_code == 403
    assert serving.store.counts()["result"] == 0


class _Refusing:
    """A store whose commits fail as told; everything else is the real one."""

    def __init__(self, store: Any, error: Exception, *, at_once: bool) -> None:
        self._store, self._error, self._at_once = store, error, at_once

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def submit(self, _batch: Any) -> "Future[None]":
        if self._at_once:
            raise self._error
        future: Future[None] = Future()
        future.set_exception(self._error)
        return future


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("error", "status"), [(StoreBusy("x"), 503), (StoreFull("x"), 507), (StoreFailed("x"), 503)]
)
def test_what_is_not_committed_is_never_acknowledged(
    serving: Any, make: Any, error: Exception, status: int, at_once: bool
) -> None:
    """Busy 503, full 507, failed 503; with Retry-After where waiting helps."""
    app = Starlette()
    route = Ingest(
        _Refusing(serving.store, error, at_once=at_once), SystemClock(), Metrics(lambda: 0)
    )
    app.add_route("/v1/measurements", route.take, methods=["POST"])
    content = encode_batch(_records(make, serving.agent_id, 1))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
            return await client.post("/v1/measurements", content=content, headers=serving.headers())

    reply = asyncio.run(ask())
    assert reply.status_code == status
    assert ("retry-after" in reply.headers) == (status == 503)


def test_secrets_over_plain_http_from_elsewhere_are_refused() -> None:
    """From another machine TLS is needed; in a lab, or behind a named proxy that says https."""

    def came(peer: str, scheme: str) -> Request:
        return Request(
            {
                "type": "http",
                "scheme": scheme,
                "client": (peer, 5),
                "server": ("c", 80),
                "path": "/",
                "query_string": b"",
                "headers": [],
            }
        )

    for peer in ("192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "not an address"):
        with pytest.raises(Refusal, match="TLS") as refused:
            require_private(came(peer, "http"), insecure_lab=False)
        assert refused.value.status_code == 426  # 403 would tell the agent to stop
        assert refused.value.headers == {"Upgrade": "TLS/1.2", "Connection": "Upgrade"}
        require_private(came(peer, "https"), insecure_lab=False)
        require_private(came(peer, "http"), insecure_lab=True)
    for peer in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        require_private(came(peer, "http"), insecure_lab=False)


def test_forwarded_headers_of_strangers_are_not_believed(serving: Any) -> None:
    """Without --behind-tls-proxy nobody becomes loopback or https by saying so."""
    reply = serving.post(
        b'{"measurements":[]}', **{"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    )
    assert reply.status_code == 200
    assert "strict-transport-security" not in reply.headers


def test_headers_without_end_are_cut_off(serving: Any) -> None:
    """A connection that sends headers for ever is closed, and others are served on."""
    host, port = serving.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        closed = False
        for _ in range(20_000):
            try:
                connection.sendall(b"x" * 1024)
            except OSError:  # reset or broken pipe, as the kernel likes
                closed = True
                break
    assert closed
    assert serving.client.get("/healthz").status_code == 200


def test_a_batch_in_any_layout_is_cut_as_json_says() -> None:
    """Blanks, other keys, brackets and commas inside strings move no border."""
    tricky = {"measurements": [{"a": ',]}"\\'}, [], {}, {"b": [1, {"c": "]"}]}], "more": [1, 2]}
    text = json.dumps(tricky, indent=3).encode()
    assert [json.loads(raw) for raw in split_batch(text)] == tricky["measurements"]


def test_ingest_is_counted(serving: Any, make: Any) -> None:
    """Stored, set apart and refused batches are told apart on /metrics."""
    serving.post(encode_batch([*_records(make, serving.agent_id, 3), b"{}"]))
    serving.post(b"hello")
    text = serving.client.get("/metrics").text
    assert "hakaru_ingest_committed_total 3.0" in text
    assert "hakaru_ingest_quarantined_total 1.0" in text
    assert 'hakaru_ingest_refused_total{reason="no_batch"} 1.0' in text
    assert "hakaru_ingest_request_seconds_count 2.0" in text


def test_the_database_never_sees_a_token(serving: Any, make: Any) -> None:
    """Only hashes of secrets are in any table."""
    serving.post(encode_batch(_records(make, serving.agent_id, 1)))
    dump = everything_in(serving.store)
    assert serving.token not in dump
    assert serving.agent_id in dump


def test_doubled_and_reordered_requests_leave_the_same_table(serving: Any, make: Any) -> None:
    """Each batch three times, in random order, from eight clients at once: every result once."""
    batches = [_records(make, serving.agent_id, 10) for _ in range(20)]
    requests = [encode_batch(batch) for batch in batches] * 3
    random.Random(3).shuffle(requests)
    with ThreadPoolExecutor(8) as pool:
        statuses = {reply.status_code for reply in pool.map(serving.post, requests)}
    assert statuses == {200}
    stored = [item.record for item in serving.store.latest_results("A1", limit=1000)]
    assert sorted(stored) == sorted(raw for batch in batches for raw in batch)
