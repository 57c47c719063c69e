"""The gate before every route: who asks is checked before the route sees anything.

A request that matches no declared route ends here (404, 405), so nothing is reached past the gate.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.api.policy_of_routes import (
    UPLOAD_IN_SCOPE,
    UPLOADS,
    Caller,
    policy_of,
    routes_of,
)


class Doorkeeper(Protocol):
    """Decides about one request."""

    async def admit(self, caller: Caller, request: Request) -> Response | Receive:
        """Give what the route reads the body from, or the answer that turns it away."""
        ...


@dataclass(slots=True)
class _Place:
    pattern: re.Pattern[str]
    callers: dict[str, Caller] = field(default_factory=dict)
    uploads: dict[str, int] = field(default_factory=dict)


class Plan:
    """Every route with who may call it, in the order in which the router tries them."""

    def __init__(self) -> None:
        self._places: list[_Place] = []

    def declare(self, routes: Sequence[BaseRoute]) -> None:
        """Take over the routes. Raises UndeclaredRoute for one that is not in the table."""
        for method, path, pattern in routes_of(routes):
            caller = policy_of(method, path)
            if not self._places or self._places[-1].pattern.pattern != pattern:
                self._places.append(_Place(re.compile(pattern)))
            self._places[-1].callers.setdefault(method, caller)
            if most := UPLOADS.get(f"{method} {path}"):
                self._places[-1].uploads[method] = most

    def find(self, method: str, path: str) -> Caller | set[str]:
        """Give who may call, or the methods that are allowed instead (none: no such place)."""
        others: set[str] = set()
        if "\0" in path:  # is in no name, and PostgreSQL takes no text with it
            return others
        for place in self._places:
            if place.pattern.match(path):
                caller = place.callers.get(method)
                if caller is not None:
                    return caller
                others |= place.callers.keys()
        return others

    def upload_bytes(self, method: str, path: str) -> int | None:
        """Give the bytes of files that may be sent to a route; None: it takes none."""
        place = next((one for one in self._places if one.pattern.match(path)), None)
        return None if place is None else place.uploads.get(method)


class Gate:
    """Plain ASGI middleware, the innermost one."""

    def __init__(self, app: ASGIApp, plan: Plan, keeper: Doorkeeper) -> None:
        self._app = app
        self._plan = plan
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        found = self._plan.find(scope["method"], get_route_path(scope))
        if isinstance(found, Caller):
            most = self._plan.upload_bytes(scope["method"], get_route_path(scope))
            if most is not None:
                scope[UPLOAD_IN_SCOPE] = most
            admitted = await self._keeper.admit(found, Request(scope, receive))
            if isinstance(admitted, Response):
                await admitted(scope, receive, send)
            else:
                await self._app(scope, admitted, send)
        else:
            await _nothing_here(found)(scope, receive, send)


_NOT_FOUND: Final = {"detail": "Not Found"}
_NOT_ALLOWED: Final = {"detail": "Method Not Allowed"}


def _nothing_here(methods: set[str]) -> Response:
    if not methods:
        return JSONResponse(_NOT_FOUND, 404)
    return JSONResponse(_NOT_ALLOWED, 405, {"Allow": ", ".join(sorted(methods))})
