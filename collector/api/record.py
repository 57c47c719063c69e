"""One raw record of a batch into a row of the store.

``wire.codec.decode`` decides what a record is. It is asked only where it must be: a record in
the plain form agents send is recognised by a typed decoder that accepts a *subset* of what the
codec accepts, at a fraction of its cost, and everything else goes to the codec for its decision
and its message. So both paths agree by construction; a property test holds the subset to it.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from collector.store.interface import NewRow
from wire.codec import (
    FIELD_NAME,
    MAX_RECORD_BYTES,
    MAX_STRING_CHARACTERS,
    PROBE_NAME,
    TIME,
    decode,
)
from wire.failure import MAX_TEXT_CHARACTERS, FailureCode, Operation
from wire.ids import is_uuid
from wire.measurement import Measurement
from wire.units import unit_of
from wire.version import accepted_versions

_ACCEPTED: Final = frozenset(accepted_versions())
_CODES: Final = frozenset(code.value for code in FailureCode)
_OPERATIONS: Final = frozenset(operation.value for operation in Operation)
_NOT_OK: Final = frozenset({"failed", "deferred", "invalid"})
_NUMBERS: Final = frozenset({int, float})
_LIMIT: Final = 1 << 63
_SAFE: Final = float(1 << 62)
"""Numbers beyond are left to the codec: msgspec reads integers beyond 64 bits as floats."""
_LONGEST_NAME: Final = 64
"""What is longer is no name and no UUID, and is kept in no cache: it may have 64 KiB."""


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """The plain form. Values are typed loosely where msgspec would convert silently."""

    schema_version: Any
    result_id: str
    agent_id: str
    stream: str
    seq: Any
    probe: str
    target: str
    started_at: str
    boot_id: str
    monotonic_start_seconds: Any
    duration_seconds: Any
    outcome: str
    segment: str | msgspec.UnsetType = msgspec.UNSET
    failure: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    values: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    context: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    confidence: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    simulated: bool | msgspec.UnsetType = msgspec.UNSET


_decode_plain: Final = msgspec.json.Decoder(_Plain).decode


class _Unplain(Exception):
    """Not in the plain form; the codec decides."""


def read_record(raw: bytes, school_code: str) -> NewRow:
    """Read one record as it was sent. Raises :class:`wire.codec.Refused`."""
    row = read_plain(raw, school_code)
    return row_of(decode(raw), raw, school_code) if row is None else row


def row_of(measurement: Measurement, raw: bytes, school_code: str) -> NewRow:
    """Give the row of a decoded record."""
    failure = measurement.failure
    values, context = measurement.values, measurement.context
    return NewRow(
        result_id=measurement.result_id,
        agent_id=measurement.agent_id,
        school_code=school_code,
        stream=measurement.stream,
        seq=measurement.seq,
        probe=measurement.probe,
        target=measurement.target,
        segment=measurement.segment,
        started_at=measurement.started_at,
        outcome=measurement.outcome.value,
        failure_code=None if failure is None else failure.code.value,
        failure_text=None if failure is None else failure.text,
        download_bps=_number(values, "download_bps"),
        upload_bps=_number(values, "upload_bps"),
        cross_traffic_during_bps=_number(context, "cross_traffic_during_bps"),
        appliance_ceiling_bps=_number(context, "appliance_ceiling_bps"),
        agent_version=_text(context, "agent_version"),
        simulated=measurement.simulated,
        record=raw,
    )


def read_plain(raw: bytes, school_code: str) -> NewRow | None:
    """Read a record in the plain form; None where the codec has to decide."""
    if len(raw) > MAX_RECORD_BYTES:
        return None
    try:
        plain = _decode_plain(raw)
        colons = _check_top(plain)
        moment = datetime.fromisoformat(plain.started_at)
    except (msgspec.DecodeError, ValueError, RecursionError, _Unplain):
        return None
    failure = plain.failure or {}
    values, context = plain.values or {}, plain.context or {}
    if (
        moment.tzinfo is None or b"\\" in raw or raw.count(b":") != colons  # a key given twice
    ):
        return None
    return NewRow(
        result_id=plain.result_id,
        agent_id=plain.agent_id,
        school_code=school_code,
        stream=plain.stream,
        seq=plain.seq,
        probe=plain.probe,
        target=plain.target,
        segment=plain.segment or None,
        started_at=moment,
        outcome=plain.outcome,
        failure_code=failure.get("code"),
        failure_text=failure.get("text", "") if failure else None,
        download_bps=_number(values, "download_bps"),
        upload_bps=_number(values, "upload_bps"),
        cross_traffic_during_bps=_number(context, "cross_traffic_during_bps"),
        appliance_ceiling_bps=_number(context, "appliance_ceiling_bps"),
        agent_version=_text(context, "agent_version"),
        simulated=plain.simulated is True,
        record=raw,
    )


def _check_top(plain: _Plain) -> int:
    """Check all fields; raises :class:`_Unplain`. Give the number of colons the text must have.

    A typed decoder takes the last of two equal keys in silence. But in text without escapes
    each colon either follows a key or stands in a string, so one too many is a key too many.
    """
    colons = 12 + plain.started_at.count(":") + plain.target.count(":") + plain.boot_id.count(":")
    if type(plain.schema_version) is not int or plain.schema_version not in _ACCEPTED:
        raise _Unplain
    if type(plain.seq) is not int or not 0 <= plain.seq < _LIMIT:
        raise _Unplain
    names = (plain.agent_id, plain.stream, plain.probe)
    if not (
        max(map(len, names)) <= _LONGEST_NAME
        and is_uuid(plain.result_id)
        and _is_seen_uuid(plain.agent_id)
        and _is_seen_uuid(plain.stream)
        and _is_seen_probe(plain.probe)
        and _is_line(plain.target)
        and _is_line(plain.boot_id)
        and plain.started_at.endswith("Z")
        and TIME.fullmatch(plain.started_at) is not None
    ):
        raise _Unplain
    for seconds in (plain.monotonic_start_seconds, plain.duration_seconds):
        if type(seconds) not in _NUMBERS or not 0 <= seconds <= _SAFE:
            raise _Unplain
    if plain.segment is not msgspec.UNSET:
        colons += 1
        if len(plain.segment) > _LONGEST_NAME or not _is_seen_probe(plain.segment):
            raise _Unplain
    for fields in (plain.values, plain.context, plain.confidence):
        if fields is not msgspec.UNSET:
            colons += 1 + len(fields) + _check_fields(fields)
    if plain.simulated is not msgspec.UNSET:
        colons += 1
    return colons + _check_outcome(plain)


def _check_outcome(plain: _Plain) -> int:
    if plain.failure is msgspec.UNSET:
        if plain.outcome != "ok" or not plain.values:
            raise _Unplain
        return 0
    failure = plain.failure
    text = failure.get("text", "")
    if (
        plain.outcome not in _NOT_OK
        or failure.get("code") not in _CODES
        or failure.get("operation") not in _OPERATIONS
        or len(failure) != 2 + ("text" in failure)
        or len(text) > MAX_TEXT_CHARACTERS
        or not text.isprintable()
    ):
        raise _Unplain
    return 1 + len(failure) + text.count(":")


def _check_fields(fields: dict[str, Any]) -> int:
    """Check each value against the unit in its name; give the number of colons in strings.

    One loop, since it runs 20 times a record.
    """
    colons = 0
    for name, value in fields.items():
        if len(name) > _LONGEST_NAME:
            raise _Unplain
        lowest, highest, fraction, free = _bounds(name)
        kind = type(value)
        if kind is float:
            if not (fraction and lowest <= value <= highest):
                raise _Unplain
        elif kind is int:
            if not lowest <= value <= highest:
                raise _Unplain
        elif not free:
            raise _Unplain
        elif kind is str:
            if len(value) > MAX_STRING_CHARACTERS or not value.isprintable():
                raise _Unplain
            colons += value.count(":")
        elif kind is not bool:
            raise _Unplain
    return colons


@lru_cache(maxsize=4096)
def _bounds(name: str) -> tuple[float, float, bool, bool]:
    """Lowest and highest number, whether fractions are allowed, whether text and flags are."""
    if FIELD_NAME.fullmatch(name) is None:
        return 1.0, 0.0, False, False  # no number lies between
    unit = unit_of(name)
    if unit is None:
        return -_SAFE, _SAFE, True, True
    lowest = -_SAFE if unit.minimum is None else unit.minimum
    highest = _SAFE if unit.maximum is None else unit.maximum
    return lowest, highest, not unit.whole, False


@lru_cache(maxsize=4096)
def _is_seen_uuid(text: str) -> bool:
    return is_uuid(text)


@lru_cache(maxsize=256)
def _is_seen_probe(name: str) -> bool:
    return PROBE_NAME.fullmatch(name) is not None


def _is_line(text: str) -> bool:
    return 1 <= len(text) <= 255 and text.isprintable()


def _number(fields: Any, name: str) -> float | None:  # noqa: ANN401 - mapping of any JSON value
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) else None


def _text(fields: Any, name: str) -> str | None:  # noqa: ANN401 - mapping of any JSON value
    value = fields.get(name)
    return value if isinstance(value, str) else None
