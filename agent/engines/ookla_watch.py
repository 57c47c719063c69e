"""speedtest-cli's connections with a watcher in them: every byte and status leaves a record.

The library looks its two connection classes up by name whenever it opens a connection; they are
replaced by watching subclasses, so nothing that it does passes unseen. Only the child process
:mod:`agent.engines.ookla_child` imports the library.
"""

# ruff: noqa: ANN401 - the library has no types; D102, FBT - methods are those of http.client

import http.client
import socket
import ssl
from typing import Any, Final

from agent.engines.ookla_ledger import KEPT_BYTES, Kind, Ledger, Record
from agent.throughput import tcp_info
from wire.failure import Operation

MAX_LIST_BYTES: Final = 8_000_000
"""The list of all servers is about 2 MB."""
_CONFIRMATION_BYTES: Final = 64
Sockets = dict[int, tuple[Record, socket.socket]]


class Watched(http.client.HTTPResponse):
    """An answer that tells its record what passes."""

    record: Record | None = None

    def read(self, amt: int | None = None) -> bytes:
        """Read as usual; an upload's short answer is read whole, to see its confirmation."""
        record = self.record
        assert record is not None
        upload = record.kind == "upload" and amt is not None
        try:
            data = super().read(_CONFIRMATION_BYTES if upload else amt)
        except (OSError, http.client.HTTPException) as error:
            record.trouble = error
            raise
        record.body_bytes += len(data)
        record.beginning += data[: KEPT_BYTES - len(record.beginning)]
        if not data or upload:
            record.missing_bytes = self.length or 0
            record.ended = True
        if record.kind in ("config", "servers") and record.body_bytes > MAX_LIST_BYTES:
            record.trouble = OSError(f"more than {MAX_LIST_BYTES} bytes")
            raise record.trouble
        return data[:amt] if upload else data

    def close(self) -> None:
        """Close; nothing more is coming."""
        if self.record is not None:
            self.record.ended = True
        super().close()


def install(library: Any, ledger: Ledger, sockets: Sockets) -> None:
    """Put watchers into the library. ``sockets`` gets the open socket of each upload."""
    for name in ("SpeedtestHTTPConnection", "SpeedtestHTTPSConnection"):
        parts = {"ledger": ledger, "sockets": sockets}
        setattr(library, name, type(name, (_Watching, getattr(library, name)), parts))


def note_acked(record: Record, sock: socket.socket) -> None:
    """Take over from the kernel how much of an upload has arrived."""
    try:
        acked = tcp_info.read(sock).bytes_acked
    except (OSError, ValueError):
        return  # closed: what was seen last stands
    if acked is not None and record.header_bytes is not None:
        body = min(acked - record.header_bytes, record.body_sent_bytes)
        record.acked_bytes = max(record.acked_bytes, body)


def kind_of(method: str, path: str) -> Kind:
    """Tell what a request of the library is for."""
    if method == "POST":
        return "upload"
    name = path.partition("?")[0].rpartition("/")[2]
    if name == "speedtest-config.php":
        return "config"
    if name.startswith("speedtest-servers"):
        return "servers"
    return "latency" if name == "latency.txt" else "download"


class _Watching(http.client.HTTPConnection):
    """Stands before one of the library's connection classes and watches what it does."""

    response_class = Watched
    ledger: Ledger
    sockets: Sockets
    record: Record | None = None

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        self.record = self.ledger.open(kind_of(method, url), self.host)
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def connect(self) -> None:
        record = self._record()
        try:
            super().connect()
        except OSError as error:
            record.trouble = error
            if isinstance(error, ssl.SSLError):
                record.stage = Operation.TLS
            raise
        record.stage = Operation.HANDSHAKE
        if record.kind == "upload":
            self.sockets[id(record)] = (record, self.sock)

    def send(self, data: Any) -> None:
        record = self._record()
        first = record.header_bytes is None
        if not first:
            record.stage = Operation.UPLOAD
        try:
            super().send(data)
        except OSError as error:
            self._refused_early(record, error)
            raise
        if first:
            record.header_bytes = len(data)
        else:
            record.body_sent_bytes += len(data)

    def getresponse(self) -> Watched:
        record = self._record()
        try:
            answer = super().getresponse()
        except (OSError, http.client.HTTPException) as error:
            record.trouble = error
            raise
        assert isinstance(answer, Watched)
        answer.record = record
        record.content_type = answer.getheader("Content-Type") or ""
        record.location = answer.getheader("Location") or ""
        if record.kind == "download":
            record.stage = Operation.DOWNLOAD
        record.status = answer.status
        return answer

    def close(self) -> None:
        if self.record is not None and self.record.status is None:
            self.record.ended = True
        super().close()

    def _refused_early(self, record: Record, error: OSError) -> None:
        """A server that refuses an upload answers at once and closes: see whether it did."""
        try:
            self.getresponse().read(KEPT_BYTES)
        except (OSError, http.client.HTTPException):
            record.trouble = error

    def _record(self) -> Record:
        assert self.record is not None
        return self.record
