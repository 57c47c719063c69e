"""The messages around measurements: batch, acknowledgement, enrolment.

``POST /v1/measurements`` takes a batch ``{"measurements": [...]}`` (gzip allowed) and answers
with an :class:`Acknowledgement` that names each result. An agent deletes only what is named:
anything else it gets, whatever its status, acknowledges nothing.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wire.codec import Refused, Words, parse_object
from wire.ids import is_uuid
from wire.measurement import Json

MAX_BATCH_RECORDS: Final = 1_000
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
"""Of the JSON text, after decompression."""
MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""Of the body as sent."""
MAX_ACKNOWLEDGEMENT_BYTES: Final = 2 * 1024 * 1024
"""Names MAX_BATCH_RECORDS ids with a long reason each."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One result that the collector keeps apart, with its reason. It need not be sent again."""

    result_id: str | None
    """None where the record had no readable id."""
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the collector did with a batch: ids it has stored, ids it keeps in quarantine."""

    committed: tuple[str, ...]
    quarantined: tuple[Quarantined, ...] = ()
    store_id: str | None = None
    """Names the database that has them; another after a restore. None from older collectors."""


def encode_batch(records: Iterable[bytes]) -> bytes:
    """Join encoded records into the JSON text of one batch."""
    return b'{"measurements":[' + b",".join(records) + b"]}"


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Write an acknowledgement as JSON."""
    store_id = acknowledgement.store_id
    return json.dumps(
        ({} if store_id is None else {"store_id": store_id})
        | {
            "committed": list(acknowledgement.committed),
            "quarantined": [
                {"result_id": item.result_id, "reason": item.reason}
                for item in acknowledgement.quarantined
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def decode_acknowledgement(raw: bytes) -> Acknowledgement:
    """Read an acknowledgement. Raises :class:`wire.codec.Refused` for anything else."""
    if len(raw) > MAX_ACKNOWLEDGEMENT_BYTES:
        allowed = f"at most {MAX_ACKNOWLEDGEMENT_BYTES} bytes"
        raise Refused("acknowledgement", Words(f"{len(raw)} bytes"), allowed)
    message = parse_object(raw, "acknowledgement")
    store_id = message.get("store_id")
    return Acknowledgement(
        tuple(_uuid("committed", item) for item in _list(message, "committed")),
        tuple(_quarantined(item) for item in _list(message, "quarantined")),
        None if store_id is None else _uuid("store_id", store_id),
    )


def _list(message: dict[str, Json], name: str) -> list[Json]:
    value = message.get(name)
    if not isinstance(value, list):
        raise Refused(name, Words("nothing") if value is None else value, "a list")
    return value


def _uuid(place: str, value: Json) -> str:
    if not is_uuid(value):
        raise Refused(place, value, "a UUID in lower case with hyphens")
    assert isinstance(value, str)
    return value


def _quarantined(value: Json) -> Quarantined:
    if not isinstance(value, dict) or not isinstance(value.get("reason"), str):
        raise Refused("quarantined", value, "objects with result_id and reason")
    reason = value["reason"]
    assert isinstance(reason, str)
    result_id = value.get("result_id")
    return Quarantined(
        None if result_id is None else _uuid("quarantined.result_id", result_id), reason
    )
