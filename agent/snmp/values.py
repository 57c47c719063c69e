"""What an SNMP agent may say: object identifiers and typed values (RFC 2578, RFC 3416)."""

from enum import StrEnum
from typing import NamedTuple

Oid = tuple[int, ...]
"""Numbers of an object identifier; no names, so no MIB is needed."""


class Kind(StrEnum):
    """Types of values. The last three say that there is none."""

    INTEGER = "integer"
    STRING = "string"
    NULL = "null"
    OID = "oid"
    ADDRESS = "address"
    COUNTER32 = "counter32"
    GAUGE32 = "gauge32"
    TICKS = "ticks"
    """Hundredths of a second."""
    OPAQUE = "opaque"
    COUNTER64 = "counter64"
    NO_SUCH_OBJECT = "no_such_object"
    NO_SUCH_INSTANCE = "no_such_instance"
    END_OF_MIB = "end_of_mib"


class Value(NamedTuple):
    """A value with its type."""

    kind: Kind
    data: int | bytes | Oid | None
    """int for numbers, bytes for strings and addresses, Oid for identifiers, None for none."""


Binding = tuple[Oid, Value]

ABSENT = frozenset({Kind.NO_SUCH_OBJECT, Kind.NO_SUCH_INSTANCE, Kind.END_OF_MIB, Kind.NULL})


def parse_oid(text: str) -> Oid:
    """Read ``1.3.6.1``. Raises ValueError; at most 128 numbers of 32 bits (RFC 2578, 7.1.3)."""
    parts = text.removeprefix(".").split(".")
    if not 2 <= len(parts) <= 128 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"{text[:60]!r} is no dotted OID")
    numbers = tuple(int(part) for part in parts)
    if max(numbers) >= 1 << 32 or numbers[0] > 2 or (numbers[0] < 2 and numbers[1] > 39):
        raise ValueError(f"{text[:60]!r} is no dotted OID")
    return numbers


def show_oid(oid: Oid) -> str:
    """Write ``1.3.6.1``."""
    return ".".join(map(str, oid))
