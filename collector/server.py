"""Uvicorn, bounded: how much a connection may send, how slow it may be, how many there may be."""

import asyncio
import resource
import socket
import sys
from typing import Any, Final, TextIO

import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from collector.api.body import BODY_SECONDS
from collector.config import ServeConfig

MAX_HEADER_BYTES: Final = 32 * 1024
HEADER_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than an agent's pause between two batches of a backlog."""
REQUEST_SECONDS: Final = BODY_SECONDS + 15.0
"""From the end of the headers to the end of the body; the route of results answers 408 before."""
READ_SECONDS: Final = 30.0
"""A client that takes less than 48 KiB of a longer reply in so long is cut off."""
MAX_CONNECTIONS: Final = 1_000
"""Requests on more are answered 503 with Retry-After."""
MOST_CONNECTIONS: Final = 1_500
"""More are closed without a word."""
SHED_SECONDS: Final = 10
"""Retry-After of a request that is turned away; agents add up to half of it by chance."""
STOP_SECONDS: Final = 8
"""Requests under way at SIGTERM get this long; 10 s is what a service manager may give."""
BACKLOG: Final = 1_024


class State(ServerState):
    """What the connections of one server share."""

    def __init__(self) -> None:
        super().__init__()
        self.turned_away: set[BoundedHttp] = set()
        """Connections that got their 503 and are about to end."""


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's fast protocol, which by itself bounds neither size nor time of headers.

    Nor the time of a body, nor that of a client that does not read its reply.
    """

    def __init__(self, *, server_state: State, **options: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(server_state=server_state, **options)
        self._turned_away = server_state.turned_away
        self._header_bytes = 0
        self._in_headers = True
        self._deadline: asyncio.TimerHandle | None = None
        self._read_deadline: asyncio.TimerHandle | None = None
        self._served = self.app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base
        """Give the first request its time; turn away what is far too much."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timer()
        self._stop_read_timer()
        self._turned_away.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Cut off a connection whose headers do not end."""
        if self._in_headers:
            if self._deadline is None:  # a further request on a kept connection
                self._expect_headers()
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES:
            self._cut_off()

    def on_headers_complete(self) -> None:
        """Headers ended: the body has its time; where there are too many, say so at once.

        One that was turned away is gone only when the loop comes round again. Requests that come
        all at once, after a stall, must not count it: with each turned away one fewer is too many.
        """
        self._in_headers = False
        self._header_bytes = 0
        self._stop_timer()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._cut_off)
        there = max(len(self.connections), len(self.tasks)) - len(self._turned_away)
        if there > MAX_CONNECTIONS:
            self.app = turn_away
            self._turned_away.add(self)
        else:
            self.app = self._served
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request ended: what follows is the headers of the next one."""
        self._in_headers = True
        self._stop_timer()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """More of a reply waits than the client takes: give it its time."""
        super().pause_writing()
        if self._read_deadline is None:
            self._read_deadline = self.loop.call_later(READ_SECONDS, self._cut_off)

    def resume_writing(self) -> None:
        """The client has read."""
        self._stop_read_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; do not wait for a client that leaves its reply unread."""
        if self.transport.get_write_buffer_size():
            self._cut_off()
        else:
            super().timeout_keep_alive_handler()

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._cut_off)

    def _stop_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_read_timer(self) -> None:
        if self._read_deadline is not None:
            self._read_deadline.cancel()
            self._read_deadline = None

    def _cut_off(self) -> None:
        self.transport.abort()  # close() would wait until the client has read what was written


async def turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503 without looking at the request."""
    refused = JSONResponse(
        {"detail": "too many connections: try again later"},
        503,
        {"Retry-After": str(SHED_SECONDS), "Connection": "close"},
    )
    await refused(scope, receive, send)


class Announcing(uvicorn.Server):
    """Says in one line where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, line: str, out: TextIO) -> None:
        super().__init__(config)
        self.server_state = State()
        self._line = line
        self._out = out

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then speak."""
        await super().startup(sockets)
        if self.started:
            self._out.write(f"{self._line}\n")  # in one: other threads write there too
            self._out.flush()


def allow_descriptors() -> None:
    """Take as many open files as this process may: 1,024, a usual limit, is fewer than clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = (
        4 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 4 * MOST_CONNECTIONS)
    )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def bind(config: ServeConfig) -> socket.socket:
    """Open the listening socket. Raises OSError."""
    host, port = config.listen.host, config.listen.port
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def address_of(config: ServeConfig, listener: socket.socket) -> str:
    """Give the URL people open; with the real port where 0 was asked for."""
    scheme = "https" if config.tls_cert is not None else "http"
    port: int = listener.getsockname()[1]
    return f"{scheme}://{config.listen.url_host}:{port}"


def make_server(
    app: FastAPI, config: ServeConfig, url: str, out: TextIO | None = None
) -> Announcing:
    """Make the server; ``run(sockets=[listener])`` serves until SIGTERM or SIGINT."""
    settings = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=config.behind_tls_proxy is not None,
        forwarded_allow_ips=config.behind_tls_proxy or "",
        ssl_certfile=config.tls_cert,
        ssl_keyfile=config.tls_key,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return Announcing(settings, f"listening on {url}", out or sys.stderr)
