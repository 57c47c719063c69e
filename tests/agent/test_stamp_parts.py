"""STAMP without a socket: packets, sessions, control lines, books."""

import struct
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.stamp import control
from agent.stamp.books import Books, figures, is_stateful, losses, one_way, overtaken
from agent.stamp.control import BadLine, Opening, Summary
from agent.stamp.packet import (
    BASE_BYTES,
    ErrorEstimate,
    Reflected,
    Sent,
    build_reflected,
    build_sent,
    read_reflected,
    read_sent,
    to_ntp,
    to_unix_ns,
)
from agent.stamp.quality import clock_quality
from agent.stamp.sessions import BURST_PACKETS, SESSIONS_PER_SOURCE, Sessions
from agent.stamp.sockets import Stamper

GOOD = ErrorEstimate(synchronised=True, error_seconds=0.000_5)
UNKNOWN = ErrorEstimate(synchronised=False, error_seconds=None)
NOW_NS = 1_790_000_000_123_456_789
MILLISECOND = 1_000_000
OPENING = Opening(packet_count=10, interval_seconds=0.1)


def test_layout_is_that_of_the_rfc() -> None:
    """Every field stands at the octet where RFC 8762 figures 2 and 5 (and RFC 8972) have it."""
    sent = build_sent(Sent(7, 0, GOOD, 0x1234), BASE_BYTES)
    assert sent[0:4] == b"\x00\x00\x00\x07"
    assert sent[4:8] == struct.pack(">I", 2_208_988_800), "1970 counted from 1900"
    assert sent[12] & 0x80, "S: synchronised"
    assert not sent[12] & 0x40, "Z: NTP's format"
    assert sent[14:16] == b"\x12\x34"
    assert sent[16:] == bytes(28)
    back = build_reflected(sent, 9, 1_000_000_000, 2_000_000_000, GOOD, 61)
    assert len(back) == BASE_BYTES
    assert back[0:4] == b"\x00\x00\x00\x09"
    assert back[4:8] == struct.pack(">I", 2_208_988_802)
    assert back[14:16] == b"\x12\x34"
    assert back[16:20] == struct.pack(">I", 2_208_988_801)
    assert back[24:28] == sent[0:4]
    assert back[28:36] == sent[4:12]
    assert back[36:38] == sent[12:14]
    assert back[38:40] == bytes(2)
    assert back[40] == 61
    assert back[41:44] == bytes(3)


@given(
    size=st.integers(BASE_BYTES, 1452),
    sequence=st.integers(0, 2**32 - 1),
    ssid=st.integers(0, 2**16 - 1),
    tail=st.binary(max_size=100),
)
def test_an_answer_is_as_long_as_its_request(
    size: int, sequence: int, ssid: int, tail: bytes
) -> None:
    """Symmetric to the byte, so never an amplifier; what follows the base comes back unchanged."""
    request = build_sent(Sent(sequence, NOW_NS, GOOD, ssid), size) + tail
    back = build_reflected(request, 1, NOW_NS, NOW_NS, UNKNOWN, 64)
    assert len(back) == len(request)
    assert back[BASE_BYTES:] == request[BASE_BYTES:]
    read = read_reflected(back)
    assert read is not None
    assert (read.sender_sequence, read.ssid) == (sequence, ssid)


@given(st.binary(max_size=BASE_BYTES - 1))
def test_short_packets_are_none(data: bytes) -> None:
    """Fewer than 44 octets are no packet of either side."""
    assert read_sent(data) is None
    assert read_reflected(data) is None


@given(st.integers(0, 4_233_000_000 * 10**9))
def test_times_survive_the_wire_to_a_nanosecond(unix_ns: int) -> None:
    """NTP's 2^-32 s is finer than a nanosecond; both eras until 2104 are told apart."""
    assert abs(to_unix_ns(to_ntp(unix_ns), ptp=False) - unix_ns) <= 1


def test_ptp_times_are_read_by_their_own_format() -> None:
    """With Z set the low half is nanoseconds (IEEE 1588, truncated)."""
    assert to_unix_ns(5 << 32 | 999_999_999, ptp=True) == 5_999_999_999


@given(st.floats(min_value=1e-9, max_value=1e6), st.booleans())
def test_an_error_estimate_is_never_understated(error: float, synchronised: bool) -> None:
    """Eight bits round the error up, by less than one part in sixty."""
    read = ErrorEstimate.decode(ErrorEstimate(synchronised, error).encode())
    assert read.synchronised is synchronised
    assert read.error_seconds is not None
    assert error <= read.error_seconds <= error * (1 + 1 / 60) + 2**-32


def test_a_multiplier_of_zero_is_no_estimate() -> None:
    """RFC 4656 section 4.1.2: such a field is not set, so nothing is known."""
    assert ErrorEstimate.decode(0x8000).error_seconds is None


def test_the_kernel_says_something_of_its_clock() -> None:
    """Asking changes nothing and never raises; a synchronised clock has an error."""
    quality = clock_quality()
    assert not quality.synchronised or quality.error_seconds is not None


def sessions() -> Sessions:
    """A reflector's table with fixed chance."""
    return Sessions(Random(1))


def opened(table: Sessions, source: str = "192.0.2.1", now: float = 0.0) -> int:
    """Open a session and give its SSID."""
    session = table.open(source, OPENING, now)
    assert not isinstance(session, str), session
    return session.ssid


def packet(sequence: int, ssid: int) -> bytes:
    """A test packet."""
    return build_sent(Sent(sequence, NOW_NS, GOOD, ssid), BASE_BYTES)


def test_only_admitted_packets_are_answered() -> None:
    """Another address, another SSID, another port, a number beyond the plan, noise: silence."""
    table = sessions()
    ssid = opened(table)
    assert table.take(packet(0, ssid), "192.0.2.1", 5000, 0, 0.0) == 0
    for data, source, port in (
        (packet(1, ssid), "192.0.2.2", 5000),
        (packet(1, ssid ^ 1), "192.0.2.1", 5000),
        (packet(1, ssid), "192.0.2.1", 5001),
        (packet(10, ssid), "192.0.2.1", 5000),
        (packet(1, ssid)[:43], "192.0.2.1", 5000),
        (b"", "192.0.2.1", 5000),
    ):
        assert table.take(data, source, port, 0, 0.0) is None
    assert table.take(packet(1, ssid), "192.0.2.1", 5000, 0, 0.1) == 1, "numbers have no gap"


def test_without_any_session_nothing_is_ever_answered() -> None:
    """The first packet of a stranger gets no byte."""
    table = sessions()
    assert all(table.take(packet(0, ssid), "192.0.2.1", 1, 0, 0.0) is None for ssid in range(2**16))


def test_a_session_ends_with_its_time_and_by_closing() -> None:
    """After its packets' time and a grace, and after its connection, there is no answer."""
    table = sessions()
    ssid = opened(table)
    assert table.take(packet(0, ssid), "192.0.2.1", 1, 0, 31.1) is None
    table.expire(31.1)
    assert len(table) == 0
    session = table.open("192.0.2.1", OPENING, 40.0)
    assert not isinstance(session, str)
    table.close(session)
    assert table.take(packet(0, session.ssid), "192.0.2.1", 1, 0, 40.0) is None


def test_a_source_has_few_sessions() -> None:
    """One address cannot take all sessions; others still get theirs."""
    table = sessions()
    for _ in range(SESSIONS_PER_SOURCE):
        opened(table)
    assert isinstance(table.open("192.0.2.1", OPENING, 0.0), str)
    opened(table, "192.0.2.2")


