"""A small web server that is not the bottleneck: the far end of uploads and of speedtest-cli.

Bodies that come are discarded in the kernel (MSG_TRUNC), bodies that go are one buffer sent over
and over. Answers as a server of speedtest.net is seen to do. Started as
``python -m benchmarks.throughput.web_end ADDRESS PORT [SECONDS THREADS]``.
"""

import contextlib
import socket
import sys
import threading

_PIECE = memoryview(bytes(1 << 20))
_TRASH = bytearray(1 << 20)
CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<settings><client ip="192.0.2.7" lat="36.3" lon="139.0" isp="Example"/>
<server-config threadcount="{threads}" ignoreids=""/>
<download testlength="{seconds}" threadsperurl="{threads}"/>
<upload testlength="{seconds}" ratio="5" maxchunkcount="50" threads="{threads}"/></settings>"""
SERVERS = """<?xml version="1.0" encoding="UTF-8"?>
<settings><servers><server url="http://{place}/speedtest/upload.php" lat="36.4" lon="139.1"
 name="Stand-in" country="Japan" cc="JP" sponsor="Benchmark" id="7"/></servers></settings>"""


def main() -> int:
    """Serve until killed."""
    address, port = sys.argv[1], int(sys.argv[2])
    seconds, threads = [*sys.argv[3:], "2", "1"][:2]
    texts = {
        "config.php": CONFIG.format(seconds=round(float(seconds)), threads=threads),
        "servers": SERVERS.format(place=f"{address}:{port}"),
        "latency": "test=test\n",
    }
    with socket.create_server((address, port), backlog=64) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_connection, args=(sock, texts), daemon=True).start()


def _connection(sock: socket.socket, texts: dict[str, str]) -> None:
    with sock, contextlib.suppress(OSError):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                got = sock.recv(4096)
                if not got:
                    return
                data += got
            head, _, data = data.partition(b"\r\n\r\n")
            data = _request(sock, head.decode("latin-1"), data, texts)


def _request(sock: socket.socket, head: str, early: bytes, texts: dict[str, str]) -> bytes:
    """Answer one request; give what came after it."""
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if method in ("POST", "PUT"):
        size = int(fields.get("content-length", 1 << 62))
        rest = _swallow(sock, size, early)
        _say(sock, f"size={size}".encode())
        return rest
    for name, text in texts.items():
        if name in path:
            _say(sock, text.encode())
            return early
    size = int(path.partition("random")[2].partition("x")[0]) ** 2 * 2
    sock.sendall(_head(size))
    while size > 0:
        size -= sock.send(_PIECE[:size])
    return early


def _swallow(sock: socket.socket, size: int, early: bytes) -> bytes:
    left = size - len(early)
    while left > 0:
        got = sock.recv_into(_TRASH, min(left, len(_TRASH)), socket.MSG_TRUNC)
        if not got:
            raise ConnectionResetError
        left -= got
    return early[size:]


def _say(sock: socket.socket, body: bytes) -> None:
    sock.sendall(_head(len(body)) + body)


def _head(size: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {size}\r\n\r\n".encode()


if __name__ == "__main__":
    sys.exit(main())
