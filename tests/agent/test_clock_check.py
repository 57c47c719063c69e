"""Clock offsets, their errors, and results that were measured under a wrong clock."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import sntp
from agent.clock_check import (
    EARLIEST,
    Anchor,
    ClockState,
    anchor,
    best_time,
    is_settled,
    read_time_reply,
    settle,
    settled,
    standing,
)
from agent.clock_watch import ClockWatch
from agent.failure import MeasurementFailed
from agent.identity import Enrolment
from agent.push import Pusher, PushSettings, new_client
from agent.stamp.packet import ErrorEstimate
from tests.agent.spooling import FakeClock, measurement, open_spool
from tests.agent.stub import Collector, Stub, http
from wire.codec import decode, encode, format_time
from wire.measurement import Measurement

TRUE = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
BOOT = "b0075e1f-0000-4000-8000-000000000001"


@settings(max_examples=200)
@given(
    offset=st.floats(-1e9, 1e9),
    out=st.floats(0, 5),
    back=st.floats(0, 5),
    held=st.floats(0, 1),
)
def test_the_error_bounds_the_offset_however_unequal_the_ways_are(
    offset: float, out: float, back: float, held: float
) -> None:
    """RFC 5905: true time at any monotonic moment is within the stated error."""
    asked = 1000.0
    received = asked + offset + out
    found = anchor("x", (asked, received, received + held, asked + out + held + back))
    assert found.error_seconds == pytest.approx((out + back) / 2, abs=1e-5)
    assert abs(found.utc_at(2000.0) - (2000.0 + offset)) <= found.error_seconds + 1e-5


@pytest.mark.parametrize(
    ("offset", "error", "kernel", "state"),
    [
        (0.2, 0.1, None, ClockState.GOOD),
        (-0.9, 0.5, None, ClockState.GOOD),
        (2.0, 0.5, None, ClockState.WRONG),
        (-7200.0, 0.5, None, ClockState.WRONG),
        (2.0, 1.5, None, ClockState.UNKNOWN),
        (0.0, 1.5, 0.01, ClockState.GOOD),
        (None, None, 0.01, ClockState.GOOD),
        (None, None, 16.0, ClockState.UNKNOWN),
        (None, None, None, ClockState.UNKNOWN),
    ],
)
def test_a_clock_is_good_wrong_or_unknown(
    offset: float | None, error: float | None, kernel: float | None, state: ClockState
) -> None:
    """Good: known to be within a second. Wrong: known to be off by more. Else unknown."""
    known = (
        None
        if offset is None or error is None
        else Anchor("x", TRUE.timestamp() + offset, 50.0, error)
    )
    assert standing(TRUE, 50.0, known, kernel).state is state


def test_a_clock_in_1970_is_wrong_without_asking_anybody() -> None:
    """Nothing that reads earlier than this release is right."""
    early = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
    assert standing(early, 50.0, None, 0.001).state is ClockState.WRONG
    assert "clock_offset_seconds" not in standing(early, 50.0, None, None).context()


def test_the_schedule_goes_by_true_time_only_where_the_clock_is_far_off() -> None:
    """A minute is left alone; hours are not, and a step of the clock changes nothing."""
    known = Anchor("x", TRUE.timestamp(), 50.0, 0.1)
    assert best_time(TRUE + timedelta(seconds=55), 50.0, known) == TRUE + timedelta(seconds=55)
    for wrong in (timedelta(hours=2), timedelta(days=-400), timedelta(days=400)):
        assert best_time(TRUE + wrong, 150.0, known) == TRUE + timedelta(seconds=100)
    assert best_time(TRUE, 50.0, None) == TRUE


def early_result(state: str = "wrong", mono: float = 30.0) -> Measurement:
    """Measured half a minute after a boot in 1970."""
    made = measurement()
    return replace(
        made,
        started_at=datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC),
        monotonic_start_seconds=mono,
        context={**made.context, "clock_state": state},
    )


def test_results_of_this_boot_are_redated_once_the_time_is_known() -> None:
    """Started 100 s before the true time was known: exactly that; the old date is kept."""
    known = Anchor("collector", TRUE.timestamp(), 130.0, 0.02)
    record = encode(early_result())
    changed = settle(record, {BOOT: known})
    result = decode(changed)
    assert result.started_at == TRUE - timedelta(seconds=100)
    assert result.context["clock_original_started_at"] == "1970-01-01T00:00:30.000000Z"
    assert result.context["clock_state"] == "corrected"
    assert result.context["clock_correction_offset_seconds"] == pytest.approx(
        (TRUE - timedelta(seconds=100)).timestamp() - 30.0
    )
    assert settle(changed, {BOOT: replace(known, utc_seconds=0.0)}) == changed
    assert result.values == early_result().values
    assert result.duration_seconds == early_result().duration_seconds


@pytest.mark.parametrize("step_seconds", [7200.0, -7200.0, 400 * 86_400.0, -400 * 86_400.0])
def test_results_measured_before_a_step_are_redated_whichever_way_it_was(
    step_seconds: float,
) -> None:
    """Steps of two hours and of 400 days, both ways."""
    start = TRUE - timedelta(seconds=500)
    made = replace(
        early_result("unknown", mono=500.0),
        started_at=start + timedelta(seconds=step_seconds),
    )
    result = settled(made, Anchor("ntp x", TRUE.timestamp(), 1000.0, 0.01))
    assert result.started_at == start
    assert result.context["clock_correction_offset_seconds"] == pytest.approx(-step_seconds)


def test_other_boots_and_unknown_time_are_flagged_not_invented() -> None:
    """Without an anchor of its own boot a result keeps its date, marked as wrong."""
    sent = settle(encode(early_result()), {"other": Anchor("x", 1.0, 1.0, 0.1)})
    result = decode(sent)
    assert result.started_at.year == 1970
    assert result.context["clock_state"] == "wrong"
    assert result.context["clock_settled"] == "as_measured"
    later = {BOOT: Anchor("x", TRUE.timestamp(), 130.0, 0.02)}
    assert settle(sent, later) == sent, "it was sent like that, and stays like that"


def test_results_under_a_good_clock_are_never_touched() -> None:
    """Nor those of an agent that says nothing of its clock."""
    for record in (encode(early_result("good")), encode(measurement())):
        assert is_settled(record)
        assert settle(record, {BOOT: Anchor("x", TRUE.timestamp(), 130.0, 0.02)}) == record


@pytest.mark.parametrize(
    ("body", "date", "error"),
    [
        (b'{"received_at":"2026-05-11T03:00:00Z","sent_at":"2026-05-11T03:00:00Z"}', None, 0.1),
        (b'{"detail":"not found"}', "Mon, 11 May 2026 03:00:00 GMT", 0.6),
        (b'{"detail":"not found"}', None, None),
        (b"<html>blocked</html>", "Mon, 11 May 2026 03:00:00 GMT", None),
        (b'{"received_at":5,"sent_at":"x"}', None, None),
        (b'{"received_at":"2026-05-11T03:00:00","sent_at":"2026-05-11T03:00:00"}', None, None),
        (b'{"detail":1}', "garbage", None),
    ],
)
def test_only_a_collector_is_believed(body: bytes, date: str | None, error: float | None) -> None:
    """Its times, else the Date header of a JSON reply with its half second; no block page."""
    found = read_time_reply(body, date, 10.0, 10.2, "collector")
    assert (None if found is None else found.error_seconds) == (
        None if error is None else pytest.approx(error)
    )


class NtpServer:
    """Answers one question on loopback after ``change`` has spoilt the reply."""

    def __init__(self, now: float, change: Callable[[bytearray], bytes]) -> None:
        self.now, self.change = now, change
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.sock.getsockname()[1]}"

    def serve(self) -> None:
        """One reply."""
        question, sender = self.sock.recvfrom(100)
        stamp = struct.pack("!II", int(self.now) + 2_208_988_800 & 0xFFFFFFFF, 1 << 31)
        head = struct.pack("!BBbbIII", 0x24, 2, 0, -20, 1 << 14, 1 << 13, 0)
        reply = head + bytes(8) + question[40:48] + stamp + stamp
        self.sock.sendto(self.change(bytearray(reply)), sender)
        self.sock.close()


def unchanged(reply: bytearray) -> bytes:
    """A good reply."""
    return bytes(reply)


@pytest.mark.parametrize("year", [2026, 2040])
def test_sntp_reads_the_time_also_after_2036(year: int) -> None:
    """Offset and error of one exchange; the next era of NTP counts."""
    now = datetime(year, 5, 11, tzinfo=UTC).timestamp()
    clock = FakeClock()
    found = sntp.query(NtpServer(now, unchanged).address, clock, random.Random(1))
    assert found.utc_at(clock.monotonic_seconds()) == pytest.approx(now + 0.5)
    assert found.error_seconds == pytest.approx(0.125 + 0.125)


def spoilt(place: int, value: int) -> Callable[[bytearray], bytes]:
    """A reply with one byte changed."""

    def change(reply: bytearray) -> bytes:
        reply[place] = value
        return bytes(reply)

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (spoilt(0, 0x23), "not the answer"),
        (spoilt(30, 77), "not the answer"),
        (spoilt(1, 0), "kiss of death"),
        (spoilt(0, 0xE4), "no time itself"),
        (spoilt(1, 16), "no time itself"),
        (lambda reply: bytes(reply[:47]), "47 bytes"),
    ],
)
def test_sntp_refuses_what_no_client_may_use(
    change: Callable[[bytearray], bytes], text: str
) -> None:
    """RFC 4330 section 5: mode, our cookie, stratum, leap indicator, length."""
    server = NtpServer(1e9, change)
    with pytest.raises(MeasurementFailed, match=text):
        sntp.query(server.address, FakeClock(), random.Random(1))


def no_kernel() -> ErrorEstimate:
    """A kernel that disciplines nothing."""
    return ErrorEstimate(synchronised=False, error_seconds=None)


def watching(
    stub: Stub, clock: FakeClock, path: Path | None, client: httpx.AsyncClient
) -> ClockWatch:
    """A watch that asks the stub."""
    return ClockWatch(
        clock, random.Random(1), path, client=client, collector=stub.url, kernel=no_kernel
    )


def time_reply(moment: datetime) -> bytes:
    """What a collector answers."""
    return http(200, {"received_at": format_time(moment), "sent_at": format_time(moment)})


def test_boot_in_1970_without_clock_chip_delivers_true_dates_once(tmp_path: Path) -> None:
    """Results wait, the collector is reached, the time is asked first; resending is the same."""
    clock = FakeClock(datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60.0)
    collector = Collector()
    lost = iter([True])

    def answer(got: object) -> bytes | None:
        reply = collector(got)  # type: ignore[arg-type]  # the stub's own request
        return None if next(lost, False) else reply

    async def work() -> None:
        with Stub(answer) as stub:
            stub.time_reply = time_reply(TRUE)
            async with new_client(PushSettings()) as client:
                watch = watching(stub, clock, tmp_path / "clock.json", client)
                assert not watch.usable()
                spool = open_spool(tmp_path, clock=clock)
                stand = watch.standing_now()
                made = replace(
                    measurement(),
                    started_at=clock.now(),
                    monotonic_start_seconds=clock.monotonic_seconds(),
                    context=stand.context(),
                )
                assert spool.accept(made) is not None
                clock.forward(600.0)
                enrolment = Enrolment(collector=stub.url, token="t" * 40)
                pusher = Pusher(spool, enrolment, PushSettings(), client, clock, random.Random(1))
                pusher.dating = watch
                assert await pusher.drain() is not None  # stored, acknowledgement lost
                assert watch.usable()
                clock.forward(600.0)
                stub.time_reply = time_reply(TRUE + timedelta(seconds=603))
                assert await pusher.drain() is None
                spool.close()

    asyncio.run(work())
    (stored,) = collector.stored.values()
    assert stored["started_at"] == format_time(TRUE - timedelta(seconds=600))
    assert list(collector.sent_count.values()) == [2]
    assert len({str(got["started_at"]) for got in collector.stored.values()}) == 1


def test_what_is_known_of_a_boot_survives_a_restart_but_not_nonsense(tmp_path: Path) -> None:
    """The next life of the same boot knows the time; a spoilt file is as none."""

    async def work() -> None:
        with Stub(Collector()) as stub:
            stub.time_reply = time_reply(TRUE)
            async with new_client(PushSettings()) as client:
                first = watching(stub, FakeClock(), tmp_path / "clock.json", client)
                assert await first.check() is not None
                again = watching(stub, FakeClock(), tmp_path / "clock.json", client)
                assert again.known == first.known
                for text in ("[]", "{", '{"a": 1}', '{"a": {"source": 1}}'):
                    (tmp_path / "clock.json").write_text(text)
                    assert (
                        watching(stub, FakeClock(), tmp_path / "clock.json", client).known is None
                    )

    asyncio.run(work())


def test_dead_or_foreign_collectors_leave_the_clock_unknown() -> None:
    """No answer, a block page: nothing raised, the reason kept for the doctor."""

    async def work() -> None:
        async with new_client(PushSettings()) as client:
            clock = FakeClock()
            with Stub(Collector()) as stub:
                stub.time_reply = http(200, "<html>blocked</html>", "Date: " + "x" * 20)
                watch = watching(stub, clock, None, client)
                assert await watch.check() is None
                assert "somebody else" in str(watch.collector_trouble)
            clock.forward(100.0)
            assert await watch.check() is None
            assert "not reached" in str(watch.collector_trouble)
            assert watch.standing_now().state is ClockState.UNKNOWN
            assert watch.now() == clock.now() >= EARLIEST

    asyncio.run(work())
