"""One request of an enrolled agent to its collector: the token, and a reply of bounded size."""

from typing import Final

import httpx

from agent import __version__
from agent.identity import Enrolment
from agent.reply import Reply

_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": f"hakaru-agent/{__version__}",
}


async def post(
    client: httpx.AsyncClient,
    enrolment: Enrolment,
    path: str,
    body: bytes,
    *,
    max_reply_bytes: int,
    content_encoding: str | None = None,
) -> Reply:
    """Send ``body`` to the collector; of a reply that is too long, its beginning.

    Raises httpx.HTTPError and OSError. There is no limit of time: callers have their own.
    """
    headers = {"Authorization": f"Bearer {enrolment.token}", **_HEADERS}
    if content_encoding is not None:
        headers["Content-Encoding"] = content_encoding
    async with client.stream(
        "POST", enrolment.collector + path, content=body, headers=headers
    ) as response:
        received = bytearray()
        # raw: a compressed reply was not asked for, and is not unpacked
        async for chunk in response.aiter_raw():
            received += chunk
            if len(received) > max_reply_bytes:
                break
        return Reply(
            response.status_code,
            bytes(received),
            response.headers.get("content-type", ""),
            response.headers.get("retry-after"),
        )
