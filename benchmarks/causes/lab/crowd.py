"""Pupils, or other schools: many connections that fetch all they get, or merely hold a place.

Ends when it is killed. In ``hold`` every connection is given up and opened again at moments by
chance, so that a table that is full has a free place now and then.

Usage: python crowd.py fetch|hold HOST PORT CONNECTIONS SEED
"""

import contextlib
import errno
import select
import socket
import sys
import time
from random import Random

READ_BYTES = 1 << 20
TRASH = bytearray(READ_BYTES)
LIFE_SECONDS = (2.0, 6.0)
AGAIN_SECONDS = 0.5
LONGEST_CONNECT_SECONDS = 3.0


def main() -> None:
    """Do so for ever."""
    what, host, port, count, seed = sys.argv[1:6]
    random = Random(int(seed))
    sockets: dict[socket.socket, float] = {}
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while len(sockets) < int(count):
            sockets[_opened(host, int(port))] = now + (
                random.uniform(*LIFE_SECONDS) if what == "hold" else 3600.0
            )
        ready = select.select(list(sockets), [], [], 0.1)[0]
        for sock in ready:
            if not _read(sock):
                del sockets[sock]
                sock.close()
        if ready and what == "fetch":
            time.sleep(0.005)  # in big reads
        for sock in [sock for sock, until in sockets.items() if until < now]:
            del sockets[sock]
            sock.close()


def _opened(host: str, port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        sock.connect((host, port))
    return sock


def _read(sock: socket.socket) -> bool:
    """Take in what came, unseen. False: this connection is over."""
    try:
        return sock.recv_into(TRASH, READ_BYTES, socket.MSG_TRUNC) > 0
    except BlockingIOError:
        return True
    except OSError as error:
        return error.errno == errno.EAGAIN


if __name__ == "__main__":
    main()
