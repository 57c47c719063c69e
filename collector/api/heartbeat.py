"""``POST /v1/heartbeat``: an agent says how it is and hears what is asked of it.

The reply is put together from ``context.heartbeat_providers``: each is called with the agent, its
heartbeat and the time, in a thread of its own, and gives fields of :class:`wire.heartbeat.Reply`.
Commands of several providers are joined; of other fields the first provider's word counts.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from collector.api.auth import require_agent, require_private
from collector.api.body import decompress, read_body
from collector.api.context import Context
from collector.api.models import ErrorOut
from collector.api.refusal import Refusal
from collector.fleet.beats import Arrived
from collector.fleet.book import BeatBook
from collector.fleet.provider import Provider
from collector.store.interface import Agent
from wire.codec import Refused
from wire.heartbeat import MAX_REQUEST_BYTES, Command, Heartbeat, IdentityHints, Reply
from wire.heartbeat_codec import decode_request, encode_reply, encode_request


def router(context: Context) -> APIRouter:
    """Make the route."""
    routes = APIRouter(tags=["agents"])
    book = BeatBook(context.store)

    @routes.post(
        "/v1/heartbeat",
        response_class=Response,
        responses={code: {"model": ErrorOut} for code in (400, 401, 403, 408, 413, 426, 503, 507)},
        openapi_extra=_DESCRIPTION,
    )
    async def heartbeat(request: Request) -> Response:
        """Take a heartbeat; answer with the time and what is asked of the agent."""
        require_private(request, insecure_lab=context.insecure_lab)
        agent = require_agent(request, context.store)
        body = await read_body(request, MAX_REQUEST_BYTES)
        raw = decompress(body, request.headers.get("content-encoding", ""), MAX_REQUEST_BYTES)
        try:
            beat = decode_request(raw)
        except Refused as refused:
            raise Refusal(400, "heartbeat", str(refused)) from None
        now = context.clock.now()
        await book.keep(Arrived(agent, beat, encode_request(beat).decode(), now))
        reply = await asyncio.to_thread(assemble, context.heartbeat_providers, agent, beat, now)
        peer = None if request.client is None else request.client.host
        reply = replace(reply, identity=replace(reply.identity, seen_from=peer))
        return Response(encode_reply(reply), media_type="application/json")

    return routes


def assemble(providers: Sequence[Provider], agent: Agent, beat: Heartbeat, now: datetime) -> Reply:
    """Ask each provider and join what they say."""
    found: dict[str, Any] = {}
    commands: list[Command] = []
    for provider in providers:
        said = dict(provider(agent, beat, now))
        commands += said.pop("commands", ())
        found = {**said, **found}
    found.setdefault("identity", IdentityHints())
    return Reply(server_time=now, commands=tuple(commands), **found)


_DESCRIPTION: dict[str, Any] = {
    "security": [{"agent": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": [
                        "schema_version",
                        "agent_version",
                        "boot_id",
                        "life_id",
                        "sent_at",
                        "uptime_seconds",
                        "life_seconds",
                    ],
                    "properties": {
                        "schema_version": {"type": "integer"},
                        "agent_version": {"type": "string", "maxLength": 255},
                        "boot_id": {"type": "string", "format": "uuid"},
                        "life_id": {"type": "string", "format": "uuid"},
                        "sent_at": {"type": "string", "format": "date-time"},
                        "uptime_seconds": {"type": "number", "minimum": 0},
                        "life_seconds": {"type": "number", "minimum": 0},
                        "hints": {"type": "array", "items": {"type": "string"}, "maxItems": 16},
                    },
                }
            }
        },
    },
}