def test_a_flood_within_a_session_is_bounded() -> None:
    """Copies of admitted packets are answered at most twice the plan, and in bursts of 256."""
    table = sessions()
    session = table.open("192.0.2.1", Opening(packet_count=1000, interval_seconds=1.0), 0.0)
    assert not isinstance(session, str)
    answered = [
        table.take(packet(number % 1000, session.ssid), "192.0.2.1", 1, 0, 0.0)
        for number in range(5000)
    ]
    assert sum(item is not None for item in answered) == BURST_PACKETS
    assert session.limited_count == 5000 - BURST_PACKETS
    small = table.open("192.0.2.3", OPENING, 0.0)
    assert not isinstance(small, str)
    replies = [
        table.take(packet(0, small.ssid), "192.0.2.3", 1, 0, float(now)) for now in range(30)
    ]
    assert sum(item is not None for item in replies) == 2 * OPENING.packet_count
    assert small.duplicate_count == 2 * OPENING.packet_count - 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"[]\n",
        b'{"stamp": 2, "packet_count": 1, "interval_seconds": 1}\n',
        b'{"stamp": 1, "packet_count": 0, "interval_seconds": 1}\n',
        b'{"stamp": 1, "packet_count": 10001, "interval_seconds": 0.01}\n',
        b'{"stamp": 1, "packet_count": true, "interval_seconds": 1}\n',
        b'{"stamp": 1, "packet_count": 10, "interval_seconds": 0.001}\n',
        b'{"stamp": 1, "packet_count": 1000, "interval_seconds": 1}\n',
        b'{"stamp": 1, "packet_count": 10, "interval_seconds": NaN}\n',
        b'{"stamp": 1, "packet_count": 10, "interval_seconds": "1"}\n',
        b'{"stamp": 1, "packet_count": 10, "interval_seconds": 1, "authorization": 1}\n',
        b"\xff\xfe\n",
    ],
)
def test_bad_openings_are_refused(line: bytes) -> None:
    """Anything but a sensible plan is refused by one exception."""
    with pytest.raises(BadLine):
        control.read_opening(line)


def test_control_lines_survive_the_wire() -> None:
    """What one side writes the other reads, and a refusal stays below 300 bytes."""
    assert control.read_opening(control.write_opening(OPENING)) == OPENING
    summary = Summary(
        received_count=3, duplicate_count=1, reflected_count=4, limited_count=0, dscp_seen=[46]
    )
    assert control.read_summary(control.write_summary(summary)) == summary
    assert control.read_admission(control.write({"ssid": 17})) == 17
    assert control.read_admission(control.write({"refused": "busy"})) == "busy"
    assert len(control.write({"refused": "x" * 200})) < 300


@given(st.binary(max_size=300))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    """Noise on the control port raises nothing but BadLine, on either side."""
    for read in (control.read_opening, control.read_admission, control.read_summary):
        try:
            read(line)
        except BadLine as error:
            assert str(error)  # noqa: PT017 - either way is allowed


def exchange(
    plan: list[tuple[int, int]],
    *,
    sent: int,
    offset_ns: int = 0,
    error: ErrorEstimate = UNKNOWN,
    up_ns: int = 10 * MILLISECOND,
) -> Books:
    """Books of ``sent`` packets, 100 ms apart, of which those of ``plan`` came back.

    ``plan`` holds (sender's number, reflector's number) in order of arrival. Up takes 10 ms and
    1 ms more for odd packets, the reflector 3 ms, down 5 ms.
    """
    books = Books(timeout_seconds=2.0)
    for sequence in range(sent):
        books.sent_ns[sequence] = NOW_NS + sequence * 100 * MILLISECOND
    for sequence, number in plan:
        t1 = books.sent_ns[sequence]
        t2 = t1 + up_ns + (sequence % 2) * MILLISECOND + offset_ns
        t3 = t2 + 3 * MILLISECOND
        t4 = t3 - offset_ns + 5 * MILLISECOND
        books.note_reply(Reflected(number, t3, error, 1, t2, sequence, t1, 64), 1, t4, 0)
    return books


