"""The committed JSON Schema is the one the tables make, and the codec keeps to it."""

import importlib.resources
import json
from collections.abc import Callable
from dataclasses import fields

import jsonschema
import pytest

from wire.codec import Refused, decode, encode
from wire.failure import FailureCode
from wire.measurement import Json, Measurement
from wire.schema import schema, text

Record = Callable[..., dict[str, Json]]
FORMATS = jsonschema.FormatChecker()
VALIDATOR = jsonschema.Draft202012Validator(schema(), format_checker=FORMATS)


def test_the_shipped_schema_is_the_one_of_the_tables() -> None:
    """Drift fails here. Renew with: python -m wire.schema > wire/measurement.schema.json."""
    shipped = importlib.resources.files("wire").joinpath("measurement.schema.json")
    assert shipped.read_text(encoding="utf-8") == text()


def test_the_schema_is_a_schema() -> None:
    """It is valid by the meta-schema of its own dialect."""
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_field_of_a_measurement_is_in_the_schema() -> None:
    """A field added to the record and forgotten here would be unknown to other languages."""
    properties = schema()["properties"]
    assert isinstance(properties, dict)
    assert {field.name for field in fields(Measurement)} - {"extra"} == properties.keys()


@pytest.mark.parametrize("code", FailureCode)
def test_what_the_codec_writes_is_valid(record: Record, code: FailureCode) -> None:
    """A failure of every code, as written, keeps to the schema."""
    failure: Json = {"code": code.value, "operation": "run", "text": "x"}
    sent = record(outcome="failed", failure=failure, values=..., confidence={"window_count": 3})
    VALIDATOR.validate(json.loads(encode(decode(json.dumps(sent).encode()))))


ALIKE: list[dict[str, object]] = [
    {},
    {"schema_version": 0},
    {"schema_version": 2},
    {"schema_version": ...},
    {"result_id": "X"},
    {"seq": -1},
    {"seq": 1 << 63},
    {"probe": "A"},
    {"target": ""},
    {"target": "a\tb"},
    {"target": "x" * 256},
    {"target": "日本" * 100},
    {"segment": "line"},
    {"segment": 3},
    {"started_at": "2026-05-11T09:30:00+09:00"},
    {"started_at": "2026-05-11 09:30:00+09:00"},
    {"started_at": "2026-05-11T09:30:00"},
    {"duration_seconds": -1},
    {"outcome": "fine"},
    {"outcome": "failed"},
    {"failure": {"code": "no_reply", "operation": "run"}},
    {"outcome": "failed", "failure": {"code": "no_reply", "operation": "run"}, "values": ...},
    {"outcome": "failed", "failure": {"code": "no_reply"}},
    {"outcome": "failed", "failure": {"code": "boom", "operation": "run"}},
    {"values": {}},
    {"values": ...},
    {"values": {"loss_ratio": 1.1}},
    {"values": {"clock_offset_seconds": -1.5}},
    {"values": {"rtt_seconds": -1.5}},
    {"values": {"sent_count": 1.5}},
    {"values": {"Sent": 1}},
    {"values": {"note": "x" * 4_097}},
    {"context": {"note": None}},
    {"context": {"nested": {"a": [None, 1]}}},
    {"confidence": []},
    {"simulated": 1},
    {"unknown": {"any": ["thing"]}},
]


@pytest.mark.parametrize("changes", ALIKE, ids=str)
def test_schema_and_codec_agree(record: Record, changes: dict[str, object]) -> None:
    """What one reads the other reads, what one refuses the other refuses."""
    sent = record(**changes)
    try:
        decode(json.dumps(sent).encode())
    except Refused:
        assert not VALIDATOR.is_valid(sent)
    else:
        VALIDATOR.validate(sent)
