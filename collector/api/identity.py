"""``POST /v1/identity/offer`` and ``/confirm``: an agent changes its secret by itself."""

from fastapi import APIRouter, Request

from collector.api.auth import bearer_sha256, require_agent, require_private
from collector.api.context import Context
from collector.api.models import ErrorOut, OfferIn, SecretOut
from collector.api.refusal import Refusal
from collector.fleet import renewal

_SAID = {
    renewal.Refusal.CLONED: (
        409,
        "two machines use this identity: its secret is not renewed until a person has looked",
    ),
    renewal.Refusal.TAKEN: (409, "this secret is or was in use: make another"),
    renewal.Refusal.UNKNOWN: (401, "this secret was not offered: offer it first"),
    renewal.Refusal.REVOKED: (403, "this agent was revoked: ask the board of education"),
}


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(
        prefix="/v1/identity",
        tags=["agents"],
        responses={code: {"model": ErrorOut} for code in (401, 403, 409, 422, 426, 503)},
    )

    @routes.post("/offer")
    def offer(asked: OfferIn, request: Request) -> SecretOut:
        """Announce the hash of the next secret, under the present one."""
        require_private(request, insecure_lab=context.insecure_lab)
        agent = require_agent(request, context.store)
        now = context.clock.now()
        refused = context.store.write(
            lambda sql: renewal.offer(sql, agent.agent_id, asked.token_sha256, now)
        )
        if refused is not None:
            raise _refusal(refused)
        return SecretOut(agent_id=agent.agent_id)

    @routes.post("/confirm")
    def confirm(request: Request) -> SecretOut:
        """Come with the offered secret: from the reply on it is the one in force."""
        require_private(request, insecure_lab=context.insecure_lab)
        hashed, now = bearer_sha256(request), context.clock.now()
        done = context.store.write(lambda sql: renewal.confirm(sql, hashed, now))
        if isinstance(done, renewal.Refusal):
            raise _refusal(done)
        return SecretOut(agent_id=done)

    return routes


def _refusal(why: renewal.Refusal) -> Refusal:
    status, detail = _SAID[why]
    return Refusal(status, f"secret_{why.value}", detail)
