"""What stands on the internet of the laboratory: a resolver, a web server and a source of bytes.

One process for a school. It reads orders from standard input, one JSON object a line, and answers
each with ``done``; a fault of the far side is an order. Orders: ``dns_delay_seconds`` (before every
answer), ``dns_failure_ratio`` (queries that get no answer), ``web_delay_seconds`` (before the
first byte of a page of the one service; the other and files are not held up).

Usage: python -m benchmarks.causes.lab.services CERTIFICATE ADDRESS SEED
"""

import contextlib
import json
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Final

PAGE_HOST: Final = "lessons.lab"
OTHER_PAGE_HOST: Final = "office.lab"
"""Of another service: never slow by itself."""
FILE_HOST: Final = "files.lab"
ZONE: Final = "names.lab"
"""Below it every name exists, so that a random one is answered and in no cache."""
FILE_PORT: Final = 8080
SOURCE_PORT: Final = 9000
"""Sends as long as somebody reads."""
HOLD_PORT: Final = 9001
"""Takes connections and says nothing."""
PAGE: Final = b"<html><title>lessons</title>" + b"x" * 60_000 + b"</html>"
FILE_BYTES: Final = 1_000_000_000
CHUNK: Final = bytes(64 * 1024)
TYPE_A: Final = 1
ORDERS: Final = {"dns_delay_seconds": 0.0, "dns_failure_ratio": 0.0, "web_delay_seconds": 0.0}


Serve = Callable[[socket.socket], None]


class Services:
    """All servers of one address."""

    def __init__(self, certificate: str, address: str, random: Random) -> None:
        self.orders = dict(ORDERS)
        self._address = address
        self._random = random
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)

    def start(self) -> None:
        """Serve in threads."""
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((self._address, 53))
        threading.Thread(target=self._answer_names, args=(udp,), daemon=True).start()
        for port, serve in (
            (443, self._page), (FILE_PORT, self._file), (SOURCE_PORT, self._source),
            (HOLD_PORT, self._hold),
        ):  # fmt: skip
            listener = socket.create_server((self._address, port), backlog=512)
            threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()

    def _accept(self, listener: socket.socket, serve: Serve) -> None:
        while True:
            sock = listener.accept()[0]
            threading.Thread(target=self._guarded, args=(sock, serve), daemon=True).start()

    def _guarded(self, sock: socket.socket, serve: Serve) -> None:
        with sock, contextlib.suppress(OSError):  # clients that go away are no trouble
            sock.settimeout(30)
            serve(sock)

    def _answer_names(self, udp: socket.socket) -> None:
        while True:
            query, peer = udp.recvfrom(4_096)
            if self._random.random() < self.orders["dns_failure_ratio"]:
                continue
            answer = answer_to(query, self._address)
            late = threading.Timer(self.orders["dns_delay_seconds"], udp.sendto, (answer, peer))
            late.daemon = True
            late.start()

    def _page(self, sock: socket.socket) -> None:
        with self._tls.wrap_socket(sock, server_side=True) as secured:
            asked = secured.recv(8_192)
            if PAGE_HOST.encode() in asked:
                time.sleep(self.orders["web_delay_seconds"])
            secured.sendall(head("text/html", len(PAGE)) + PAGE)

    def _file(self, sock: socket.socket) -> None:
        sock.recv(8_192)
        sock.sendall(head("application/octet-stream", FILE_BYTES))
        self._source(sock)

    def _source(self, sock: socket.socket) -> None:
        while True:
            sock.sendall(CHUNK)

    def _hold(self, sock: socket.socket) -> None:
        select.select([sock], [], [])


def head(kind: str, length: int) -> bytes:
    """Status 200 and what a client needs to know."""
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


def answer_to(query: bytes, address: str) -> bytes:
    """Answer a DNS query (RFC 1035): our address for A, nothing for other types."""
    end = 12
    while query[end]:
        end += 1 + query[end]
    question = query[12 : end + 5]
    (kind,) = struct.unpack(">H", query[end + 1 : end + 3])
    name = query[12:end].decode("ascii", "replace").rstrip("\0")
    exists = not name.endswith("invalid")
    records = b""
    if exists and kind == TYPE_A:
        records = b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, 1, 60, 4) + socket.inet_aton(address)
    flags = 0x8180 if exists else 0x8183
    return (
        query[:2] + struct.pack(">HHHHH", flags, 1, int(bool(records)), 0, 0) + question + records
    )


def main() -> None:
    """Serve, and take orders until standard input ends."""
    certificate, address, seed = sys.argv[1:4]
    services = Services(certificate, address, Random(int(seed)))
    services.start()
    print("serving", flush=True)
    for line in sys.stdin:
        services.orders.update(json.loads(line))
        print("done", flush=True)


if __name__ == "__main__":
    main()
