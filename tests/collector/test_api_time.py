"""The collector's time, as agents ask for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.clock_check import read_time_reply


def test_time_is_that_of_the_collectors_clock_and_needs_no_token(serving: Any) -> None:
    """Received not after sent, in UTC; an agent reads it as an anchor."""
    reply = serving.client.get("/v1/time")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    received, sent = (
        datetime.fromisoformat(reply.json()[name]) for name in ("received_at", "sent_at")
    )
    assert received.tzinfo == UTC
    assert received <= sent < received + timedelta(seconds=60)
    assert read_time_reply(reply.content, None, 10.0, 10.0, "collector") is not None
