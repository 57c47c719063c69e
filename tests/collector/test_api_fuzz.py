"""The API under requests made from its own description: refused or answered, never broken."""

import contextlib
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from wire.codec import encode
from wire.messages import encode_batch

_SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),  # the server is a fixture, started once a test
)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # long; the others run on both
def test_no_request_made_from_the_description_breaks_the_server(serving: Any) -> None:
    """Every operation with generated and with wrong input: no answer of 500 or above."""
    description = serving.client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(description)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.label for operation in operations} >= {
        "POST /v1/measurements",
        "POST /v1/enrol",
        "GET /v1/compliance",
        "GET /v1/schools/{code}",
    }
    for operation in operations:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @_SETTINGS
            @given(case=operation.as_strategy(generation_mode=mode))
            def run(case: Any) -> None:
                reply = case.call(base_url=serving.base_url, headers=serving.headers())
                assert reply.status_code < 500, (case.as_curl_command(), reply.text)

            with contextlib.suppress(Unsatisfiable):  # nothing can be wrong in GET /healthz
                run()


@_SETTINGS
@given(data=st.data())
def test_no_path_or_header_breaks_the_server(serving: Any, data: Any) -> None:
    """Anything where a school's code, a week, a token or an encoding belongs."""
    text = data.draw(st.text(max_size=60))
    latin = text.encode("latin-1", "ignore").translate(None, b"\r\n\x00").strip() or b"x"
    for path in (f"/v1/schools/{quote(text, safe='')}", f"/v1/compliance?week={quote(text)}"):
        assert serving.client.get(path).status_code < 500
    for name in ("Authorization", "Content-Encoding", "Content-Type"):
        headers = serving.headers() | {name: latin}
        try:
            reply = serving.client.post("/v1/measurements", content=b"{}", headers=headers)
        except (ValueError, httpx.LocalProtocolError):  # the client would not send it
            continue
        assert reply.status_code < 500


@_SETTINGS
@given(
    cut=st.integers(0, 2000),
    noise=st.binary(max_size=12),
    count=st.integers(0, 3),
)
def test_no_damaged_batch_breaks_the_server_or_loses_a_good_record(
    serving: Any, cut: int, noise: bytes, count: int
) -> None:
    """Bytes inserted anywhere: 200 or 400, and what is acknowledged is stored."""
    chosen = [
        b'{"schema_version":1,"result_id":"01970000-0000-7000-8000-00000000%04d"' % number
        for number in range(count)
    ]
    text = encode_batch([raw + b"}" for raw in chosen])
    damaged = text[:cut] + noise + text[cut:]
    assert serving.post(damaged).status_code in {200, 400}


def test_a_good_record_survives_every_kind_of_neighbour(serving: Any, make: Any) -> None:
    """Between two records of noise the good one is always stored."""
    for noise in (b"", b"{", b'"', b"nul", b"{}", b'{"a":}', b"\xff", b"-", b"1e999", b'{"a":1,}'):
        raw = encode(make.record(serving.agent_id))
        reply = serving.post(encode_batch([b'{"a":NaN}', raw, noise]))
        assert reply.status_code == 400 or len(reply.json()["committed"]) == 1
