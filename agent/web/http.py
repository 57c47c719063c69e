"""One HTTP/1.1 exchange without a socket: the request's bytes, and what becomes of the answer's.

Parsed by h11. No cookie, no authorization, no referrer: a measurement tells nothing of itself
but its name. The body is counted; its beginning is kept to recognise block pages.
"""

from typing import Final

import h11

from agent import __version__
from agent.failure import MeasurementFailed
from agent.target_url import Url
from wire.failure import FailureCode, Operation

MAX_HEAD_BYTES: Final = 32_768
MAX_KEPT_BYTES: Final = 65_536
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Exchange:
    """One GET and its answer; feed it with :meth:`receive`."""

    def __init__(self, url: Url) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._url = url
        self.status: int | None = None
        """None until the head is complete."""
        self.headers: dict[str, str] = {}
        self.body_bytes = 0
        """Of the body, without its transfer coding; ``identity`` was asked for."""
        self.beginning = b""
        self.complete = False

    def request(self) -> bytes:
        """The bytes to send."""
        data = self._connection.send(
            h11.Request(
                method="GET",
                target=self._url.path,
                headers=[
                    ("Host", self._url.authority),
                    ("User-Agent", f"hakaru-agent/{__version__}"),
                    ("Accept", "*/*"),
                    ("Accept-Encoding", "identity"),
                    ("Cache-Control", "no-cache"),
                    ("Connection", "close"),
                ],
            )
        )
        self._connection.send(h11.EndOfMessage())
        assert data is not None
        return data

    def receive(self, data: bytes) -> None:
        """Take bytes (b'' at end of file). Raises :class:`MeasurementFailed`."""
        try:
            self._connection.receive_data(data)
            while not self.complete and self._take(self._connection.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            raise self._broken(ended=not data, why=str(error)) from error
        if not data and not self.complete:
            raise self._broken(ended=True, why="closed")

    def _take(self, event: object) -> bool:
        if isinstance(event, h11.Response):
            self.status = event.status_code
            self.headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
            }
        elif isinstance(event, h11.Data):
            self.body_bytes += len(event.data)
            room = MAX_KEPT_BYTES - len(self.beginning)
            self.beginning += bytes(event.data[:room])
        elif isinstance(event, h11.EndOfMessage):
            self.complete = True
        else:
            return isinstance(event, h11.InformationalResponse)
        return True

    def _broken(self, *, ended: bool, why: str) -> MeasurementFailed:
        if ended and self.status is None:
            text = "closed before it answered"
        elif ended:
            text = f"closed in the middle of the answer, after {self.body_bytes} bytes of body"
        else:
            text = f"what answered speaks no HTTP/1.1: {why}"
        code = FailureCode.EARLY_CLOSE if ended else FailureCode.PROTOCOL_ERROR
        operation = Operation.HANDSHAKE if self.status is None else Operation.DOWNLOAD
        return MeasurementFailed(code, operation, text)