def test_round_trips_leave_out_the_reflector_and_the_offset() -> None:
    """10 or 11 ms up and 5 ms down are 15 or 16 ms, whatever the clocks' offset and processing."""
    for offset in (0, 3_600 * 10**9, -3_600 * 10**9):
        values = figures(exchange([(n, n) for n in range(4)], sent=4, offset_ns=offset), None)
        assert values["rtt_min_seconds"] == pytest.approx(0.015)
        assert values["rtt_max_seconds"] == pytest.approx(0.016)
        assert values["rtt_median_seconds"] == pytest.approx(0.0155)
        assert values["upload_pdv_max_seconds"] == pytest.approx(0.001)
        assert values["upload_pdv_median_seconds"] == pytest.approx(0.0005)
        assert values["upload_ipdv_mean_seconds"] == pytest.approx(0.001)
        assert values["download_pdv_max_seconds"] == 0.0


def summary(received: int, reflected: int) -> Summary:
    """What a reflector counted."""
    return Summary(
        received_count=received,
        duplicate_count=reflected - received,
        reflected_count=reflected,
        limited_count=0,
        dscp_seen=[0],
    )


def test_losses_are_told_apart_by_the_reflectors_counts() -> None:
    """Of ten, two did not arrive and three answers did not: exact, the tail included."""
    plan = [(0, 0), (1, 1), (3, 2), (4, 3), (6, 5)]
    values = losses(exchange(plan, sent=10), summary(8, 8))
    assert (values["upload_lost_count"], values["upload_offered_count"]) == (2, 10)
    assert (values["download_lost_count"], values["download_offered_count"]) == (3, 8)
    assert values["upload_loss_ratio"] == pytest.approx(0.2)
    assert values["download_loss_ratio"] == pytest.approx(3 / 8)


def test_without_counts_the_numbering_tells_up_to_the_last_answer() -> None:
    """Packets 2 and 5 never arrived, answer 4 was lost; what came after 6 is left open."""
    plan = [(0, 0), (1, 1), (3, 2), (4, 3), (7, 5)]
    values = losses(exchange(plan, sent=10), None)
    assert (values["upload_lost_count"], values["upload_offered_count"]) == (2, 8)
    assert (values["download_lost_count"], values["download_offered_count"]) == (1, 6)


def test_a_reflector_that_copies_numbers_says_nothing_of_directions() -> None:
    """Equal numbers with gaps may be a stateless reflector: round-trip loss only."""
    books = exchange([(0, 0), (2, 2)], sent=3)
    assert not is_stateful(books.replies)
    assert losses(books, None) == {}
    assert figures(books, None)["loss_ratio"] == pytest.approx(1 / 3)
    whole = losses(exchange([(0, 0), (1, 1)], sent=2), None)
    assert (whole["upload_lost_count"], whole["download_lost_count"]) == (0, 0)


def test_copies_and_overtaking_have_their_direction() -> None:
    """A request doubled on the way up, an answer doubled on the way down, one overtaken each."""
    plan = [(0, 0), (2, 1), (1, 2), (1, 3), (3, 5), (4, 4), (4, 4)]
    values = figures(exchange(plan, sent=5), summary(5, 6))
    assert values["received_count"] == 5
    assert (values["upload_duplicate_count"], values["download_duplicate_count"]) == (1, 1)
    assert values["upload_reordered_count"] == 2, "1 after 2, and 3 after 4 as it was reflected"
    assert values["download_reordered_count"] == 1, "answer 4 after answer 5"
    assert overtaken([0, 1, 2]) == 0
    assert overtaken([1, 0, 0, 2]) == 1


