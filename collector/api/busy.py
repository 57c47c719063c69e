"""The one busy route, taken past the middleware and the router that all others go through.

It is asked many times as often as the rest together, and of what a request cost, a quarter went
into layers that had nothing to do for it. It stands at the outer end behind a gate of its own, of
the same plan and keeper, so that its policy is the one of the table; refusals are answered as JSON
and the headers of every answer are added, as the layers would.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from collector.api.gate import Doorkeeper, Gate, Plan
from collector.api.headers import SecurityHeaders
from collector.api.keeper import said
from collector.api.refusal import Refusal

METHOD: Final = "POST"
PATH: Final = "/v1/measurements"


class BusyRoute:
    """Plain ASGI middleware, the outermost one."""

    def __init__(
        self,
        app: ASGIApp,
        plan: Plan,
        keeper: Doorkeeper,
        take: Callable[[Request], Awaitable[Response]],
    ) -> None:
        """``take``: the endpoint; its body is bounded by itself."""
        self._app = app
        self._take = take
        self._busy = SecurityHeaders(Gate(self._answer, plan, keeper))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the busy route; leave the rest to the others."""
        if scope["type"] == "http" and scope["method"] == METHOD and get_route_path(scope) == PATH:
            await self._busy(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._take(Request(scope, receive))
        except Refusal as refusal:
            answer = said(refusal)
        await answer(scope, receive, send)
