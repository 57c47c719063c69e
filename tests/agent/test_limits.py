"""What a test must not pass: its deadline, its bytes. The parts, and over loopback."""

import random
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.probes import Findings, Request
from agent.probes.throughput import probe
from agent.responder.admission import Admission
from agent.responder.server import Responder, listen
from agent.throughput.client import DirectionResult, measure_direction
from agent.throughput.connect import resolve
from agent.throughput.directions import Test
from agent.throughput.flow import Flow
from agent.throughput.handshake import PACE_FIELD, ClientHandshake, Upgrade
from agent.throughput.limits import GOOD_BYE_BYTES, Allowance, Both, ByteLimit, Limits
from agent.throughput.payload import FrameStore
from tests.agent.spooling import FakeClock
from wire.failure import FailureCode
from wire.measurement import Json

FLOWS = 2
PACE_BPS = 40_000_000


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An open responder of ours."""
    listener = listen("127.0.0.1", 0)
    responder = Responder(listener, Admission(open_to_all=True), SystemClock())
    number: int = listener.getsockname()[1]
    thread = threading.Thread(target=responder.serve)
    thread.start()
    yield number
    responder.stop()
    thread.join(20)


def direction(port: int, test: Test, limits: Limits, pace: bool = True) -> DirectionResult:
    """Ten seconds, unless limits end them; downloads are paced, so that limits take a while."""
    query = {"download": f"{PACE_FIELD}={PACE_BPS // FLOWS}"} if pace else {}
    return measure_direction(
        [replace(target, queries=query) for target in resolve("127.0.0.1", port)],
        test, flows=FLOWS, seconds=10.0, clock=SystemClock(), on_tick=lambda _elapsed, _seen: False,
        limits=limits,
    )  # fmt: skip


def throughput(port: int, deadline_seconds: float, **options: Json) -> Findings:
    """The probe."""
    request = Request(
        target=f"127.0.0.1:{port}", options=options, clock=SystemClock(),
        random=random.Random(1), deadline_seconds=deadline_seconds,
    )  # fmt: skip
    return probe(request, lambda _: None)


def test_a_limit_gives_what_it_has_and_no_more() -> None:
    """What was drawn and not used comes back."""
    limit = ByteLimit(100)
    assert (limit.take(70), limit.take(70), limit.take(1)) == (70, 30, 0)
    limit.give_back(5)
    assert limit.take(9) == 5


@pytest.mark.parametrize(("first", "second"), [(10, 100), (100, 10)])
def test_two_limits_give_what_both_have(first: int, second: int) -> None:
    """Nothing is lost in the one that had more."""
    one, two = ByteLimit(first), ByteLimit(second)
    both = Both(one, two)
    assert both.take(50) == 10
    assert max(one.left_bytes, two.left_bytes) == 90
    both.give_back(10)
    assert (one.left_bytes, two.left_bytes) == (first, second)


def test_directions_share_and_leave_the_rest_to_the_next() -> None:
    """Half for the download; what it does not use is for the upload, in time and in bytes."""
    clock = FakeClock()
    allowance = Allowance(clock, 20.0, 100_000_000)
    first = allowance.share(2)
    assert first.most_bytes == 50_000_000
    assert first.seconds(60, clock) == pytest.approx(10.0)
    clock.forward(4.0)
    allowance.spend(10_000_000, flows=4)
    second = allowance.share(1)
    assert second.most_bytes == 90_000_000 - 4 * GOOD_BYE_BYTES
    assert second.seconds(60, clock) == pytest.approx(16.0)
    assert second.seconds(2.5, clock) == 2.5


def test_time_that_is_over_is_short_but_not_endless() -> None:
    """0 would make a socket wait without end."""
    clock = FakeClock()
    assert 0 < Limits(ends_at=clock.seconds - 5).seconds(10, clock) <= 0.01


@pytest.mark.parametrize("test", ["download", "upload"])
def test_a_test_never_moves_more_than_its_bytes(port: int, test: Test) -> None:
    """Whatever the rate: the receiver's kernel has seen less than was allowed."""
    with pytest.raises(MeasurementFailed) as raised:
        direction(port, test, Limits(most_bytes=3_000_000), pace=False)
    assert raised.value.failure.code is FailureCode.BUDGET_SPENT
    moved = raised.value.partial[f"{test}_bytes"]
    assert isinstance(moved, int)
    assert 0 < moved <= 3_000_000


