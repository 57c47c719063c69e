"""A scripted peer on loopback: reads one request a connection and answers with exact bytes."""

import gzip
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def records(self) -> list[dict[str, object]]:
        """Measurements in the batch."""
        raw = (
            gzip.decompress(self.body)
            if self.headers.get("content-encoding") == "gzip"
            else self.body
        )
        found: list[dict[str, object]] = json.loads(raw)["measurements"]
        return found

    @property
    def ids(self) -> list[str]:
        """Result ids in the batch."""
        return [str(record["result_id"]) for record in self.records]


Answer = Callable[[Got], bytes | None]


def http(status: int, body: bytes | str | dict[str, object] = b"", *headers: str) -> bytes:
    """A complete reply with a length."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def acknowledge(ids: list[str], quarantined: dict[str, str] | None = None) -> bytes:
    """A complete acknowledgement."""
    items: list[object] = [
        {"result_id": name, "reason": reason} for name, reason in (quarantined or {}).items()
    ]
    return http(200, {"committed": list(ids), "quarantined": items})


class Stub:
    """Listens on loopback; ``answer`` decides each reply (None: close without one)."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.got: list[Got] = []
        self.time_reply = http(404, {"detail": "an older collector"})
        self.heartbeat_reply = self.time_reply
        self.beats: list[Got] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            try:
                with connection:
                    self._talk(connection)
            except OSError:
                continue  # the agent was killed in the middle

    def _talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            head: list[str] = []
            while (line := stream.readline().decode("latin-1")) not in ("\r\n", ""):
                head.append(line.rstrip())
            if not head:
                return
            headers = {
                name.lower(): value.strip()
                for name, _, value in (item.partition(":") for item in head[1:])
            }
            length = int(headers.get("content-length", "0"))
            body = stream.read(length)
            if len(body) < length:
                return
            got = Got(head[0], headers, body)
            if got.line.startswith("GET /v1/time"):  # asked before the first delivery
                connection.sendall(self.time_reply)
                return
            if got.line.startswith("POST /v1/heartbeat"):  # beside the deliveries, at any moment
                self.beats.append(got)
                connection.sendall(self.heartbeat_reply)
                return
            self.got.append(got)
            reply = self.answer(got)
            if reply is not None:
                connection.sendall(reply)


class Collector:
    """An answer that stores like a collector: once each, counting what came again."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, object]] = {}
        self.sent_count: Counter[str] = Counter()

    def __call__(self, got: Got) -> bytes | None:
        """Store the batch and acknowledge it."""
        self.store(got)
        return acknowledge(got.ids)

    def store(self, got: Got) -> None:
        """Store the batch."""
        for record in got.records:
            name = str(record["result_id"])
            self.sent_count[name] += 1
            self.stored.setdefault(name, record)
