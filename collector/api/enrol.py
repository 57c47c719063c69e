"""``POST /v1/enrol``: an appliance gives a one-time code and the hash of the token it made."""

from fastapi import APIRouter, Request

from collector.api.auth import require_private
from collector.api.context import Context
from collector.api.models import EnrolIn, EnrolOut, ErrorOut, SchoolName
from collector.api.refusal import Refusal
from collector.identity import code_sha256
from collector.store.interface import AgentBound, CodeRefused
from wire.ids import NO_AGENT


def router(context: Context) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["agents"])

    @routes.post(
        "/v1/enrol",
        status_code=201,
        responses={code: {"model": ErrorOut} for code in (400, 403, 409, 422, 426, 429, 503)},
    )
    def enrol(asked: EnrolIn, request: Request) -> EnrolOut:
        """Bind an agent to the school of a one-time code.

        Won by one; the very same request again (its reply was lost) succeeds again.
        """
        require_private(request, insecure_lab=context.insecure_lab)
        peer = request.client.host if request.client else "local"
        _check_guesses(context, peer)
        if asked.agent_id == NO_AGENT:
            raise Refusal(400, "nil_agent", "agent_id: the nil UUID is nobody: make a random one")
        try:
            school = context.store.enrol(
                code_sha256=code_sha256(asked.code),
                agent_id=asked.agent_id,
                token_sha256=asked.token_sha256,
                now=context.clock.now(),
            )
        except CodeRefused as error:
            context.guesses.count_wrong(peer, context.clock.monotonic_seconds())
            raise Refusal(403, "code", str(error)) from None
        except AgentBound as error:
            raise Refusal(409, "bound", str(error)) from None
        return EnrolOut(
            agent_id=asked.agent_id, school=SchoolName(code=school.code, name=school.name)
        )

    return routes


def _check_guesses(context: Context, peer: str) -> None:
    wait = context.guesses.wait_seconds(peer, context.clock.monotonic_seconds())
    if wait is not None:
        seconds = str(int(wait) + 1)
        raise Refusal(
            429,
            "guesses",
            f"too many wrong codes: wait {seconds} seconds, then try again",
            {"Retry-After": seconds},
        )
