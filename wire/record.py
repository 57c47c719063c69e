"""One Measurement to JSON text and back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from wire.failure import MAX_TEXT_CHARACTERS, Outcome
from wire.fields import (
    MAX_LINE_CHARACTERS,
    read_failure,
    read_fields,
    read_flag,
    read_line,
    read_name,
    read_seconds,
    read_time,
    read_uuid,
    read_whole,
    reader_of,
)
from wire.measurement import Json, Measurement
from wire.parsing import (
    CONTROL,
    UNSTORABLE,
    Refused,
    Words,
    check_json,
    check_scalar,
    parse_object,
    short,
)
from wire.version import why_refused

MAX_RECORD_BYTES: Final = 65_536
T = TypeVar("T")


def encode(measurement: Measurement) -> bytes:
    """Write one record as compact JSON (UTF-8). Absent things are left out."""
    text = json.dumps(to_json(measurement), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")  # a lone surrogate, from a file name or argv, becomes ?


def to_json(measurement: Measurement) -> dict[str, Json]:
    """Give the JSON object of one record; unknown fields it was read with are written back."""
    record: dict[str, Json] = {
        "schema_version": measurement.schema_version,
        "result_id": measurement.result_id,
        "agent_id": measurement.agent_id,
        "stream": measurement.stream,
        "seq": measurement.seq,
        "probe": measurement.probe,
        "target": measurement.target,
        "started_at": format_time(measurement.started_at),
        "boot_id": measurement.boot_id,
        "monotonic_start_seconds": measurement.monotonic_start_seconds,
        "duration_seconds": measurement.duration_seconds,
        "outcome": measurement.outcome.value,
        "values": dict(measurement.values),
        "context": dict(measurement.context),
    }
    if measurement.segment is not None:
        record["segment"] = measurement.segment
    if measurement.failure is not None:
        record["failure"] = {
            "code": measurement.failure.code.value,
            "operation": measurement.failure.operation.value,
            "text": UNSTORABLE.sub("?", measurement.failure.text[:MAX_TEXT_CHARACTERS]),
        }
    if measurement.confidence is not None:
        record["confidence"] = dict(measurement.confidence)
    if measurement.simulated:
        record["simulated"] = True
    return {**measurement.extra, **record}


def decode(raw: bytes) -> Measurement:
    """Read one record. Raises :class:`Refused` for anything that is not one."""
    if len(raw) > MAX_RECORD_BYTES:
        raise Refused("record", Words(f"{len(raw)} bytes"), f"at most {MAX_RECORD_BYTES} bytes")
    return from_json(parse_object(raw, "record"))


def from_json(record: dict[str, Json]) -> Measurement:
    """Build a Measurement from a parsed object. Raises :class:`Refused`."""
    rest = dict(record)
    version = _take(rest, "schema_version", read_whole)
    if (refusal := why_refused(version)) is not None:
        raise Refused("schema_version", version, refusal)
    measurement_fields: dict[str, Any] = {
        name: _take(rest, name, check) for name, check in _REQUIRED.items()
    }
    measurement_fields |= {
        name: _take(rest, name, check) for name, check in _OPTIONAL.items() if name in rest
    }
    _check_outcome(measurement_fields)
    for name, value in rest.items():
        check_scalar("a key of the record", name)
        check_json(short(name), value, 1)
    return Measurement(schema_version=version, extra=rest, **measurement_fields)


def clean_line(text: str) -> str:
    """Make of any text one that ``target`` may hold: ? for what is unprintable, cut, not empty."""
    return CONTROL.sub("?", text)[:MAX_LINE_CHARACTERS] or "?"


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _check_outcome(fields: dict[str, Any]) -> None:
    outcome, failure = fields["outcome"], fields.get("failure")
    if outcome is Outcome.OK and failure is not None:
        raise Refused("failure", Words(failure.code.value), "nothing where outcome is ok")
    if outcome is not Outcome.OK and failure is None:
        raise Refused("failure", Words("nothing"), f"a failure where outcome is {outcome.value}")
    if outcome is Outcome.OK and not fields.get("values"):
        raise Refused("values", Words("nothing"), "at least one value where outcome is ok")


def _take(record: dict[str, Json], name: str, check: Callable[[str, Json], T]) -> T:
    if name not in record:
        raise Refused(name, Words("nothing"), "to be present")
    return check(name, record.pop(name))


_REQUIRED: Final[dict[str, Callable[[str, Json], Any]]] = {
    "result_id": read_uuid,
    "agent_id": read_uuid,
    "stream": read_uuid,
    "seq": read_whole,
    "probe": read_name,
    "target": read_line,
    "started_at": read_time,
    "boot_id": read_line,
    "monotonic_start_seconds": read_seconds,
    "duration_seconds": read_seconds,
    "outcome": reader_of(Outcome),
}
_OPTIONAL: Final[dict[str, Callable[[str, Json], Any]]] = {
    "segment": read_name,
    "failure": read_failure,
    "values": read_fields,
    "context": read_fields,
    "confidence": read_fields,
    "simulated": read_flag,
}
