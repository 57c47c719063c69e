"""Batches made to keep the collector busy: what they cost, and that it goes on meanwhile."""

import asyncio
import gzip
import threading
import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from collector.api.batch import split_batch
from collector.api.ingest import Ingest, sort_out
from collector.api.refusal import Refusal
from collector.clock import SystemClock
from collector.metrics import Metrics
from collector.store.interface import Agent
from wire.messages import encode_batch


def test_a_string_without_end_is_read_once() -> None:
    """Of a string of quotes each could begin another one: not tried up to the end each time."""
    text = b'{"measurements":["' + b'\\"' * 30_000
    began = time.process_time()
    with pytest.raises(Refusal, match="no batch"):
        split_batch(text)
    assert time.process_time() - began < 3
    lone = b'{"measurements":[{"a":1},{"b":"x\\"}]}'
    assert split_batch(lone) == [b'{"a":1}', b'{"b":"x\\"}']


@pytest.mark.parametrize(("count", "beside"), [(2, False), (200_000, True)])
def test_what_unpacks_to_much_is_not_read_in_the_loop(
    serving: Any, monkeypatch: pytest.MonkeyPatch, count: int, *, beside: bool
) -> None:
    """A kilobyte of gzip that is a large text is read in a thread, a small batch at once."""
    places: list[bool] = []

    def noting(body: bytes, encoding: str, agent: Agent) -> Any:
        places.append(threading.current_thread() is not threading.main_thread())
        return sort_out(body, encoding, agent)

    monkeypatch.setattr("collector.api.ingest.sort_out", noting)
    app = Starlette()
    app.add_route(
        "/v1/measurements",
        Ingest(serving.store, SystemClock(), Metrics(lambda: 0)).take,
        methods=["POST"],
    )
    content = gzip.compress(encode_batch([b"0"] * count))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
            headers = serving.headers() | {"Content-Encoding": "gzip"}
            return await client.post("/v1/measurements", content=content, headers=headers)

    assert asyncio.run(ask()).status_code == (413 if beside else 200)
    assert places == [beside]
