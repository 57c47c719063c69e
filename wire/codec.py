"""Measurement to JSON text and back, refusing with the place, what was found, what is allowed."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from wire.failure import MAX_TEXT_CHARACTERS, Failure, FailureCode, Operation, Outcome
from wire.ids import is_uuid
from wire.measurement import Fields, Json, Measurement
from wire.units import Unit, unit_of, why_not
from wire.version import why_refused

MAX_RECORD_BYTES: Final = 65_536
MAX_DEPTH: Final = 8
MAX_STRING_CHARACTERS: Final = 4_096
PROBE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339 section 5.6 in upper case. Python reads more (weeks, no seconds, a comma)."""
MAX_LINE_CHARACTERS: Final = 255
T = TypeVar("T")
_MAX_FIELD_NAME: Final = 64
_UNSTORABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Refused(ValueError):
    """A record or message that is not what it should be.

    ``place`` is a path such as ``values.download_bps``; ``found`` a short rendering of what
    stood there; ``allowed`` what may stand there.
    """

    def __init__(self, place: str, found: object, allowed: str) -> None:
        self.place = place
        self.found = _short(found)
        self.allowed = allowed
        super().__init__(f"{place}: found {self.found}, allowed is {allowed}")


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
            "text": _UNSTORABLE.sub("?", measurement.failure.text[:MAX_TEXT_CHARACTERS]),
        }
    if measurement.confidence is not None:
        record["confidence"] = dict(measurement.confidence)
    if measurement.simulated:
        record["simulated"] = True
    return {**measurement.extra, **record}


def decode(raw: bytes) -> Measurement:
    """Read one record. Raises :class:`Refused` for anything that is not one."""
    if len(raw) > MAX_RECORD_BYTES:
        raise Refused("record", f"{len(raw)} bytes", f"at most {MAX_RECORD_BYTES} bytes")
    return from_json(parse_object(raw, "record"))


