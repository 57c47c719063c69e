"""The upgrade from HTTP/1.1 to ndt7 over WebSocket (RFC 6455 section 4), both sides.

HTTP is parsed by h11; nothing here reads or writes a socket.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

import h11

from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation

SUBPROTOCOL: Final = "net.measurementlab.ndt.v7"
PATHS: Final = {"/ndt/v7/download": "download", "/ndt/v7/upload": "upload"}
REFUSAL_HEADER: Final = "Hakaru-Refusal"
"""Our responder names its reason here, so that a refusal is never mistaken for a block page."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MAX_HEAD_BYTES: Final = 16_384
_QUERY_LIMIT_BYTES: Final = 4_096
PACE_FIELD: Final = "pace_bps"
"""Query field of a download: send at most this many bits per second on this flow."""
LIMIT_FIELD: Final = "most_bytes"
"""Query field of a download: send at most this many bytes on this flow, then close."""
CUBIC_QUERY: Final = "congestion=cubic"
"""Query of a download: send with CUBIC, where that kernel lets the responder choose it."""
PROMPT_QUERY: Final = "prompt=1"
"""Query of a test whose small frames must not wait long behind its data."""
_NEVER_OURS: Final = (200, 407, 511)
"""A page, a proxy that wants a password, a network that wants a login (RFC 6585 section 6)."""
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def accept_key(key: str) -> str:
    """Answer to a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324 - the RFC's


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The handshake is done; ``early`` came in behind it and belongs to the frames."""

    early: bytes


class ClientHandshake:
    """What a client sends, and what it makes of the answer."""

    def __init__(
        self, host: str, path: str, key: bytes, user_agent: str, token: str | None = None
    ) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._key = base64.b64encode(key).decode()
        self._request = h11.Request(
            method="GET",
            target=path,
            headers=[
                ("Host", host),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", self._key),
                ("Sec-WebSocket-Protocol", SUBPROTOCOL),
                ("User-Agent", user_agent),
                *([("Authorization", f"Bearer {token}")] if token is not None else []),
            ],
        )

    def request(self) -> bytes:
        """The bytes to send."""
        data = self._connection.send(self._request)
        self._connection.send(h11.EndOfMessage())
        assert data is not None
        return data

    def receive(self, data: bytes) -> Upgraded | None:
        """Take bytes (b'' at end of file); None: more are needed.

        Raises :class:`MeasurementFailed` for every answer but the right one.
        """
        try:
            self._connection.receive_data(data)
            event = self._connection.next_event()
            while isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                event = self._connection.next_event()
        except h11.RemoteProtocolError as error:
            if not data:
                raise _failed(FailureCode.EARLY_CLOSE, "closed before it answered") from error
            raise _failed(
                FailureCode.PROTOCOL_ERROR, f"no HTTP answer: {str(error)[:120]}"
            ) from error
        if event is h11.NEED_DATA:
            return None
        if isinstance(event, h11.ConnectionClosed):
            raise _failed(FailureCode.EARLY_CLOSE, "closed before it answered")
        if isinstance(event, h11.InformationalResponse):
            self._check(event)
            return Upgraded(self._connection.trailing_data[0])
        assert isinstance(event, h11.Response)
        raise _refused(event)

    def _check(self, event: h11.InformationalResponse) -> None:
        headers = _headers(event)
        if not _asks_for_websocket(headers):
            raise _failed(
                FailureCode.PROTOCOL_ERROR,
                "101 without 'Upgrade: websocket' and 'Connection: Upgrade'",
            )
        if headers.get("sec-websocket-accept") != accept_key(self._key):
            raise _failed(
                FailureCode.PROTOCOL_ERROR, "101 with a Sec-WebSocket-Accept that is not ours"
            )
        if headers.get("sec-websocket-protocol") != SUBPROTOCOL:
            found = headers.get("sec-websocket-protocol", "none")
            raise _failed(
                FailureCode.WRONG_SUBPROTOCOL, f"found {found[:60]}, wanted {SUBPROTOCOL}"
            )
        if "sec-websocket-extensions" in headers:
            raise _failed(FailureCode.PROTOCOL_ERROR, "an extension nobody asked for")


def _refused(event: h11.Response) -> MeasurementFailed:
    headers = _headers(event)
    status = event.status_code
    if (reason := headers.get(REFUSAL_HEADER.lower())) is not None:
        return _failed(FailureCode.NOT_ADMITTED, reason[:200])
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    where = headers.get("location", "")
    if 300 <= status < 400 or status in _NEVER_OURS or "html" in kind:
        detail = f"{status} {kind or 'without a type'}" + (f" to {_page(where)}" if where else "")
        return _failed(
            FailureCode.INTERCEPTED,
            f"somebody else answered instead of 101: {detail}. Look for a filter or a login page",
        )
    return _failed(FailureCode.HTTP_STATUS, f"{status} instead of 101")


