"""One write over HTTP to a store that behaves oddly."""

import contextlib
import socket
import threading

import pytest

from collector.export.request import Connection, Target
from collector.export.series import Sample


def test_a_reply_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every silence short: its status counts, its words end in time."""
    monkeypatch.setattr("collector.export.request.TIMEOUT_SECONDS", 3.0)
    over = threading.Event()

    def trickle(listener: socket.socket) -> None:
        taken, _ = listener.accept()
        with taken, contextlib.suppress(OSError):
            taken.recv(65_536)
            taken.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 4096\r\n\r\n")
            while not over.wait(0.1):
                taken.sendall(b".")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        connection = Connection(Target(f"http://127.0.0.1:{listener.getsockname()[1]}/write"))
        ender = threading.Timer(30.0, over.set)
        ender.start()
        try:
            reply = connection.write([Sample((("__name__", "x"),), (0, 0.0))])
            assert not over.is_set()
        finally:
            ender.cancel()
            over.set()
            connection.close()
            thread.join()
    assert reply.status == 503
