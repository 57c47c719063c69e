"""Measurement messages, the kernel's view of a connection, and payload frames."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.throughput import messages, tcp_info
from agent.throughput.framing import FrameReader, parse_header
from agent.throughput.messages import PeerReport
from agent.throughput.payload import LARGEST_BYTES, SMALLEST_BYTES, FrameStore
from agent.throughput.tcp_info import TcpInfo


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        yield near, far


def test_message_is_what_ndt7_says() -> None:
    """Names and units (microseconds) are the specification's; unknown numbers are left out."""
    raw = messages.build(
        origin="server",
        test="download",
        elapsed_seconds=1.5,
        app_bytes=10,
        tcp=TcpInfo(rtt_microseconds=7, bytes_acked=9, busy_microseconds=None),
        endpoints=("192.0.2.1:5", "192.0.2.2:6"),
    )
    assert json.loads(raw) == {
        "AppInfo": {"ElapsedTime": 1_500_000, "NumBytes": 10},
        "ConnectionInfo": {"Client": "192.0.2.1:5", "Server": "192.0.2.2:6"},
        "Origin": "server",
        "TCPInfo": {"ElapsedTime": 1_500_000, "BytesAcked": 9, "RTT": 7},
        "Test": "download",
    }
    assert messages.parse(raw) == PeerReport(
        elapsed_seconds=1.5, app_bytes=10, tcp=TcpInfo(rtt_microseconds=7, bytes_acked=9)
    )


BAD = [
    b"",
    b"[]",
    b"null",
    b"{",
    b"\xff",
    b"[" * 100_000,
    b'{"AppInfo":{"NumBytes":1e999}'.ljust(3),
]


@pytest.mark.parametrize("raw", BAD)
def test_what_is_no_message_is_none(raw: bytes) -> None:
    """Messages are optional: what cannot be read is left aside."""
    assert messages.parse(raw) is None


@pytest.mark.parametrize(
    "value", [None, True, "5", -1, 1e300, float("nan"), float("inf"), [], 2**64]
)
def test_numbers_that_are_none(value: Any) -> None:
    """A count that is no number from 0 to 2^63 is not known, and never 0."""
    found = messages.parse(json.dumps({"AppInfo": {"NumBytes": value}}).encode())
    assert found == PeerReport()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["AppInfo", "TCPInfo", "NumBytes", "ElapsedTime", "RTT"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_read(value: Any) -> None:
    """No JSON value raises."""
    found = messages.parse(json.dumps(value).encode())
    assert (found is not None) == isinstance(value, dict)


def test_layout_is_the_kernels(pair: tuple[socket.socket, socket.socket]) -> None:
    """Bytes acknowledged, received and sent, read at our offsets, equal what was sent."""
    near, far = pair
    before = tcp_info.read(near)
    near.sendall(bytes(100_000))
    left = 100_000
    while left:
        left -= len(far.recv(left))
    until = time.monotonic() + 10
    while tcp_info.read(near).bytes_acked != (before.bytes_acked or 0) + 100_000:
        assert time.monotonic() < until
        time.sleep(0.01)
    sent, got = tcp_info.read(near), tcp_info.read(far)
    assert got.bytes_received == 100_000
    assert (sent.bytes_sent, sent.bytes_retrans, sent.notsent_bytes) == (100_000, 0, 0)
    assert sent.delivered_segments is not None
    assert got.data_segs_in is not None
    assert 100_000 / 65_536 <= got.data_segs_in <= sent.delivered_segments <= 300
    assert sent.min_rtt_microseconds is not None
    assert sent.rtt_microseconds is not None
    assert 0 < sent.min_rtt_microseconds <= sent.rtt_microseconds < 10_000_000
    assert sent.snd_mss_bytes == near.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    assert sent.busy_microseconds is not None


def test_an_older_kernel_gives_less() -> None:
    """Fields beyond what the kernel gave are absent; half a field too."""
    whole = bytes(range(256))
    short = tcp_info.parse(whole[:124])
    assert short.snd_cwnd_segments == struct.unpack_from("=I", whole, 80)[0]
    assert short.bytes_acked is None
    assert tcp_info.parse(whole[:128]).bytes_acked is not None
    assert tcp_info.parse(b"") == TcpInfo()


def test_no_round_trip_yet_is_none() -> None:
    """The kernel's mark for 'no minimum yet' is not 71 minutes."""
    assert tcp_info.parse(b"\xff" * 256).min_rtt_microseconds is None


@pytest.mark.parametrize("masked", [False, True])
def test_payload_frames_are_valid(
    pair: tuple[socket.socket, socket.socket], *, masked: bool
) -> None:
    """Each prebuilt frame, sent in odd pieces, is a whole binary message to a strict reader."""
    near, far = pair
    far.settimeout(10)
    near.settimeout(10)
    store = FrameStore(masked=masked)
    reader = FrameReader(expect_masked=masked)
    for frame in store.frames[:4]:
        offset = 0
        while offset < frame.size:
            sent = store.send(near, frame, offset)
            reader.received(far.recv(sent, socket.MSG_WAITALL))
            offset += sent
    assert reader.binary_bytes == sum(frame.payload_bytes for frame in store.frames[:4])
    assert reader.messages == []


def test_payload_does_not_compress() -> None:
    """Frames are random bytes: a line that compresses carries them no faster."""
    store = FrameStore(masked=False)
    frame = store.frames[0]
    piece = bytes(store._view[frame.start : frame.start + frame.size])
    header = parse_header(piece)
    assert header is not None
    assert header.payload_bytes == frame.payload_bytes == len(piece) - header.header_bytes
    assert len(set(piece)) == 256


def test_messages_grow_as_ndt7_says() -> None:
    """8 KiB at first, doubled while smaller than a sixteenth of what was sent, at most 1 MiB."""
    store = FrameStore(masked=False)
    sizes = [store.frame_for(sent).payload_bytes for sent in range(0, 32 << 20, 4096)]
    assert sizes[0] == SMALLEST_BYTES
    assert sizes[-1] == LARGEST_BYTES
    assert sizes == sorted(sizes)
    assert all(size <= max(SMALLEST_BYTES, sent * 4096 / 8) for sent, size in enumerate(sizes))


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"ConnectionInfo": {"CongestionControl": "cubic"}}, "cubic"),
        ({"BBRInfo": {"MaxBandwidth": 5}}, "bbr"),
        ({"BBRInfo": {}}, None),
        ({"ConnectionInfo": {"CongestionControl": "<script>"}}, None),
        ({"ConnectionInfo": {"CongestionControl": "x" * 17}}, None),
        ({"ConnectionInfo": {"CongestionControl": 5}}, None),
        ({"ConnectionInfo": "bbr"}, None),
    ],
    ids=str,
)
def test_a_congestion_control_is_a_name_of_the_kernel(message: object, name: str | None) -> None:
    """What else a far end says there is not taken into a record."""
    found = messages.parse(json.dumps(message).encode())
    assert found is not None
    assert found.congestion_control == name


@pytest.mark.parametrize(
    "endpoints", [None, ("192.0.2.1:1", "192.0.2.2:2")], ids=["client", "server"]
)
def test_only_servers_tell_theirs(endpoints: tuple[str, str] | None) -> None:
    """A client's upload needs no telling: the client is the one that asks."""
    raw = messages.build(
        origin="server", test="download", elapsed_seconds=1.0, app_bytes=1, tcp=None,
        endpoints=endpoints, congestion_control="cubic",
    )  # fmt: skip
    found = messages.parse(raw)
    assert found is not None
    assert found.congestion_control == (None if endpoints is None else "cubic")
