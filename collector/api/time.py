"""``GET /v1/time``: the collector's clock, for agents to compare theirs with."""

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from collector.api.context import Context
from wire.codec import format_time

_EXAMPLE: Final = "2026-05-11T00:30:00.123456Z"


class TimeOut(BaseModel):
    """When the request was received and when the reply left, both by the collector's clock."""

    received_at: str = Field(examples=[_EXAMPLE])
    sent_at: str = Field(examples=[_EXAMPLE])


def router(context: Context) -> APIRouter:
    """Make the route. No token: the time is no secret, and an agent asks before it sends."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/v1/time")
    async def time() -> TimeOut:  # async: no wait for a thread in between
        """Give the time of receiving and sending (RFC 5905: T2 and T3)."""
        received_at = context.clock.now()
        return TimeOut(
            received_at=format_time(received_at), sent_at=format_time(context.clock.now())
        )

    return routes
