"""Identifiers: UUID version 7 for results (RFC 9562 section 5.7), version 4 for the rest.

Time and chance are arguments, so the same inputs give the same identifier.
"""

import re
import uuid
from typing import Final

UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

NO_AGENT: Final = "00000000-0000-0000-0000-000000000000"
"""Agent id of a measurement made before the agent was enrolled (RFC 9562 nil UUID)."""


def uuid7(unix_milliseconds: int, random_bits: int) -> str:
    """Make a UUIDv7 from a time in milliseconds since 1970 and 74 bits of randomness.

    Times before 1970 are clamped to 0: a box without a clock chip still gets valid ids.
    """
    milliseconds = max(0, unix_milliseconds) & ((1 << 48) - 1)
    rand_a = (random_bits >> 62) & 0xFFF
    rand_b = random_bits & ((1 << 62) - 1)
    value = (milliseconds << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
    return str(uuid.UUID(int=value))


def uuid4(random_bits: int) -> str:
    """Make a UUIDv4 from 128 bits of randomness."""
    value = random_bits & ((1 << 128) - 1)
    value = (value & ~(0xF << 76)) | (0x4 << 76)
    value = (value & ~(0b11 << 62)) | (0b10 << 62)
    return str(uuid.UUID(int=value))


def is_uuid(text: object) -> bool:
    """Tell whether ``text`` is a UUID in the one spelling we store: lower case, with hyphens."""
    return isinstance(text, str) and UUID.fullmatch(text) is not None
