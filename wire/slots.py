"""``POST /v1/slots``: an agent asks for a slot before it loads the line, and gives it back.

The answer is one of :data:`STATUSES`. Waiting is told in seconds, not as a time of day: the clock
of an appliance may be wrong. ``request_id`` makes asking again safe: the reply that was lost comes
once more, with the same token.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wire.fields import read_line, read_uuid, read_whole
from wire.measurement import Json
from wire.parsing import Refused, Words, parse_object
from wire.slot_token import (
    MAX_FLOWS,
    MAX_QUOTA_BYTES,
    MAX_QUOTA_SECONDS,
    MAX_TOKEN_CHARACTERS,
    read_kinds,
)

PATH: Final = "/v1/slots"
RELEASE_PATH: Final = "/v1/slots/release"
KEYS_PATH: Final = "/v1/slot-keys"
MAX_REQUEST_BYTES: Final = 4_096
MAX_REPLY_BYTES: Final = 8_192
MAX_WAIT_SECONDS: Final = 3_600.0
STATUSES: Final = ("granted", "wait", "not_needed", "refused")
"""``granted``: a token. ``wait``: ask again then, the place in the line is kept for a while.
``not_needed``: the target is no responder that the collector knows. ``refused``: not now, and no
place in the line (the rehearsal is over, what was asked for is more than there may be)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest:
    """What an agent asks for."""

    request_id: str
    """UUID made for this request, the same when it is repeated."""
    target: str
    """HOST:PORT as configured."""
    kinds: tuple[str, ...]
    flows: int
    """Flows of each kind."""
    seconds: int
    """Longest the test may take, from its first flow to its last."""
    quota_bytes: int
    """Most it may move."""
    rehearsal: str | None = None
    """Id of the rehearsal it is a part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotReply:
    """What the collector answers; which fields are set follows from ``status``."""

    status: str
    token: str | None = None
    slot_id: str | None = None
    """To give the slot back with."""
    wait_seconds: float | None = None
    reason: str = ""

    def __repr__(self) -> str:
        return f"SlotReply({self.status}, wait_seconds={self.wait_seconds}, {self.reason!r})"


def encode_request(request: SlotRequest) -> bytes:
    """Write a request."""
    fields: dict[str, Json] = {
        "request_id": request.request_id,
        "target": request.target,
        "kinds": list(request.kinds),
        "flows": request.flows,
        "seconds": request.seconds,
        "bytes": request.quota_bytes,
    }
    if request.rehearsal is not None:
        fields["rehearsal"] = request.rehearsal
    return _written(fields)


def decode_request(raw: bytes) -> SlotRequest:
    """Read a request. Raises :class:`~wire.parsing.Refused`."""
    given = parse_object(raw, "request")
    for name in ("request_id", "target", "kinds", "flows", "seconds", "bytes"):
        if name not in given:
            raise Refused(name, Words("nothing"), "to be present")
    rehearsal = given.get("rehearsal")
    return SlotRequest(
        request_id=read_uuid("request_id", given["request_id"]),
        target=read_line("target", given["target"]),
        kinds=read_kinds("kinds", given["kinds"]),
        flows=_bounded(given, "flows", MAX_FLOWS),
        seconds=_bounded(given, "seconds", MAX_QUOTA_SECONDS),
        quota_bytes=_bounded(given, "bytes", MAX_QUOTA_BYTES),
        rehearsal=None if rehearsal is None else read_uuid("rehearsal", rehearsal),
    )


def encode_reply(reply: SlotReply) -> bytes:
    """Write a reply."""
    fields: dict[str, Json] = {
        "status": reply.status,
        "token": reply.token,
        "slot_id": reply.slot_id,
        "wait_seconds": reply.wait_seconds,
        "reason": reply.reason or None,
    }
    return _written({name: value for name, value in fields.items() if value is not None})


def decode_reply(raw: bytes) -> SlotReply:
    """Read a reply. Raises :class:`~wire.parsing.Refused`, never with a token in it."""
    if len(raw) > MAX_REPLY_BYTES:
        raise Refused("reply", Words(f"{len(raw)} bytes"), f"at most {MAX_REPLY_BYTES} bytes")
    given = parse_object(raw, "reply")
    status = given.get("status")
    if status not in STATUSES:
        raise Refused("status", status, "one of " + " ".join(STATUSES))
    token, wait, reason = given.get("token"), given.get("wait_seconds"), given.get("reason", "")
    if status == "granted" and not (isinstance(token, str) and len(token) <= MAX_TOKEN_CHARACTERS):
        raise Refused(
            "token", Words("no token"), f"text of up to {MAX_TOKEN_CHARACTERS} characters"
        )
    if status == "wait" and (
        isinstance(wait, bool)
        or not isinstance(wait, int | float)
        or not 0 <= wait <= MAX_WAIT_SECONDS
    ):
        raise Refused("wait_seconds", wait, f"0 to {MAX_WAIT_SECONDS:g} seconds")
    return SlotReply(
        status=str(status),
        token=token if status == "granted" and isinstance(token, str) else None,
        slot_id=read_uuid("slot_id", given.get("slot_id")) if status == "granted" else None,
        wait_seconds=float(wait) if status == "wait" and isinstance(wait, int | float) else None,
        reason=reason if isinstance(reason, str) else "",
    )


def _bounded(given: Mapping[str, Json], name: str, most: int) -> int:
    value = read_whole(name, given[name])
    if not 1 <= value <= most:
        raise Refused(name, value, f"1 to {most}")
    return value


def _written(fields: Mapping[str, Json]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
