"""How much of a flow waits in the kernel, and where a fast sender waits: over real TCP sockets."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from agent.throughput.flow import Flow
from agent.throughput.kernel_queue import FAST_BYTES_PER_SECOND, KernelQueue
from agent.throughput.payload import FrameStore

NOTSENT_LOWAT = 25
MUCH_SECONDS = 20.0
"""Only what blocks for ever takes this long, also on a busy machine."""
FAST = 2 * FAST_BYTES_PER_SECOND
SLOW = 12_500_000.0
"""100 Mbit/s in bytes."""


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of one TCP connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        yield near, far


def within_much(action: Callable[[], object]) -> float:
    """Do it in a thread, fail where it never comes back; give the seconds it took."""
    took: list[float] = []

    def timed() -> None:
        begin = monotonic()
        action()
        took.append(monotonic() - begin)

    thread = threading.Thread(target=timed, daemon=True)
    thread.start()
    thread.join(MUCH_SECONDS)
    assert took, "it never came back"
    return took[0]


def fill(sock: socket.socket) -> None:
    """Send until the kernel takes no more, which BlockingIOError says."""
    piece = bytes(1 << 20)
    with contextlib.suppress(BlockingIOError):  # nothing else ends it
        while True:
            sock.send(piece)


@pytest.mark.parametrize(
    ("sends", "plain", "prompt", "waits"),
    [
        (True, True, False, True),
        (True, False, False, False),
        (True, True, True, False),
        (False, True, False, False),
    ],
    ids=["plain sender", "behind TLS", "prompt", "receiver"],
)
def test_only_a_fast_plain_sender_waits_inside_send(
    pair: tuple[socket.socket, socket.socket], sends: bool, plain: bool, prompt: bool, waits: bool
) -> None:
    """TLS may want to read before it writes, prompt flows must turn often, receivers never send."""
    queue = KernelQueue(pair[0], sends=sends, plain=plain)
    if prompt:
        queue.be_prompt()
    queue.tune(SLOW)
    assert not pair[0].getblocking()
    queue.tune(FAST, fast=True)
    assert pair[0].getblocking() is waits


def test_a_send_that_waits_gives_control_back(pair: tuple[socket.socket, socket.socket]) -> None:
    """It waits in the kernel for 10 ms, not for ever and not for nothing."""
    queue = KernelQueue(pair[0], sends=True, plain=True)
    queue.tune(FAST, fast=True)
    raw = pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)
    seconds, microseconds = struct.unpack("@ll", raw)
    assert seconds == 0
    assert 4_000 <= microseconds <= 20_000  # kernels round it to their tick
    within_much(lambda: fill(pair[0]))
    assert within_much(lambda: fill(pair[0])) >= 0.002  # full from the beginning: it did wait


def test_a_fast_flow_takes_fewer_writes_a_turn(pair: tuple[socket.socket, socket.socket]) -> None:
    """Each may wait 10 ms, so a turn of the loop stays under 0.1 s a flow."""
    queue = KernelQueue(pair[0], sends=True, plain=True)
    steady = queue.writes_a_turn
    queue.tune(FAST, fast=True)
    assert queue.writes_a_turn * 0.010 < 0.1
    assert queue.writes_a_turn < steady


def test_reads_of_a_flow_that_waits_in_send_never_wait(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Nothing to read is no reason to stop sending."""
    store = FrameStore(masked=False)
    flow = Flow(pair[0], side="server", test="download", store=store, early=b"")
    flow.start(0.0)
    flow.tune(FAST, fast=True)
    assert pair[0].getblocking()
    within_much(flow.read_ready)
    pair[1].send(b"\x81")  # half a header, and then nothing
    within_much(flow.read_ready)
    assert flow.ended is None


def test_a_flow_that_gets_slow_again_does_not_wait(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Below 10 Gbit/s a full kernel is told by the selector."""
    queue = KernelQueue(pair[0], sends=True, plain=True)
    before = queue.writes_a_turn
    queue.tune(FAST, fast=True)
    queue.tune(SLOW)
    assert not pair[0].getblocking()
    assert queue.writes_a_turn == before
    within_much(lambda: fill(pair[0]))


@pytest.mark.parametrize(
    ("rate", "fast", "unsent"),
    [
        (1e5, False, 256 * 1024),
        (SLOW, False, 1_250_000),
        (1e9, False, 2 * 1024 * 1024),
        (FAST, True, 128 * 1024),
    ],
    ids=["least", "0.1 s", "most", "fast"],
)
def test_what_waits_unsent_follows_the_rate(
    pair: tuple[socket.socket, socket.socket], rate: float, fast: bool, unsent: int
) -> None:
    """A tenth of a second of it, within bounds; little where only memory limits."""
    queue = KernelQueue(pair[0], sends=True, plain=True)
    queue.tune(rate, fast=fast)
    assert pair[0].getsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT) == unsent


@pytest.mark.parametrize(
    ("rate", "size"), [(1e4, 4 * 1024), (SLOW, 125_000), (1e9, 512 * 1024)], ids=str
)
def test_a_prompt_flow_has_messages_of_ten_milliseconds(
    pair: tuple[socket.socket, socket.socket], rate: float, size: int
) -> None:
    """Small frames wait behind one message and what is unsent: both are 0.01 s of the rate."""
    queue = KernelQueue(pair[1], sends=True, plain=True)
    queue.tune(rate)
    assert queue.message_bytes is None  # others: as large as they like
    queue = KernelQueue(pair[0], sends=True, plain=True)
    queue.be_prompt()
    first = queue.message_bytes
    queue.tune(rate)
    assert first == 4 * 1024
    assert queue.message_bytes == size
    assert pair[0].getsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT) == size
    assert pair[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("plain", "rate", "low"),
    [(True, 1.0, 1), (True, SLOW, 62_500), (True, 1e9, 2 << 20), (False, 1e9, 512 * 1024)],
    ids=["slow", "5 ms", "most", "most behind TLS"],
)
def test_a_receiver_is_woken_every_five_milliseconds(
    pair: tuple[socket.socket, socket.socket], plain: bool, rate: float, low: int
) -> None:
    """Behind TLS no more than the records of one turn hold."""
    KernelQueue(pair[0], sends=False, plain=plain).tune(rate)
    assert pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == low
