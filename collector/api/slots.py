"""``/v1/slots``: agents ask for slots and give them back; the public keys for responders."""

import asyncio
from random import Random
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from collector.api.auth import require_agent, require_private
from collector.api.body import read_body
from collector.api.context import Context
from collector.api.models import ErrorOut
from collector.api.refusal import Refusal
from collector.slots.grant import Desk
from collector.slots.keys import SlotKeys, public_keys
from collector.store.interface import Agent
from wire.codec import Refused, parse_object
from wire.fields import read_uuid
from wire.slot_token import write_key
from wire.slots import MAX_REQUEST_BYTES, SlotReply, SlotRequest, decode_request, encode_reply

_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorOut} for code in (400, 401, 403, 404, 408, 413, 426, 503, 507)
}


def router(context: Context, keys: SlotKeys | None, chance: Random) -> APIRouter:
    """Make the routes; without ``keys`` no slot is granted on a known responder."""
    routes = APIRouter(tags=["slots"])
    desk = Desk(context.store, keys, chance)

    @routes.post(
        "/v1/slots", response_class=Response, responses=_ERRORS, openapi_extra=_described(_ASKED)
    )
    async def ask(request: Request) -> Response:
        """Grant a slot, or say when to ask again."""
        require_private(request, insecure_lab=context.insecure_lab)
        agent = require_agent(request, context.store)
        asked = _request(await read_body(request, MAX_REQUEST_BYTES))
        reply = await asyncio.to_thread(_answer, context, desk, agent, asked)
        return Response(encode_reply(reply), media_type="application/json")

    @routes.post(
        "/v1/slots/release",
        response_class=Response,
        status_code=204,
        responses=_ERRORS,
        openapi_extra=_described(_RELEASED),
    )
    async def release(request: Request) -> Response:
        """Take a slot back before its time."""
        require_private(request, insecure_lab=context.insecure_lab)
        agent = require_agent(request, context.store)
        raw = await read_body(request, MAX_REQUEST_BYTES)
        try:
            slot_id = read_uuid("slot_id", parse_object(raw, "request").get("slot_id"))
        except Refused as refused:
            raise Refusal(400, "slot", str(refused)) from None
        now = context.clock.now()
        if not await asyncio.to_thread(desk.release, agent.agent_id, slot_id, now):
            raise Refusal(404, "no_slot", "this agent has no such slot")
        return Response(status_code=204)

    @routes.get("/v1/slot-keys", response_class=Response)
    def slot_keys() -> Response:
        """Give the public keys in force, one a line: the key file of a responder."""
        found = context.store.read(public_keys)
        lines = [
            f"{write_key(one.public)}  # {one.key_id}\n" for one in found if not one.retired_at
        ]
        return Response("".join(lines), media_type="text/plain; charset=utf-8")

    return routes


def _request(raw: bytes) -> SlotRequest:
    try:
        return decode_request(raw)
    except Refused as refused:
        raise Refusal(400, "slot", str(refused)) from None


def _answer(context: Context, desk: Desk, agent: Agent, asked: SlotRequest) -> SlotReply:
    school = context.store.school(agent.school_code)
    if school is None:
        raise Refusal(404, "no_school", f"school {agent.school_code} is not known any more")
    return desk.ask(agent.agent_id, school, asked, context.clock.now())


_ASKED: dict[str, Any] = {
    "type": "object",
    "required": ["request_id", "target", "kinds", "flows", "seconds", "bytes"],
    "properties": {
        "request_id": {"type": "string", "format": "uuid"},
        "target": {"type": "string", "maxLength": 255},
        "kinds": {
            "type": "array",
            "items": {"enum": ["download", "upload", "stamp"]},
            "minItems": 1,
        },
        "flows": {"type": "integer", "minimum": 1, "maximum": 64},
        "seconds": {"type": "integer", "minimum": 1, "maximum": 600},
        "bytes": {"type": "integer", "minimum": 1},
        "rehearsal": {"type": "string", "format": "uuid"},
    },
}
_RELEASED: dict[str, Any] = {
    "type": "object",
    "required": ["slot_id"],
    "properties": {"slot_id": {"type": "string", "format": "uuid"}},
}


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "security": [{"agent": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }
