"""``POST /v1/enrol``: an appliance gives a one-time code and the hash of the token it made."""

from fastapi import APIRouter, Request

from collector.api.auth import require_private
from collector.api.context import Context
from collector.api.models import EnrolIn, EnrolOut, ErrorOut, SchoolName
from collector.api.refusal import Refusal
from collector.fleet import guesses
from collector.fleet.enrolment import Asked, code_key
from collector.fleet.enrolment import enrol as bind
from collector.operators.lockout import network_of
from collector.store.interface import AgentBound, CodeRefused
from wire.enrolment_code import read_code
from wire.ids import NO_AGENT
from wire.parsing import Refused


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
        store, now = context.store, context.clock.now()
        peer = network_of(request.client.host) if request.client else "local"
        wait = store.read(lambda sql: guesses.wait_seconds(sql, peer, now))
        if wait is not None:
            raise _too_many(wait)
        if asked.agent_id == NO_AGENT:
            raise Refusal(400, "nil_agent", "agent_id: the nil UUID is nobody: make a random one")
        wanted = Asked(code=asked.code, agent_id=asked.agent_id, token_sha256=asked.token_sha256)
        key = code_key(store)
        try:
            read_code(asked.code)
            school = store.write(lambda sql: bind(sql, key, wanted, now))
        except Refused as error:  # no guess: it cannot be anybody's
            raise Refusal(400, "code_form", f"this is no code ({error})") from None
        except CodeRefused as error:
            store.write(lambda sql: guesses.count_wrong(sql, peer, now))
            raise Refusal(403, "code", str(error)) from None
        except AgentBound as error:
            raise Refusal(409, "bound", str(error)) from None
        return EnrolOut(
            agent_id=asked.agent_id, school=SchoolName(code=school.code, name=school.name)
        )

    return routes


def _too_many(wait_seconds: float) -> Refusal:
    seconds = str(int(wait_seconds) + 1)
    return Refusal(
        429,
        "guesses",
        f"too many wrong codes: wait {seconds} seconds, then try again",
        {"Retry-After": seconds},
    )
