"""Measurement to JSON text and back, refusing with the place, what was found, what is allowed.

The parts: :mod:`wire.parsing` (strict JSON, refusals), :mod:`wire.fields` (what each field may
hold), :mod:`wire.record` (the record as a whole). Users import from here.
"""

from wire.fields import FIELD_NAME, MAX_LINE_CHARACTERS, PROBE_NAME, TIME
from wire.parsing import MAX_DEPTH, MAX_STRING_CHARACTERS, Refused, Words, parse_object
from wire.record import (
    MAX_RECORD_BYTES,
    clean_line,
    decode,
    encode,
    format_time,
    from_json,
    to_json,
)

__all__ = [
    "FIELD_NAME",
    "MAX_DEPTH",
    "MAX_LINE_CHARACTERS",
    "MAX_RECORD_BYTES",
    "MAX_STRING_CHARACTERS",
    "PROBE_NAME",
    "TIME",
    "Refused",
    "Words",
    "clean_line",
    "decode",
    "encode",
    "format_time",
    "from_json",
    "parse_object",
    "to_json",
]
