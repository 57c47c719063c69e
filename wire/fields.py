"""What each field of a record may hold. Every reader raises :class:`~wire.parsing.Refused`."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from wire.failure import MAX_TEXT_CHARACTERS, Failure, FailureCode, Operation, Outcome
from wire.ids import is_uuid
from wire.measurement import Fields, Json
from wire.parsing import CONTROL, MAX_STRING_CHARACTERS, Refused, Words, check_json, short
from wire.units import Unit, unit_of, why_not

PROBE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339 section 5.6 in upper case. Python reads more (weeks, no seconds, a comma)."""
MAX_LINE_CHARACTERS: Final = 255
_MAX_FIELD_NAME: Final = 64


def read_whole(place: str, value: Json) -> int:
    """A whole number of at most 63 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise Refused(place, value, "a whole number from 0 to 2^63-1")
    return value


def read_seconds(place: str, value: Json) -> float:
    """Seconds, by the unit that the name of the field ends in."""
    if (allowed := why_not(place, value)) is not None:
        raise Refused(place, value, allowed)
    assert isinstance(value, int | float)
    if value >= 1 << 63:  # float() raises for an integer of more than 308 digits
        raise Refused(place, Words("a huge number"), "numbers of at most 64 bits")
    return float(value)


def read_uuid(place: str, value: Json) -> str:
    """A UUID in its one usual spelling."""
    if not is_uuid(value):
        raise Refused(place, value, "a UUID in lower case with hyphens")
    assert isinstance(value, str)
    return value


def read_name(place: str, value: Json) -> str:
    """The name of a probe or a segment."""
    if not isinstance(value, str) or PROBE_NAME.fullmatch(value) is None:
        raise Refused(place, value, "a name of a-z, 0-9 and _ (up to 32)")
    return value


def read_line(place: str, value: Json) -> str:
    """One printable line."""
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= MAX_LINE_CHARACTERS
        or CONTROL.search(value)
    ):
        raise Refused(place, value, "1 to 255 printable characters")
    return value


def read_flag(place: str, value: Json) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Refused(place, value, "true or false")
    return value


def read_time(place: str, value: Json) -> datetime:
    """A moment with its offset, given back in UTC."""
    allowed = "an RFC 3339 time with offset, such as 2026-05-11T00:30:00.000000Z"
    if not isinstance(value, str) or TIME.fullmatch(value) is None:
        raise Refused(place, value, allowed)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(place, value, allowed) from None


def reader_of(kind: type[FailureCode | Operation | Outcome]) -> Callable[[str, Json], Any]:
    """Make the check for a closed vocabulary."""
    names = {member.value for member in kind}
    allowed = "one of " + " ".join(sorted(names))

    def check(place: str, value: Json) -> FailureCode | Operation | Outcome:
        if not isinstance(value, str) or value not in names:
            raise Refused(place, value, allowed)
        return kind(value)

    return check


def read_failure(place: str, value: Json) -> Failure:
    """A failure with code, operation and text."""
    if not isinstance(value, dict):
        raise Refused(place, value, "an object with code, operation and text")
    for name in ("code", "operation"):
        if name not in value:
            raise Refused(f"{place}.{name}", Words("nothing"), "to be present")
    text = value.get("text", "")
    if not isinstance(text, str) or len(text) > MAX_TEXT_CHARACTERS:
        raise Refused(f"{place}.text", text, f"text of at most {MAX_TEXT_CHARACTERS} characters")
    check_json(f"{place}.text", text, 2)
    return Failure(
        reader_of(FailureCode)(f"{place}.code", value["code"]),
        reader_of(Operation)(f"{place}.operation", value["operation"]),
        text,
    )


def read_fields(place: str, value: Json) -> Fields:
    """``values``, ``context`` or ``confidence``: flat names whose numbers keep to their unit."""
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
        raise Refused(f"{place}.{short(name)}", Words("this key"), "names of a-z, 0-9 and _")
    if item is None:
        raise Refused(f"{place}.{name}", Words("null"), "a value, or to leave it out")
    if (allowed := why_not(name, item)) is not None:
        raise Refused(f"{place}.{name}", item, allowed)
    check_json(f"{place}.{name}", item, 2)
