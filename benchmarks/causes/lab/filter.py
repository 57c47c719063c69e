"""A web filter in a school's router: slow for what browsers fetch, or answering in its place.

Connections come by REDIRECT. ``slow`` passes each on to where it was going (SO_ORIGINAL_DST), and
no more than so many bit/s of it. ``block`` answers over TLS with a certificate of its own
authority and the words of a block page; ``login`` with a redirect to another host.

Usage: python filter.py slow ADDRESS BPS | block ADDRESS CERTIFICATE | login ADDRESS CERTIFICATE
"""

import contextlib
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable

PORT = 8888
TLS_PORT = 443
SO_ORIGINAL_DST = 80
TICK_SECONDS = 0.02
IDLE_SECONDS = 20
BLOCK_PAGE = "<html><title>Web Page Blocked!</title>アクセスがブロックされました</html>".encode()
BLOCKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + BLOCK_PAGE
LOGIN = (
    b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


def original(sock: socket.socket) -> tuple[str, int]:
    """Where the connection was going before it was redirected."""
    raw = sock.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    port, address = struct.unpack("!2xH4s8x", raw)
    return socket.inet_ntoa(address), port


def slow(bps: float) -> Callable[[socket.socket], None]:
    """Make a handler that passes bytes on at a rate."""

    def handle(client: socket.socket) -> None:
        with socket.create_connection(original(client), IDLE_SECONDS) as server:
            client.settimeout(IDLE_SECONDS)
            up = threading.Thread(target=pump, args=(client, server, None), daemon=True)
            up.start()
            pump(server, client, bps)

    return handle


def pump(source: socket.socket, to: socket.socket, bps: float | None) -> None:
    """Copy until the end of either side."""
    step = 65_536 if bps is None else max(1_448, int(bps / 8 * TICK_SECONDS))
    due = time.monotonic()
    with contextlib.suppress(OSError):
        while data := source.recv(step):
            to.sendall(data)
            if bps is not None:
                due = max(due, time.monotonic() - TICK_SECONDS) + 8 * len(data) / bps
                time.sleep(max(0.0, due - time.monotonic()))
        to.shutdown(socket.SHUT_WR)


def instead(certificate: str, answer: bytes) -> Callable[[socket.socket], None]:
    """Make a handler that answers in the place of whoever was asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def handle(client: socket.socket) -> None:
        client.settimeout(IDLE_SECONDS)
        if original(client)[1] != TLS_PORT:
            client.recv(8_192)
            client.sendall(answer)
            return
        with context.wrap_socket(client, server_side=True) as secured:
            secured.recv(8_192)
            secured.sendall(answer)

    return handle


def main() -> None:
    """Serve for ever."""
    what, address, amount = sys.argv[1:4]
    handle = (
        slow(float(amount))
        if what == "slow"
        else instead(amount, BLOCKED if what == "block" else LOGIN)
    )
    listener = socket.create_server((address, PORT), backlog=256)
    print("ready", flush=True)
    while True:
        client = listener.accept()[0]
        threading.Thread(target=guarded, args=(handle, client), daemon=True).start()


def guarded(handle: Callable[[socket.socket], None], client: socket.socket) -> None:
    """One connection; whoever goes away is no trouble."""
    with client, contextlib.suppress(OSError):
        handle(client)


if __name__ == "__main__":
    main()
