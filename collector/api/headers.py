"""What holds for every route: headers of answers, and a bound on bodies."""

from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.api.body import too_large
from collector.api.policy_of_routes import MAX_UPLOAD_FRAME_BYTES, UPLOAD_IN_SCOPE

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-store"),
)
COMPRESSED_FROM_BYTES: Final = 1_000
_LEVEL: Final = 6
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Plain ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what is missing to the start of each response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                wanted = (*_ALWAYS, _HSTS) if scope["scheme"] == "https" else _ALWAYS
                headers += [item for item in wanted if item[0] not in present]
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, with_headers)


class HeadAsGet:
    """Plain ASGI middleware: HEAD is answered as GET is, without the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for GET, pass on the headers."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(dict(scope) | {"method": "GET"}, receive, without_body)


class Compressed:
    """Plain ASGI middleware: what is read (GET) goes out as gzip to those who take it.

    Answers to what changes something are left alone: they may show a secret once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._packed = GZipMiddleware(app, COMPRESSED_FROM_BYTES, _LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, compressed or not."""
        readable = scope["type"] == "http" and scope["method"] == "GET"
        await (self._packed if readable else self._app)(scope, receive, send)


class BodyLimit:
    """Plain ASGI middleware: no route reads a larger body, whatever it does with it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes; raises :class:`collector.api.refusal.Refusal` (413) in the route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            most = max(self._max_bytes, _upload_bytes(scope))
            if received > most:
                raise too_large("more", most)
            return message

        await self._app(scope, counted, send)


def _upload_bytes(scope: Scope) -> int:
    """How large a body the gate lets this request have, which it knows only behind this."""
    files: int = scope.get(UPLOAD_IN_SCOPE, 0)
    return files + MAX_UPLOAD_FRAME_BYTES if files else 0
