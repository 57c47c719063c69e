"""JSON Schema (2020-12) of a Measurement, made from the tables of this package.

``python -m wire.schema`` writes it; the copy beside this file is for programs in other
languages. What :mod:`wire.codec` writes is valid by it, and what is not valid is refused. The
codec refuses a little more, which a schema cannot say: the size and depth of the whole record, a
key that stands twice, NUL and lone surrogates, numbers beyond 64 bits, 5.0 for a whole number.
"""

import json
import sys
from pathlib import Path
from typing import Final

from wire.codec import FIELD_NAME, MAX_LINE_CHARACTERS, MAX_STRING_CHARACTERS, PROBE_NAME, TIME
from wire.failure import MAX_TEXT_CHARACTERS, FailureCode, Operation, Outcome
from wire.ids import UUID
from wire.measurement import Json
from wire.units import UNITS, Unit
from wire.version import accepted_versions

FILE: Final = Path(__file__).with_name("measurement.schema.json")
LARGEST_WHOLE: Final = (1 << 63) - 1


def schema() -> dict[str, Json]:
    """Make the schema of one Measurement."""
    seconds = _unit(next(unit for unit in UNITS if unit.suffix == "_seconds"))
    uuid: dict[str, Json] = {"type": "string", "pattern": f"^{UUID.pattern}$"}
    name: dict[str, Json] = {"type": "string", "pattern": f"^{PROBE_NAME.pattern}$"}
    line: dict[str, Json] = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LINE_CHARACTERS,
        "pattern": r"^[^\u0000-\u001f\u007f]*$",
    }
    required: dict[str, Json] = {
        "schema_version": {"type": "integer", "enum": list(accepted_versions())},
        "result_id": uuid,
        "agent_id": uuid,
        "stream": uuid,
        "seq": {"type": "integer", "minimum": 0, "maximum": LARGEST_WHOLE},
        "probe": name,
        "target": line,
        "started_at": {"type": "string", "format": "date-time", "pattern": f"^{TIME.pattern}$"},
        "boot_id": line,
        "monotonic_start_seconds": seconds,
        "duration_seconds": seconds,
        "outcome": _one_of(Outcome),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Measurement",
        "description": "One attempt to measure. docs/wire.md says what each field means.",
        "type": "object",
        "required": list(required),
        "properties": {
            **required,
            "segment": name,
            "failure": _failure(),
            "values": {"$ref": "#/$defs/fields"},
            "context": {"$ref": "#/$defs/fields"},
            "confidence": {"$ref": "#/$defs/fields"},
            "simulated": {"type": "boolean"},
        },
        "if": {"properties": {"outcome": {"const": Outcome.OK.value}}},
        "then": {
            "required": ["values"],
            "properties": {"failure": False, "values": {"minProperties": 1}},
        },
        "else": {"required": ["failure"]},
        "$defs": {"fields": _fields()},
    }


def text() -> str:
    """Give the schema as the text of :data:`FILE`."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _failure() -> dict[str, Json]:
    return {
        "type": "object",
        "required": ["code", "operation"],
        "properties": {
            "code": _one_of(FailureCode),
            "operation": _one_of(Operation),
            "text": {"type": "string", "maxLength": MAX_TEXT_CHARACTERS},
        },
    }


def _one_of(kind: type[FailureCode | Operation | Outcome]) -> dict[str, Json]:
    return {"type": "string", "enum": [member.value for member in kind]}


def _fields() -> dict[str, Json]:
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{FIELD_NAME.pattern}$"},
        "patternProperties": {_pattern(unit): _unit(unit) for unit in UNITS},
        "additionalProperties": {
            "type": ["boolean", "number", "string", "array", "object"],
            "maxLength": MAX_STRING_CHARACTERS,
        },
    }


def _pattern(unit: Unit) -> str:
    """Match names whose unit is ``unit``: its suffix, but not a longer one that ends alike."""
    longer = [
        other.suffix.removesuffix(unit.suffix)
        for other in UNITS
        if other is not unit and other.suffix.endswith(unit.suffix)
    ]
    return "".join(f"(?<!{suffix})" for suffix in longer) + f"{unit.suffix}$"


def _unit(unit: Unit) -> dict[str, Json]:
    rule: dict[str, Json] = {
        "type": "integer" if unit.whole else "number",
        "description": unit.meaning,
    }
    if unit.minimum is not None:
        rule["minimum"] = unit.minimum
    if unit.maximum is not None or unit.whole:
        rule["maximum"] = LARGEST_WHOLE if unit.maximum is None else unit.maximum
    return rule


if __name__ == "__main__":
    sys.stdout.write(text())