def test_late_and_foreign_answers_are_counted_apart() -> None:
    """Beyond the time-out it is lost; with another SSID or number it is not ours."""
    books = exchange([], sent=2)
    t1 = books.sent_ns[0]
    answer = Reflected(0, t1, UNKNOWN, 1, t1, 0, t1, 64)
    books.note_reply(answer, 1, t1 + 2_001 * MILLISECOND, 0)
    books.note_reply(answer, 2, t1 + MILLISECOND, 0)
    books.note_reply(Reflected(0, t1, UNKNOWN, 1, t1, 77, t1, 64), 1, t1 + MILLISECOND, 0)
    assert (books.late_count, books.foreign_count, books.replies) == (1, 2, [])
    assert "loss_ratio" not in figures(books, None), "nothing came back: not a value"


def test_one_way_delay_only_with_good_clocks() -> None:
    """Both synchronised: delays with the sum of the errors. One that is not: nothing, and why."""
    plan = [(n, n) for n in range(4)]
    values, why = one_way(exchange(plan, sent=4, error=GOOD), GOOD)
    assert why is None
    assert values["upload_delay_min_seconds"] == pytest.approx(0.010)
    assert values["upload_delay_median_seconds"] == pytest.approx(0.0105)
    assert values["download_delay_min_seconds"] == pytest.approx(0.005)
    assert values["one_way_error_seconds"] == pytest.approx(0.001)
    big = ErrorEstimate(synchronised=True, error_seconds=0.1)
    ptp = ErrorEstimate(synchronised=True, error_seconds=0.0001, ptp=True)
    refusals = {
        "this machine": one_way(exchange(plan, sent=4, error=GOOD), UNKNOWN),
        "reflector's clock": one_way(exchange(plan, sent=4), GOOD),
        "PTP": one_way(exchange(plan, sent=4, error=ptp), GOOD),
        "greater": one_way(exchange(plan, sent=4, error=big), GOOD),
        "below zero": one_way(
            exchange(plan, sent=4, error=GOOD, offset_ns=-20 * MILLISECOND), GOOD
        ),
        "nothing": one_way(exchange([], sent=4), GOOD),
    }
    for words, (none, reason) in refusals.items():
        assert none == {}
        assert reason is not None
        assert words in reason


def test_an_answer_that_claims_impossible_times_is_marked() -> None:
    """A reflector that says it worked longer than the round trip took gets no subtraction."""
    books = exchange([(0, 0)], sent=2)
    t1 = books.sent_ns[1]
    odd = Reflected(1, t1 + 10**12, UNKNOWN, 1, t1, 1, t1, 64)
    books.note_reply(odd, 1, t1 + 20 * MILLISECOND, 0)
    values = figures(books, None)
    assert values["implausible_count"] == 1
    assert values["rtt_max_seconds"] == pytest.approx(0.020)


def test_a_round_trip_is_never_below_zero() -> None:
    """An answer that seems to have come before its request, by the clock's grain, took no time."""
    books = exchange([], sent=1)
    t1 = books.sent_ns[0]
    books.note_reply(Reflected(0, t1, UNKNOWN, 1, t1, 0, t1, 64), 1, t1 - 120_000, 0)
    assert figures(books, None)["rtt_min_seconds"] == 0.0


class TornClock:
    """A clock whose process is put aside for 5 ms between the first looks."""

    def __init__(self) -> None:
        self._real_seconds = 1_000.0
        self._looks = 0

    def now(self) -> datetime:
        """Wall clock."""
        return datetime(2026, 5, 11, tzinfo=UTC) + timedelta(seconds=self._real_seconds)

    def monotonic_seconds(self) -> float:
        """Monotonic clock."""
        self._looks += 1
        self._real_seconds += 0.005 if self._looks in (2, 4) else 1e-6
        return self._real_seconds

    def boot_id(self) -> str:
        """Fixed."""
        return "boot"


def test_both_clocks_are_read_together() -> None:
    """A pause between the looks at the two clocks does not shift one against the other."""
    clock = TornClock()
    stamper = Stamper(clock)
    wall = datetime(2026, 5, 11, tzinfo=UTC) + timedelta(seconds=2_000)
    right_ns = int(wall.timestamp()) * 10**9
    assert abs(stamper.at(2_000.0) - right_ns) < 20_000
