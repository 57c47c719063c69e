"""The responsiveness probe over loopback: a whole run, and far ends that misbehave."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from agent.clock import SystemClock
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.throughput.flow import Flow
from agent.throughput.framing import Opcode, build_frame
from agent.throughput.handshake import PROMPT_QUERY, Upgrade
from agent.throughput.payload import FrameStore
from tests.agent.ndt7_peers import (
    Script,
    answering,
    leave,
    moving,
    reset,
    serving,
    upgraded,
    waiting,
)
from tests.agent.scripted import free_port, measured
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Measurement

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
SHORT = {"seconds": 2.0, "flows": 2}


@contextlib.contextmanager
def responder() -> Iterator[str]:
    """HOST:PORT of an open responder in this process."""
    listener = listen("127.0.0.1", 0)
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    serving_here = Responder(listener, Admission(open_to_all=True, maximum_flows=16), SystemClock())
    thread = threading.Thread(target=serving_here.serve)
    thread.start()
    try:
        yield place
    finally:
        serving_here.stop()
        thread.join()


def dividing(upgrades: Script, requests: Script) -> Script:
    """One thing for connections of the load, another for everything else."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        head = b""
        while b"\r\n\r\n" not in head and not over.is_set():
            with contextlib.suppress(TimeoutError):
                head = sock.recv(4096, socket.MSG_PEEK)
                if not head:
                    return
        (upgrades if b"websocket" in head.lower() else requests)(sock, over)

    return script


def failed(found: Measurement) -> tuple[FailureCode, Operation]:
    """Code and operation of a failure."""
    assert found.outcome is Outcome.FAILED, found.values
    assert found.failure is not None
    return found.failure.code, found.failure.operation


def test_a_run_gives_every_figure_of_both_directions() -> None:
    """Idle, then each direction with its rate of round trips, its parts and its confidence."""
    with responder() as place:
        found = measured("responsiveness", place, {"seconds": 3.0})
    assert found.outcome is Outcome.OK, found.failure
    assert found.values["idle_probes_count"] == 10
    for way in ("download", "upload"):
        for name in (
            "responsiveness_rpm", "working_rtt_median_seconds", "rtt_inflation_seconds",
            "connect_rtt_seconds", "request_rtt_seconds", "ping_rtt_seconds", "tcp_rtt_seconds",
            "load_bps", "bytes", "foreign_probes_count", "ping_probes_count",
        ):  # fmt: skip
            value = found.values[f"{way}_{name}"]
            assert isinstance(value, int | float)
            assert value > 0 or name == "rtt_inflation_seconds"
        assert found.values[f"{way}_lost_probes_count"] == 0
        assert found.values[f"{way}_limited_by"]
        assert f"{way}_bps" not in found.values, "the rate of a load is no verdict's throughput"
        assert found.confidence is not None
        assert found.confidence[f"{way}_rpm_confidence"] in ("low", "medium", "high")
    assert found.context["revision"] == "draft-ietf-ippm-responsiveness-09"


def test_one_direction_alone() -> None:
    """The other has no figures at all."""
    with responder() as place:
        found = measured("responsiveness", place, {**SHORT, "direction": "upload"})
    assert found.outcome is Outcome.OK, found.failure
    assert not any(name.startswith("download") for name in found.values)


def test_refused_is_a_failure_of_the_connect() -> None:
    """Nothing listens."""
    found = measured("responsiveness", f"127.0.0.1:{free_port()}")
    assert failed(found) == (FailureCode.CONNECTION_REFUSED, Operation.CONNECT)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (waiting, FailureCode.NO_REPLY),
        (answering(b"220 mail.example ESMTP\r\n\r\n"), FailureCode.PROTOCOL_ERROR),
        (answering(b""), FailureCode.EARLY_CLOSE),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"), FailureCode.EARLY_CLOSE),
    ],
    ids=["silent", "another protocol", "closed", "cut short"],
)
def test_no_answer_on_the_idle_line_is_named(script: Script, code: FailureCode) -> None:
    """Where no request is answered there is no load either, and the lost are counted."""
    with serving(script) as port:
        begin = time.monotonic()
        found = measured("responsiveness", f"127.0.0.1:{port}")
        took = time.monotonic() - begin
    assert failed(found) == (code, Operation.RECEIVE)
    assert found.values["idle_lost_probes_count"] == 10
    assert found.values["idle_lost_probes"] == f"{code} 10"
    assert took < 20