def _failed(code: FailureCode, text: str) -> MeasurementFailed:
    # A stranger's words: one line without control characters, 8-bit ones included.
    return MeasurementFailed(code, Operation.HANDSHAKE, _UNPRINTABLE.sub("?", text))


def _page(location: str) -> str:
    """Where a redirect goes, without its query: login pages carry devices and users in it."""
    return location.partition("?")[0].partition("#")[0][:100]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A good upgrade request: the test it asks for, its headers, and the answer to send."""

    test: str
    headers: dict[str, str]
    query: str
    response: bytes
    early: bytes

    @property
    def pace_bps(self) -> int | None:
        """Rate the client asks a download to be paced at; None: as fast as it goes.

        What cannot be read is ignored, as the ndt7 specification says of unknown metadata.
        """
        return self._number(PACE_FIELD)

    @property
    def most_bytes(self) -> int | None:
        """Bytes after which the client wants no more of a download; None: it did not say."""
        return self._number(LIMIT_FIELD)

    @property
    def prompt(self) -> bool:
        """Whether the client asks that small frames do not wait long behind the data."""
        return self._asks(PROMPT_QUERY)

    @property
    def cubic(self) -> bool:
        """Whether the client asks for CUBIC. No other congestion control can be asked for."""
        return self._asks(CUBIC_QUERY)

    def _asks(self, query: str) -> bool:
        name, _, value = query.partition("=")
        return parse_qs(self.query).get(name) == [value]

    def _number(self, name: str) -> int | None:
        text = parse_qs(self.query).get(name, [""])[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


class Rejected(Exception):
    """A request that is no ndt7 upgrade. ``response`` is the complete answer to send."""

    def __init__(self, status: int, reason: str, *, refusal: bool = False) -> None:
        self.response = refuse(status, reason, refusal=refusal)
        super().__init__(f"{status}: {reason}")


class ServerHandshake:
    """What a server makes of a request."""

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    def receive(self, data: bytes) -> Upgrade | None:
        """Take bytes; None: more are needed. Raises :class:`Rejected`."""
        try:
            self._connection.receive_data(data)
            event = self._connection.next_event()
        except h11.RemoteProtocolError as error:
            raise Rejected(error.error_status_hint, str(error)[:120]) from error
        if event is h11.NEED_DATA:
            return None
        if not isinstance(event, h11.Request):
            raise Rejected(400, "closed before the request was complete")
        return self._accept(event)

    def _accept(self, request: h11.Request) -> Upgrade:
        headers = _headers(request)
        path, _, query = request.target.decode("latin-1").partition("?")
        if path not in PATHS:
            raise Rejected(404, "the tests are " + " and ".join(PATHS))
        if request.method != b"GET" or not _asks_for_websocket(headers):
            raise Rejected(426, "a WebSocket upgrade is wanted")
        if request.http_version != b"1.1":
            raise Rejected(505, "HTTP/1.1 is wanted")
        if len(query) > _QUERY_LIMIT_BYTES:
            raise Rejected(414, f"the query is over {_QUERY_LIMIT_BYTES} bytes")
        if headers.get("sec-websocket-version") != "13":
            raise Rejected(426, "Sec-WebSocket-Version 13 is wanted")
        offered = [item.strip() for item in headers.get("sec-websocket-protocol", "").split(",")]
        if SUBPROTOCOL not in offered:
            raise Rejected(400, f"the subprotocol {SUBPROTOCOL} is wanted")
        key = headers.get("sec-websocket-key", "")
        if not _is_key(key):
            raise Rejected(400, "Sec-WebSocket-Key is not 16 bytes in base64")
        response = self._connection.send(
            h11.InformationalResponse(
                status_code=101,
                reason=b"Switching Protocols",
                headers=[
                    ("Upgrade", "websocket"),
                    ("Connection", "Upgrade"),
                    ("Sec-WebSocket-Accept", accept_key(key)),
                    ("Sec-WebSocket-Protocol", SUBPROTOCOL),
                ],
            )
        )
        assert response is not None
        early = self._connection.trailing_data[0]
        return Upgrade(PATHS[path], headers, query, response, early)


def refuse(status: int, reason: str, *, refusal: bool) -> bytes:
    """A complete error answer. ``refusal``: a decision of ours, named in a header."""
    body = json.dumps({"error": reason}).encode()
    lines = [f"HTTP/1.1 {status} {'Forbidden' if status == 403 else 'Refused'}"]
    if refusal:
        lines.append(f"{REFUSAL_HEADER}: {reason}")
    lines += [
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def _headers(event: h11.Request | h11.Response | h11.InformationalResponse) -> dict[str, str]:
    """Names in lower case; a name that comes twice is one list (RFC 9110 section 5.3)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _asks_for_websocket(headers: dict[str, str]) -> bool:
    options = [item.strip().lower() for item in headers.get("connection", "").split(",")]
    return headers.get("upgrade", "").lower() == "websocket" and "upgrade" in options


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        return False
