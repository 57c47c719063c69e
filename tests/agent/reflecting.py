"""A STAMP reflector in a thread, and a relay before it that loses, doubles and swaps packets."""

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from random import Random

from agent.clock import SystemClock
from agent.responder.admission import Admission
from agent.responder.stamp import Reflector, bind
from agent.stamp.packet import ErrorEstimate

UNKNOWN = ErrorEstimate(synchronised=False, error_seconds=None)
Fate = Callable[[int], int]
"""Number of a packet in its direction to the number of copies that go on: 0 loses it."""


def whole(_number: int) -> int:
    """Every packet goes on once."""
    return 1


def without_every(nth: int) -> Fate:
    """Lose the nth packet, the 2nth and so on."""
    return lambda number: 0 if (number + 1) % nth == 0 else 1


@contextlib.contextmanager
def reflector(
    host: str = "127.0.0.1", *, open_to_all: bool = True, quality: ErrorEstimate = UNKNOWN
) -> Iterator[tuple[int, Reflector]]:
    """Run a reflector of ours; gives its port and itself."""
    udp, listener = bind(host, 0)
    made = Reflector(
        udp,
        listener,
        Admission(open_to_all=open_to_all),
        SystemClock(),
        Random(3),
        lambda: quality,
    )
    port = int(udp.getsockname()[1])
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield port, made
    finally:
        made.stop()
        thread.join()


@contextlib.contextmanager
def relay(to_port: int, up: Fate = whole, down: Fate = whole) -> Iterator[int]:
    """Pass TCP and UDP on to ``to_port``; what happens to UDP packets is their fate."""
    udp, listener = bind("127.0.0.1", 0)
    onward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    onward.connect(("127.0.0.1", to_port))
    stop, stopped = socket.socketpair()
    thread = threading.Thread(
        target=_pass_on, args=(udp, onward, listener, stopped, to_port, up, down)
    )
    thread.start()
    try:
        yield int(udp.getsockname()[1])
    finally:
        stop.close()
        thread.join()
        for sock in (udp, onward, listener, stopped):
            sock.close()


def _pass_on(
    udp: socket.socket,
    onward: socket.socket,
    listener: socket.socket,
    stopped: socket.socket,
    to_port: int,
    up: Fate,
    down: Fate,
) -> None:
    pairs: dict[socket.socket, socket.socket] = {}
    numbers = {"up": 0, "down": 0}
    peer = None
    while True:
        ready = select.select([udp, onward, listener, stopped, *pairs], [], [])[0]
        if stopped in ready:
            break
        for sock in ready:
            if sock is udp:
                data, peer = udp.recvfrom(65_535)
                for _ in range(up(numbers["up"])):
                    onward.send(data)
                numbers["up"] += 1
            elif sock is onward:
                with contextlib.suppress(ConnectionRefusedError):
                    data = onward.recv(65_535)
                    for _ in range(down(numbers["down"])):
                        udp.sendto(data, peer)
                    numbers["down"] += 1
            elif sock is listener:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", to_port))
                pairs |= {near: far, far: near}
            elif sock in pairs:
                _pipe(sock, pairs)
    for sock in pairs:
        sock.close()


def _pipe(sock: socket.socket, pairs: dict[socket.socket, socket.socket]) -> None:
    data = b""
    with contextlib.suppress(OSError):
        data = sock.recv(4096)
    other = pairs[sock]
    if data:
        other.sendall(data)
        return
    for end in (sock, other):
        del pairs[end]
        end.close()
