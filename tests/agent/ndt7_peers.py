"""Far ends that misbehave as told: small scripted servers over loopback."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from agent.throughput.framing import Opcode, build_frame, build_header
from agent.throughput.handshake import SUBPROTOCOL, accept_key

Script = Callable[[socket.socket, threading.Event], None]
"""What a server does with one connection; the event says that the test is over."""

PIECE: Final = build_header(Opcode.BINARY, 8192) + bytes(8192)
GOOD_BYE: Final = build_frame(Opcode.CLOSE, struct.pack(">H", 1000), masked=False)


@contextlib.contextmanager
def serving(script: Script, receive_buffer_bytes: int | None = None) -> Iterator[int]:
    """Run ``script`` for every connection to the port this gives; end all at the end."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    listener = socket.create_server(("127.0.0.1", 0))
    if receive_buffer_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    listener.settimeout(0.05)

    def one(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            sock.settimeout(0.1)
            script(sock, over)

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = listener.accept()
                threads.append(threading.Thread(target=one, args=(sock,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        accepting.join()
        for thread in threads:
            thread.join()
        listener.close()


def answering(answer: bytes) -> Script:
    """Give ``answer`` to any request, then close."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        _request(sock, over)
        sock.sendall(answer)

    return script


def asked(then: Script) -> Script:
    """Read the request, go on ``then``."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        _request(sock, over)
        then(sock, over)

    return script


def upgraded(then: Script, **changes: str | None) -> Script:
    """Upgrade, properly but for ``changes`` of ``accept`` and ``protocol``, and go on ``then``."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        request = _request(sock, over).decode("latin-1")
        key = next(
            line.partition(": ")[2]
            for line in request.split("\r\n")
            if line.lower().startswith("sec-websocket-key")
        )
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": changes.get("accept", accept_key(key)),
            "Sec-WebSocket-Protocol": changes.get("protocol", SUBPROTOCOL),
        }
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        sock.sendall("\r\n".join(["HTTP/1.1 101 Hello", *lines, "", ""]).encode())
        then(sock, over)

    return script


def moving(seconds: float, then: Script) -> Script:
    """Send and receive what goes for ``seconds``, go on ``then``."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        until = time.monotonic() + seconds
        rest = memoryview(PIECE)
        sock.settimeout(0.01)
        download = _is_download(sock)
        while time.monotonic() < until and not over.is_set():
            with contextlib.suppress(TimeoutError):
                if not download:
                    sock.recv(1 << 20)
                    continue
                rest = rest[sock.send(rest) :] or memoryview(PIECE)
        sock.settimeout(0.5)
        if download:  # end at the end of a frame
            sock.sendall(rest)
        then(sock, over)

    return script


def waiting(_sock: socket.socket, over: threading.Event) -> None:
    """Say nothing, read nothing."""
    over.wait()


def reset(sock: socket.socket, _over: threading.Event) -> None:
    """Close with RST (socket(7), SO_LINGER of 0 seconds)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leave(sock: socket.socket, over: threading.Event) -> None:
    """End the stream without a good-bye, reading on so that it is a FIN and no RST."""
    sock.shutdown(socket.SHUT_WR)
    _drain(sock, over)


def say(data: bytes) -> Script:
    """Send ``data`` once, then read on."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        sock.sendall(data)
        _drain(sock, over)

    return script


def dripping(data: bytes, every_seconds: float) -> Script:
    """Send ``data`` again and again with a pause, reading a little."""

    def script(sock: socket.socket, over: threading.Event) -> None:
        while not over.wait(every_seconds):
            sock.sendall(data)
            with contextlib.suppress(TimeoutError):
                sock.recv(1000)

    return script


_paths: dict[int, bytes] = {}


def _request(sock: socket.socket, over: threading.Event) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and not over.is_set():
        with contextlib.suppress(TimeoutError):
            piece = sock.recv(4096)
            if not piece:
                raise ConnectionError("the client left")
            data += piece
    _paths[id(sock)] = data.split(b" ")[1]
    return data


def _is_download(sock: socket.socket) -> bool:
    return _paths[id(sock)].partition(b"?")[0].endswith(b"download")


def _drain(sock: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            if not sock.recv(1 << 20):
                return
