"""The doorkeeper: which credential each kind of caller has to show."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette._utils import get_route_path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive

from collector.api.auth import AGENT_OF_SCOPE, bearer_sha256, require_private, welcome
from collector.api.body import read_body
from collector.api.ingest import store_refusal
from collector.api.known_agents import KnownAgents
from collector.api.policy_of_routes import MAX_UPLOAD_FRAME_BYTES, UPLOAD_IN_SCOPE, Caller
from collector.api.refusal import Refusal
from collector.clock import Clock
from collector.metrics import Metrics
from collector.operators import accounts, cookies, forms, multipart, sessions
from collector.operators.access import Access, truly_local, within
from collector.operators.model import Role
from collector.operators.sign_in import secret_sha256
from collector.operators.signed_in import IN_SCOPE, SignedIn, is_form_token
from collector.store.interface import Store, StoreError

Show = Callable[[Request, Refusal], Response | None]
"""Gives the page that says a refusal to a person; None where a program asks."""
_ROLES: Final = {
    Caller.VIEWER: Role.VIEWER,
    Caller.SIGNED_IN: Role.VIEWER,
    Caller.OPERATOR: Role.OPERATOR,
    Caller.ADMINISTRATOR: Role.ADMINISTRATOR,
}

_CHALLENGE: Final = {"WWW-Authenticate": 'Cookie realm="hakaru"'}
_SOON: Final = {"Retry-After": "5"}
MAX_UPLOADS: Final = 4
"""Uploads that are read at once: each is in memory whole, up to its limit."""
_WHILE_TEMPORARY: Final = frozenset({"/account/password", "/sign-out"})
"""What an operator reaches whose password somebody else knows."""


class Keeper:
    """Decides about each request by the credential it shows."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        clock: Clock,
        access: Access,
        show: Show,
        *,
        insecure_lab: bool,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._access = access
        self._show = show
        self._insecure_lab = insecure_lab
        self._has_operators = False
        self._uploads = 0
        self._known = KnownAgents(store, clock)

    async def admit(self, caller: Caller, request: Request) -> Response | Receive:
        """Give what the route reads the body from, or the answer that turns it away."""
        try:
            if caller is Caller.AGENT:
                # the busy one: without a thread where it was here just now, else with one of those
                # that no page has, since pages wait, for each other and for strangers' passwords
                require_private(request, insecure_lab=self._insecure_lab)
                hashed = bearer_sha256(request)
                agent = self._known.recall(hashed) or await asyncio.to_thread(
                    self._known.ask, hashed
                )
                request.scope[AGENT_OF_SCOPE] = welcome(agent, self._clock.now())
                return request.receive
            return await self._person(caller, request)
        except Refusal as refusal:
            self._metrics.refused.labels(refusal.reason).inc()
            return self._show(request, refusal) or said(refusal)
        except StoreError as error:
            return said(store_refusal(error))

    async def _person(self, caller: Caller, request: Request) -> Receive:
        if caller is Caller.LOCAL:
            self._require_local(request)
            return request.receive
        if caller is Caller.PUBLIC:
            return request.receive
        changes = forms.changes_something(request)
        if changes and forms.from_elsewhere(request):
            raise _from_elsewhere()
        signed = await run_in_threadpool(self._session, request)
        if signed is None:
            reads = caller is Caller.VIEWER and not changes
            if reads and await run_in_threadpool(self._open_to_read, request):
                return request.receive
            raise Refusal(401, "no_session", "sign in first: /sign-in", _CHALLENGE)
        if not signed.operator.role.covers(_ROLES[caller]):
            raise Refusal(403, "role", f"this needs the role {_ROLES[caller].value}")
        if signed.operator.must_change and get_route_path(request.scope) not in _WHILE_TEMPORARY:
            raise Refusal(403, "must_change", "change your password first: /account/password")
        request.scope[IN_SCOPE] = signed
        if not changes:
            return request.receive
        if not _brings_files(request):
            return await read_form(request, signed.token)
        if self._uploads >= MAX_UPLOADS:
            raise Refusal(503, "busy", "others are sending files: try again", _SOON)
        self._uploads += 1
        try:
            return await read_form(request, signed.token)
        finally:
            self._uploads -= 1

    def _session(self, request: Request) -> SignedIn | None:
        token = cookies.read(request, "session")
        if token is None:
            return None
        hashed, now = secret_sha256(token), self._clock.now()
        found = self._store.read(lambda sql: sessions.find(sql, hashed, now))
        if found is None:
            return None
        operator, stale = found
        if stale:
            self._store.write(lambda sql: sessions.touch(sql, hashed, now))
        return SignedIn(operator, token)

    def _open_to_read(self, request: Request) -> bool:
        if self._access.public_pages:
            return True
        if not self._has_operators:  # once there is one it stays so: accounts are never deleted
            self._has_operators = self._store.read(accounts.any_at_all)
        return not self._has_operators and truly_local(request)

    def _require_local(self, request: Request) -> None:
        if not (truly_local(request) or within(request, self._access.metrics_from)):
            raise Refusal(
                403,
                "not_local",
                "this is answered on this machine only: name others with --metrics-from ADDRESS",
            )


async def read_form(request: Request, secret: str) -> Receive:
    """Read the form, check that a page of ours made it, and give what reads the body again.

    ``secret``: the cookie that the form's token is bound to. Raises :class:`Refusal`.
    """
    content_type = request.headers.get("content-type", "")
    if _brings_files(request):
        most: int = request.scope[UPLOAD_IN_SCOPE]
        body = await read_body(request, most + MAX_UPLOAD_FRAME_BYTES)
        form = await run_in_threadpool(multipart.parse, body, content_type)
        body = b""  # the route has the files; nothing reads the body again
    else:
        body = await read_body(request, forms.MAX_FORM_BYTES)
        form = forms.parse(body, content_type)
    shown = request.headers.get(forms.TOKEN_HEADER) or form.get(forms.TOKEN_FIELD, "")
    if not is_form_token(secret, shown):
        raise _from_elsewhere()
    request.scope[forms.IN_SCOPE] = form
    return _again(body, request.receive)


def _brings_files(request: Request) -> bool:
    """Say whether a request is an upload to a route that takes one."""
    content_type = request.headers.get("content-type", "")
    return UPLOAD_IN_SCOPE in request.scope and multipart.is_multipart(content_type)


def _again(body: bytes, after: Receive) -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await after()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def said(refusal: Refusal) -> Response:
    """Give the answer of the API that says a refusal."""
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)


def _from_elsewhere() -> Refusal:
    return Refusal(
        403,
        "form",
        "this form did not come from a page of this session: load the page again, then send it",
    )
