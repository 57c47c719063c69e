"""Clients that are slow, many or greedy: cut off or turned away, while others are served."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector import server
from collector.api import ingest
from collector.api.body import declared_bytes
from wire.codec import encode
from wire.messages import encode_batch

THREADS_OF_PAGES = 40
"""As many as the server's framework has for routes that are no coroutines."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """One database will do: none of this reaches it."""
    return f"sqlite:///{tmp_path}/store.db"


def connect(serving: Any) -> socket.socket:
    """A raw connection that reads little at once."""
    host, port = serving.base_url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((host, int(port)))
    return connection


def is_cut_off(connection: socket.socket, trickle: bytes = b"") -> bool:
    """Whether the other side ends the connection while ``trickle`` is sent on."""
    connection.settimeout(0.05)
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            connection.sendall(trickle)
            if connection.recv(65536) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize(
    ("limit", "start", "trickle"),
    [
        ("HEADER_SECONDS", b"GET / HTTP/1.1\r\nX-Slow: ", b"x"),
        (
            "REQUEST_SECONDS",
            b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{",
            b" ",
        ),
    ],
    ids=["header", "body"],
)
def test_a_client_that_sends_too_slowly_is_cut_off(
    serving: Any, monkeypatch: pytest.MonkeyPatch, limit: str, start: bytes, trickle: bytes
) -> None:
    """However steadily a byte comes now and then: the whole has its time."""
    monkeypatch.setattr(server, limit, 0.5)
    with connect(serving) as connection:
        connection.sendall(start)
        assert is_cut_off(connection, trickle)
    assert serving.client.get("/healthz").status_code == 200


def test_a_client_that_does_not_read_is_cut_off(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replies that nobody takes are not kept in memory for ever."""
    monkeypatch.setattr(server, "READ_SECONDS", 0.5)
    whole = 500 * len(serving.client.get("/openapi.json").content)
    with connect(serving) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        time.sleep(3)
        received = 0
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(1 << 20):
                received += len(chunk)
        assert 0 < received < whole
    assert serving.client.get("/healthz").status_code == 200


def test_an_idle_connection_is_kept_for_an_agents_pause(serving: Any) -> None:
    """The timers end with the request: a kept connection is served again after them."""
    assert serving.client.get("/healthz").status_code == 200
    assert server.KEEP_ALIVE_SECONDS > 60
    host, port = serving.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def is_served(serving: Any) -> bool:
    """Whether a new request is answered; until those that left are noticed it may be cut off."""
    try:
        return bool(serving.client.get("/healthz").status_code == 200)
    except httpx.TransportError:
        return False


def test_too_many_connections_are_turned_away_and_told_when_to_return(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After above the first bound, no word above the second."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 8)
    idle = [connect(serving) for _ in range(6)]
    try:
        time.sleep(0.2)
        with connect(serving) as late:
            late.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            reply = late.recv(4096).lower()
        assert reply.startswith(b"http/1.1 503")
        assert b"retry-after: 10" in reply
        idle += [connect(serving) for _ in range(6)]
        assert any(map(is_cut_off, idle[-2:]))
    finally:
        for connection in idle:
            connection.close()
    ends = time.monotonic() + 30
    while not is_served(serving) and time.monotonic() < ends:
        time.sleep(0.1)
    assert is_served(serving)


def test_of_requests_that_come_all_at_once_only_those_too_many_are_turned_away(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a stall many are heard in one turn of the loop; those there is room for are served."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 7)
    hear, stalls = server.BoundedHttp.data_received, [0.5]

    def stalled(self: server.BoundedHttp, data: bytes) -> None:
        time.sleep(stalls.pop() if stalls else 0)
        hear(self, data)

    with contextlib.ExitStack() as ends:
        idle = [ends.enter_context(connect(serving)) for _ in range(4)]
        talkers = [ends.enter_context(connect(serving)) for _ in range(8)]
        time.sleep(0.2)
        monkeypatch.setattr(server.BoundedHttp, "data_received", stalled)
        for one in talkers:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        statuses = [one.recv(4096).split()[1] for one in talkers]
        assert statuses.count(b"503") == len(idle) + len(talkers) - 7
        assert statuses.count(b"200") == 3


def test_bodies_that_do_not_fit_in_memory_are_shed(
    serving: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says it brings too much beside those under way is told when to come again."""
    batch = encode_batch([encode(make.record(serving.agent_id))])
    monkeypatch.setattr(ingest, "MAX_UNDER_WAY_BYTES", len(batch) + 10)
    with connect(serving) as slow:
        slow.sendall(
            b"POST /v1/measurements HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n"
            + f"Authorization: Bearer {serving.token}\r\n\r\n".encode()
        )
        time.sleep(0.3)
        shed = serving.post(batch)
        assert shed.status_code == 503
        assert shed.headers["retry-after"] == "5"
        assert "try again" in shed.json()["detail"]
    ends = time.monotonic() + 30
    while serving.post(batch).status_code != 200 and time.monotonic() < ends:
        time.sleep(0.1)
    assert serving.post(batch).status_code == 200


def test_a_body_of_unknown_length_counts_as_the_longest() -> None:
    """Chunked and garbage lengths reserve the most there may be."""

    class Asked:
        def __init__(self, **headers: str) -> None:
            self.headers = headers

    def size(**headers: str) -> int:
        return declared_bytes(Asked(**headers), 100)  # type: ignore[arg-type] # all it looks at

    assert size(**{"content-length": "7"}) == 7
    assert size(**{"content-length": "700"}) == 100
    assert size() == size(**{"content-length": "x"}) == size(**{"content-length": "9" * 40}) == 100


def test_pages_that_wait_keep_no_agent_out(
    serving: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread that pages have is taken: results and slots are taken all the same."""
    go_on, waiting = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        waiting.release()
        go_on.wait(30.0)

    monkeypatch.setattr(serving.store, "ping", wait)

    def look() -> int:
        return httpx.get(serving.base_url + "/healthz", timeout=60, trust_env=False).status_code

    looks = 2 * THREADS_OF_PAGES
    with ThreadPoolExecutor(looks) as threads:
        try:
            looking = [threads.submit(look) for _ in range(looks)]
            for _ in range(THREADS_OF_PAGES):
                assert waiting.acquire(timeout=20.0)
            raw = encode_batch([encode(make.record(serving.agent_id))])
            reply = serving.client.post(
                "/v1/measurements", content=raw, headers=serving.headers(), timeout=10.0
            )
            asked = serving.client.post(
                "/v1/slots", content=b"{}", headers=serving.headers(), timeout=10.0
            )
        finally:
            go_on.set()
    assert (reply.status_code, asked.status_code) == (200, 400)
    assert {one.result() for one in looking} == {200}