def test_a_far_end_that_only_speaks_http_keeps_the_idle_figures() -> None:
    """404 to the upgrade: a named failure with the idle round trip as partial."""
    with serving(answering(NOT_FOUND)) as port:
        found = measured("responsiveness", f"127.0.0.1:{port}")
    assert failed(found) == (FailureCode.HTTP_STATUS, Operation.HANDSHAKE)
    assert found.values["idle_probes_count"] == 10
    assert "idle_rtt_median_seconds" in found.values


@pytest.mark.parametrize(
    ("then", "code"),
    [(reset, FailureCode.CONNECTION_RESET), (leave, FailureCode.EARLY_CLOSE)],
    ids=["reset", "left"],
)
def test_a_far_end_that_dies_under_load_keeps_what_was_counted(
    then: Script, code: FailureCode
) -> None:
    """Idle figures, probes and bytes until then; no responsiveness."""
    far_end = dividing(upgraded(moving(0.8, then)), answering(NOT_FOUND))
    with serving(far_end) as port:
        found = measured("responsiveness", f"127.0.0.1:{port}", {"flows": 2})
    assert failed(found) == (code, Operation.DOWNLOAD)
    assert "idle_rtt_median_seconds" in found.values
    assert found.values["download_bytes"]
    assert found.values["download_foreign_probes_count"]
    assert "download_responsiveness_rpm" not in found.values


def test_without_pongs_there_is_no_rpm_but_a_working_round_trip() -> None:
    """RFC 6455 lets a far end be slow with pongs: what was seen stays, the formula does not."""
    far_end = dividing(upgraded(moving(30.0, waiting)), answering(NOT_FOUND))
    with serving(far_end) as port:
        found = measured("responsiveness", f"127.0.0.1:{port}", {**SHORT, "direction": "download"})
    assert found.outcome is Outcome.OK, found.failure
    assert found.values["download_ping_probes_count"] == 0
    assert found.values["download_foreign_probes_count"]
    assert "download_working_rtt_median_seconds" in found.values
    assert "download_responsiveness_rpm" not in found.values
    assert (found.confidence or {})["download_rpm_confidence"] == "low"


@contextlib.contextmanager
def client_flow() -> Iterator[tuple[Flow, socket.socket]]:
    """The client's side of a download, and the socket of the far end."""
    near, far = socket.socketpair()
    with near, far:
        yield Flow(near, side="client", test="download", store=None, early=b""), far


def test_a_ping_goes_out_at_once_and_its_pong_is_told() -> None:
    """The payload comes back to whoever asked; a pong nobody waits for is told as well."""
    told: list[bytes] = []
    with client_flow() as (flow, far):
        flow.on_pong = told.append
        assert flow.ping(b"12345678")
        assert far.recv(100)[0] == 0x80 | Opcode.PING
        far.sendall(build_frame(Opcode.PONG, b"12345678", masked=False))
        flow.read_ready()
    assert told == [b"12345678"]


def test_pings_do_not_pile_up_before_a_far_end_that_reads_nothing() -> None:
    """Once some wait, further ones are refused."""
    with client_flow() as (flow, _far):
        taken = sum(flow.ping(b"x" * 100) for _ in range(20_000))
    assert taken < 20_000


def test_prompt_messages_stay_small_until_a_rate_asks_for_larger_ones() -> None:
    """Whatever was sent, a message is 8 KiB; others have grown to 1 MiB by then."""
    store = FrameStore(masked=False)
    assert store.frame_for(1 << 30, 4096).payload_bytes == 8192
    assert store.frame_for(1 << 30, 100_000).payload_bytes == 131_072
    assert store.frame_for(1 << 30).payload_bytes == 1 << 20


@pytest.mark.parametrize(
    ("query", "prompt"),
    [(PROMPT_QUERY, True), (f"a=1&{PROMPT_QUERY}", True), ("", False), ("prompt=yes", False)],
)
def test_only_the_plain_wish_makes_a_responder_prompt(query: str, prompt: bool) -> None:
    """Anything else is metadata that nobody reads."""
    upgrade = Upgrade(test="download", headers={}, query=query, response=b"", early=b"")
    assert upgrade.prompt is prompt