def test_bytes_end_a_test_that_has_a_figure(port: int) -> None:
    """What was seen until then is the figure, and it is said that bytes ended it."""
    found = direction(port, "download", Limits(most_bytes=12_000_000))
    assert found.out_of_bytes
    assert 0.8 * 12_000_000 <= found.total_bytes <= 12_000_000
    assert found.estimate.rate_bps > 1e6


def test_a_server_that_sends_on_is_not_read_any_further(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every server knows how to stop: reading stops, and so does TCP of the far end."""
    monkeypatch.setattr(Upgrade, "most_bytes", None)
    with pytest.raises(MeasurementFailed) as raised:
        direction(port, "download", Limits(most_bytes=3_000_000), pace=False)
    assert raised.value.failure.code is FailureCode.BUDGET_SPENT


@pytest.mark.parametrize(
    ("query", "most"), [("most_bytes=5", 5), ("most_bytes=-5", None), ("most_bytes=", None)]
)
def test_only_a_plain_number_limits(query: str, most: int | None) -> None:
    """Anything else is metadata that nobody reads."""
    upgrade = Upgrade(test="download", headers={}, query=query, response=b"", early=b"")
    assert upgrade.most_bytes == most


@pytest.mark.parametrize("most", [0, 1, 100, 70_000, 1_000_000])
def test_the_responder_sends_no_more_than_was_asked_for(port: int, most: int) -> None:
    """Nothing is left on the line for a client to throw away: data, then the good-bye."""
    path = f"/ndt/v7/download?most_bytes={most}"
    handshake = ClientHandshake("x", path, bytes(16), "test")
    said = b"as many bytes as the client asked for"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(handshake.request())
        while (upgraded := handshake.receive(sock.recv(4096))) is None:
            pass
        came = bytearray(upgraded.early)
        while said not in came:
            piece = sock.recv(1 << 16)
            assert piece, "closed without a word"
            came += piece
    assert len(came) <= most + GOOD_BYE_BYTES
    if most > 70_000:
        assert len(came) >= most - 10  # and no less, but for a header


def test_the_probe_keeps_its_bytes_in_both_directions_together(port: int) -> None:
    """``max_bytes`` is of the whole test."""
    with pytest.raises(MeasurementFailed) as raised:
        throughput(port, 30.0, max_bytes=4_000_000, flows=FLOWS)
    moved = [value for key, value in raised.value.partial.items() if key.endswith("_bytes")]
    assert sum(value for value in moved if isinstance(value, int)) <= 4_000_000


def test_a_deadline_shortens_a_test(port: int) -> None:
    """Ten seconds were asked for; the end of the deadline is left for the good-bye."""
    found = direction(port, "download", Limits(ends_at=SystemClock().monotonic_seconds() + 4.0))
    assert not found.out_of_bytes
    assert found.estimate.warmup_seconds + found.estimate.window_seconds < 6.0


def test_a_deadline_shortens_the_handshake() -> None:
    """A far end that accepts and is silent: not the usual 5 s, but what there is."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(MeasurementFailed) as raised,
    ):
        throughput(silent.getsockname()[1], 1.0)
    assert raised.value.failure.code is FailureCode.HANDSHAKE_TIMEOUT
    (seconds,) = re.findall(r"within ([0-9.]+) s", raised.value.failure.text)
    assert float(seconds) <= 0.5  # two directions share the second


def test_no_time_for_data_is_a_failure_of_its_own(port: int) -> None:
    """Connected, but nothing that a rate could be made of would be in time."""
    with pytest.raises(MeasurementFailed) as raised:
        throughput(port, 1.2, direction="download")
    assert raised.value.failure.code is FailureCode.TIMEOUT


def test_the_senders_congestion_control_is_told(port: int) -> None:
    """By the responder for a download; a paced one is sent with CUBIC, where that is to be had."""
    available = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    usual = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    found = direction(port, "download", Limits(ends_at=SystemClock().monotonic_seconds() + 4.0))
    assert found.congestion_control == ("cubic" if "cubic" in available else usual)


def test_the_kernel_here_tells_its_own() -> None:
    """For an upload."""
    usual = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as sock,
    ):
        store = FrameStore(masked=True)
        flow = Flow(sock, side="client", test="upload", store=store, early=b"")
        assert flow.congestion_control() == usual
