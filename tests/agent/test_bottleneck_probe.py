"""The bottleneck probe over loopback: no queue, a responder inside, far ends that misbehave."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.slot_request import request_for
from agent.throughput.flow import Flow
from agent.throughput.handshake import CUBIC_QUERY, Upgrade
from tests.agent.ndt7_peers import Script, leave, moving, reset, serving, upgraded
from tests.agent.scripted import free_port, measured
from wire.failure import FailureCode, Operation, Outcome
from wire.measurement import Measurement
from wire.planning.planned import Planned

SHORT = {"seconds": 2.5, "flows": 2, "direction": "download", "rate_mbps": 100}


@contextlib.contextmanager
def responder() -> Iterator[str]:
    """HOST:PORT of an open responder in this process."""
    listener = listen("127.0.0.1", 0)
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    here = Responder(listener, Admission(open_to_all=True, maximum_flows=16), SystemClock())
    thread = threading.Thread(target=here.serve)
    thread.start()
    try:
        yield place
    finally:
        here.stop()
        thread.join()


def hops(found: Measurement) -> list[dict[str, Any]]:
    """What is said of each hop."""
    listed = found.values["hops"]
    assert isinstance(listed, list)
    return [hop for hop in listed if isinstance(hop, dict)]


def test_a_path_with_room_is_no_bottleneck() -> None:
    """A rate that flows without a queue: none, with every figure of the direction asked for."""
    with responder() as place:
        found = measured("bottleneck", place, SHORT)
    assert found.outcome is Outcome.OK, found.failure
    values = found.values
    assert (values["download_verdict"], values["download_reason"]) == ("none", "path_had_room")
    assert values["download_text"] == "none: path had room"
    load = values["download_load_bps"]
    assert isinstance(load, float)
    assert load == pytest.approx(100e6, rel=0.1)
    assert "download_bps" not in values, "the rate of a load is no verdict's throughput"
    assert not any(name.startswith("upload") for name in values)
    assert not any(name.endswith("_hop_count") for name in values)
    assert [hop["hop_count"] for hop in hops(found)] == [0, 1]
    if hops(found)[1]["watched_by"] != "echo":
        pytest.skip("this machine permits no ICMP echo")
    counted = [hop["download_loaded_count"] for hop in hops(found)]
    assert all(isinstance(count, int) and count >= 10 for count in counted)
    assert found.context["download_congestion_control"] in ("cubic", "bbr", "reno")


def test_the_byte_bound_holds() -> None:
    """A load that uses its bytes up too early for a rate is a failure; no more has moved."""
    with responder() as place:
        found = measured(
            "bottleneck", place, {"seconds": 2.5, "max_bytes": 20_000_000, "direction": "download"}
        )
    assert found.failure is not None
    assert found.failure.code is FailureCode.BUDGET_SPENT
    moved = found.values["download_bytes"]
    assert isinstance(moved, int)
    assert 1_000_000 < moved <= 20_000_000


def test_a_lan_responder_is_compared() -> None:
    """The faster inside is measured first, and the segment follows from both figures."""
    with responder() as inside, responder() as centre:
        found = measured("bottleneck", centre, {**SHORT, "lan_target": inside})
    assert found.outcome is Outcome.OK, found.failure
    inner = found.values["lan_download_bps"]
    assert isinstance(inner, float)
    assert inner > 100e6
    assert found.values["download_segment"] == "beyond_lan"
    assert "lan_failure" not in found.context


def test_a_lan_responder_that_is_not_there_spoils_the_comparison_alone() -> None:
    """The verdict stands, and the context says what failed."""
    with responder() as place:
        found = measured("bottleneck", place, {**SHORT, "lan_target": f"127.0.0.1:{free_port()}"})
    assert found.outcome is Outcome.OK, found.failure
    assert "download_segment" not in found.values
    assert "connection_refused" in str(found.context["lan_failure"])


def test_refused_is_a_failure_of_the_connect() -> None:
    """Nothing listens."""
    found = measured("bottleneck", f"127.0.0.1:{free_port()}", SHORT)
    assert found.failure is not None
    assert found.failure.code is FailureCode.CONNECTION_REFUSED
    assert found.failure.operation is Operation.CONNECT


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (upgraded(moving(0.5, leave)), FailureCode.EARLY_CLOSE),
        (upgraded(moving(0.5, reset)), FailureCode.CONNECTION_RESET),
    ],
    ids=["closed", "reset"],
)
def test_a_far_end_that_dies_under_load(script: Script, code: FailureCode) -> None:
    """The reason by name, the bytes so far, and no verdict."""
    with serving(script) as port:
        found = measured("bottleneck", f"127.0.0.1:{port}", SHORT)
    assert found.outcome is Outcome.FAILED
    assert found.failure is not None
    assert (found.failure.code, found.failure.operation) == (code, Operation.DOWNLOAD)
    assert "download_bytes" in found.values
    assert "download_verdict" not in found.values


def test_cubic_can_be_asked_for_and_nothing_else() -> None:
    """The word of the query, its exact value."""
    said = {
        "congestion=cubic": True,
        "a=b&congestion=cubic": True,
        "congestion=reno": False,
        "congestion=cubic&congestion=bbr": False,
        "": False,
    }
    for query, wanted in said.items():
        assert Upgrade("download", {}, query, b"", b"").cubic is wanted
    assert said[CUBIC_QUERY]


def test_a_flow_sends_with_cubic_where_the_kernel_lets_it() -> None:
    """After the call the socket says so, or is as it was."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        sock = stack.enter_context(socket.create_connection(server.getsockname()))
        flow = Flow(sock, side="server", test="upload", store=None, early=b"")
        before = flow.congestion_control()
        flow.be_cubic()
        assert flow.congestion_control() in ("cubic", before)
        allowed = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_text().split()
        if "cubic" in allowed:
            assert flow.congestion_control() == "cubic"


def test_a_slot_lasts_over_the_idle_parts() -> None:
    """Two loads of 4 s, 8 s of idle line between and around them, and the usual margin."""
    planned = Planned(probe="bottleneck", target="centre.example:4443")
    asked = request_for(planned, 1e9, "00000000-0000-4000-8000-000000000000")
    assert asked.kinds == ("download", "upload")
    assert asked.seconds == 2 * 4 + 8 + 8
    assert asked.quota_bytes > 2 * 4 * 1e9 / 8