def parse_object(raw: bytes, place: str) -> dict[str, Json]:
    """Parse strict JSON into an object: UTF-8, no NaN, no duplicate key, bounded depth."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(place, f"byte {error.start} is not UTF-8", "UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise Refused(place, f"no JSON ({error.msg} at {error.pos})", "a JSON object") from None
    except RecursionError:
        raise Refused(place, "too deeply nested", f"at most {MAX_DEPTH} levels") from None
    except ValueError as error:
        if isinstance(error, Refused):
            raise
        if isinstance(error, _NotFinite):
            raise Refused(place, str(error), "finite numbers") from None
        # int() refuses more than 4,300 digits
        raise Refused(place, "a number of too many digits", "finite numbers") from None
    if not isinstance(value, dict):
        raise Refused(place, value, "a JSON object")
    return value


def from_json(record: dict[str, Json]) -> Measurement:
    """Build a Measurement from a parsed object. Raises :class:`Refused`."""
    rest = dict(record)
    version = _take(rest, "schema_version", _whole)
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
        _check_scalar("a key of the record", name)
        _check_json(_short(name), value, 1)
    return Measurement(schema_version=version, extra=rest, **measurement_fields)


def clean_line(text: str) -> str:
    """Make of any text one that ``target`` may hold: ? for what is unprintable, cut, not empty."""
    return _CONTROL.sub("?", text)[:MAX_LINE_CHARACTERS] or "?"


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _check_outcome(fields: dict[str, Any]) -> None:
    outcome, failure = fields["outcome"], fields.get("failure")
    if outcome is Outcome.OK and failure is not None:
        raise Refused("failure", failure.code.value, "nothing where outcome is ok")
    if outcome is not Outcome.OK and failure is None:
        raise Refused("failure", "nothing", f"a failure where outcome is {outcome.value}")
    if outcome is Outcome.OK and not fields.get("values"):
        raise Refused("values", "nothing", "at least one value where outcome is ok")


def _take(record: dict[str, Json], name: str, check: Callable[[str, Json], T]) -> T:
    if name not in record:
        raise Refused(name, "nothing", "to be present")
    return check(name, record.pop(name))


def _whole(place: str, value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise Refused(place, value, "a whole number from 0 to 2^63-1")
    return value


def _seconds(place: str, value: Json) -> float:
    if (allowed := why_not(place, value)) is not None:
        raise Refused(place, value, allowed)
    assert isinstance(value, int | float)
    if value >= 1 << 63:  # float() raises for an integer of more than 308 digits
        raise Refused(place, "a huge number", "numbers of at most 64 bits")
    return float(value)


def _uuid(place: str, value: Json) -> str:
    if not is_uuid(value):
        raise Refused(place, value, "a UUID in lower case with hyphens")
    assert isinstance(value, str)
    return value


def _name(place: str, value: Json) -> str:
    if not isinstance(value, str) or PROBE_NAME.fullmatch(value) is None:
        raise Refused(place, value, "a name of a-z, 0-9 and _ (up to 32)")
    return value


def _line(place: str, value: Json) -> str:
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= MAX_LINE_CHARACTERS
        or _CONTROL.search(value)
    ):
        raise Refused(place, value, "1 to 255 printable characters")
    return value


def _flag(place: str, value: Json) -> bool:
    if not isinstance(value, bool):
        raise Refused(place, value, "true or false")
    return value


def _time(place: str, value: Json) -> datetime:
    allowed = "an RFC 3339 time with offset, such as 2026-05-11T00:30:00.000000Z"
    if not isinstance(value, str) or TIME.fullmatch(value) is None:
        raise Refused(place, value, allowed)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(place, value, allowed) from None


def _member(kind: type[FailureCode | Operation | Outcome]) -> Callable[[str, Json], Any]:
    names = {member.value for member in kind}
    allowed = "one of " + " ".join(sorted(names))

    def check(place: str, value: Json) -> FailureCode | Operation | Outcome:
        if not isinstance(value, str) or value not in names:
            raise Refused(place, value, allowed)
        return kind(value)

    return check


def _failure(place: str, value: Json) -> Failure:
    if not isinstance(value, dict):
        raise Refused(place, value, "an object with code, operation and text")
    for name in ("code", "operation"):
        if name not in value:
            raise Refused(f"{place}.{name}", "nothing", "to be present")
    text = value.get("text", "")
    if not isinstance(text, str) or len(text) > MAX_TEXT_CHARACTERS:
        raise Refused(f"{place}.text", text, f"text of at most {MAX_TEXT_CHARACTERS} characters")
    _check_json(f"{place}.text", text, 2)
    return Failure(
        _member(FailureCode)(f"{place}.code", value["code"]),
        _member(Operation)(f"{place}.operation", value["operation"]),
        text,
    )


def _fields(place: str, value: Json) -> Fields:
    if not isinstance(value, dict):
        raise Refused(place, value, "an object")
    for name, item in value.items():
        if not _is_plain(name, item):
            _check_field(place, name, item)
    return value


def _is_plain(name: str, item: Json) -> bool:
    """Tell quickly that a field is what nearly all are; False means: look closely.

    Accepts nothing that :func:`_check_field` would refuse. It makes reading a record three times
    as fast, which is what an ingest route spends its time on.
    """
    limits = _limits(name) if len(name) <= _MAX_FIELD_NAME else None
    if limits is None:
        return False
    kind = type(item)
    if limits.unit is None:
        return kind is bool or (
            kind is str
            and len(item) <= MAX_STRING_CHARACTERS  # type: ignore[arg-type] # it is a str
            and item.isprintable()  # type: ignore[union-attr] # it is a str
        )
    if kind is int:
        return limits.lowest <= item <= limits.highest_whole  # type: ignore[operator] # an int
    if kind is float:  # NaN compares false
        return not limits.unit.whole and limits.lowest <= item <= limits.highest  # type: ignore[operator] # a float
    return False


class _Limits(NamedTuple):
    unit: Unit | None
    lowest: float
    highest: float
    highest_whole: float


@lru_cache(maxsize=1_024)
def _limits(name: str) -> _Limits | None:
    """Look up what a field called ``name`` may hold; None where no field is called so."""
    if FIELD_NAME.fullmatch(name) is None:
        return None
    unit = unit_of(name)
    lowest = -sys.float_info.max if unit is None or unit.minimum is None else unit.minimum
    highest = sys.float_info.max if unit is None or unit.maximum is None else unit.maximum
    return _Limits(unit, max(lowest, -(2.0**62)), highest, min(highest, 2.0**62))


def _check_field(place: str, name: str, item: Json) -> None:
    if FIELD_NAME.fullmatch(name) is None:
        raise Refused(f"{place}.{_short(name)}", "this key", "names of a-z, 0-9 and _")
    if item is None:
        raise Refused(f"{place}.{name}", "null", "a value, or to leave it out")
    if (allowed := why_not(name, item)) is not None:
        raise Refused(f"{place}.{name}", item, allowed)
    _check_json(f"{place}.{name}", item, 2)


def _check_json(place: str, value: Json, depth: int) -> None:
    """Refuse what a database or a page could choke on: depth, NUL, lone surrogates, infinity."""
    if depth > MAX_DEPTH:
        raise Refused(place, "too deeply nested", f"at most {MAX_DEPTH} levels")
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_json(f"{place}[{index}]", item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_scalar(f"{place} key", name)
            _check_json(f"{place}.{_short(name)}", item, depth + 1)
    else:
        _check_scalar(place, value)


def _check_scalar(place: str, value: Json) -> None:
    if isinstance(value, str):
        if len(value) > MAX_STRING_CHARACTERS:
            raise Refused(place, value, f"text of at most {MAX_STRING_CHARACTERS} characters")
        if not value.isprintable() and _UNSTORABLE.search(value):
            raise Refused(place, value, "text without NUL and lone surrogates")
    elif isinstance(value, float) and value - value != 0:  # NaN, or infinity from 1e999
        raise Refused(place, value, "a finite number")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise Refused(place, "a huge number", "numbers of at most 64 bits")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise Refused(_short(twice), "this key twice", "each key once")
    return result


class _NotFinite(ValueError):
    """NaN or Infinity, which JSON has not but Python's reader takes."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotFinite(name)


# Made once: json.loads would build one for each record.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant
)


def _short(value: object) -> str:
    if isinstance(value, dict | list):
        text = (
            f"an object of {len(value)}" if isinstance(value, dict) else f"a list of {len(value)}"
        )
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = _CONTROL.sub("?", text[:200])
    return text if len(text) <= 60 else text[:57] + "..."


_REQUIRED: Final[dict[str, Callable[[str, Json], Any]]] = {
    "result_id": _uuid,
    "agent_id": _uuid,
    "stream": _uuid,
    "seq": _whole,
    "probe": _name,
    "target": _line,
    "started_at": _time,
    "boot_id": _line,
    "monotonic_start_seconds": _seconds,
    "duration_seconds": _seconds,
    "outcome": _member(Outcome),
}
_OPTIONAL: Final[dict[str, Callable[[str, Json], Any]]] = {
    "segment": _name,
    "failure": _failure,
    "values": _fields,
    "context": _fields,
    "confidence": _fields,
    "simulated": _flag,
}
