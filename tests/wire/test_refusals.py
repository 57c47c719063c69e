"""Whatever is sent that is no record is refused, in exact words, cheaply, and nothing else."""

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wire.codec import MAX_RECORD_BYTES, Refused, decode, encode
from wire.failure import FailureCode
from wire.measurement import Json

Written = Callable[..., bytes]
RESULT_ID = "019684ee-8f80-7000-8000-000000000001"
MEBIBYTE = 1 << 20
PLACES = [
    *("schema_version", "result_id", "agent_id", "stream", "seq", "probe", "target", "segment"),
    *("started_at", "boot_id", "monotonic_start_seconds", "duration_seconds", "outcome"),
    *("failure", "values", "context", "confidence", "simulated", "unknown"),
]
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)


def refused(raw: bytes) -> Refused | None:
    """Decode and give the refusal; None where it is read. Any other exception passes."""
    try:
        decode(raw)
    except Refused as refusal:
        return refusal
    return None


UUID_WANTED = "a UUID in lower case with hyphens"
WHOLE = "a whole number from 0 to 2^63-1"
REFUSALS = [
    ({"schema_version": ...}, "schema_version: found nothing, allowed is to be present"),
    (
        {"schema_version": 2},
        "schema_version: found 2, allowed is 0 and 1: upgrade the collector",
    ),
    ({"schema_version": "1"}, f'schema_version: found "1", allowed is {WHOLE}'),
    ({"schema_version": True}, f"schema_version: found true, allowed is {WHOLE}"),
    ({"result_id": ...}, "result_id: found nothing, allowed is to be present"),
    (
        {"result_id": RESULT_ID.upper()},
        f'result_id: found "{RESULT_ID.upper()}", allowed is {UUID_WANTED}',
    ),
    ({"agent_id": 5}, f"agent_id: found 5, allowed is {UUID_WANTED}"),
    ({"stream": ""}, f'stream: found "", allowed is {UUID_WANTED}'),
    ({"seq": -1}, f"seq: found -1, allowed is {WHOLE}"),
    ({"seq": 1.0}, f"seq: found 1.0, allowed is {WHOLE}"),
    ({"seq": 1 << 63}, f"seq: found {1 << 63}, allowed is {WHOLE}"),
    (
        {"probe": "Throughput"},
        'probe: found "Throughput", allowed is a name of a-z, 0-9 and _ (up to 32)',
    ),
    ({"target": ""}, 'target: found "", allowed is 1 to 255 printable characters'),
    ({"target": "a\nb"}, 'target: found "a?b", allowed is 1 to 255 printable characters'),
    (
        {"target": "x" * 256},
        'target: found "' + "x" * 55 + '...", allowed is 1 to 255 printable characters',
    ),
    (
        {"started_at": "yesterday"},
        (
            'started_at: found "yesterday", allowed is an RFC 3339 time with offset, '
            "such as 2026-05-11T00:30:00.000000Z"
        ),
    ),
    (
        {"duration_seconds": -0.1},
        "duration_seconds: found -0.1, allowed is at least 0 (seconds)",
    ),
    (
        {"duration_seconds": "10"},
        'duration_seconds: found "10", allowed is a finite number of seconds',
    ),
    (
        {"outcome": "fine"},
        'outcome: found "fine", allowed is one of deferred failed invalid ok',
    ),
    (
        {"outcome": "failed"},
        "failure: found nothing, allowed is a failure where outcome is failed",
    ),
    (
        {"failure": {"code": "no_reply", "operation": "receive"}},
        "failure: found no_reply, allowed is nothing where outcome is ok",
    ),
    (
        {"failure": {"code": "no_reply"}, "outcome": "failed"},
        "failure.operation: found nothing, allowed is to be present",
    ),
    (
        {"failure": "no_reply", "outcome": "failed"},
        'failure: found "no_reply", allowed is an object with code, operation and text',
    ),
    ({"values": {}}, "values: found nothing, allowed is at least one value where outcome is ok"),
    (
        {"values": ...},
        "values: found nothing, allowed is at least one value where outcome is ok",
    ),
    ({"values": [1, 2]}, "values: found a list of 2, allowed is an object"),
    (
        {"values": {"download_bps": None}},
        "values.download_bps: found null, allowed is a value, or to leave it out",
    ),
    (
        {"values": {"download_bps": "412"}},
        (
            'values.download_bps: found "412", allowed is a finite number of bits per second '
            "(decimal: 1 Mbit/s = 1,000,000)"
        ),
    ),
    (
        {"values": {"loss_ratio": 1.5}},
        "values.loss_ratio: found 1.5, allowed is at most 1 (share of one, 0 to 1)",
    ),
    (
        {"values": {"sent_count": 20.0}},
        "values.sent_count: found 20.0, allowed is a whole number of a number of things",
    ),
    (
        {"values": {"Download": 1}},
        "values.Download: found this key, allowed is names of a-z, 0-9 and _",
    ),
    ({"simulated": "yes"}, 'simulated: found "yes", allowed is true or false'),
    (
        {"context": {"note": "x" * 4_097}},
        'context.note: found "' + "x" * 55 + '...", allowed is text of at most 4096 characters',
    ),
    (
        {"context": {"note": "a\x00b"}},
        'context.note: found "a?b", allowed is text without NUL and lone surrogates',
    ),
    (
        {"weather": [[[[[[[[1]]]]]]]]},
        "weather[0][0][0][0][0][0][0][0]: found too deeply nested, allowed is at most 8 levels",
    ),
]


@pytest.mark.parametrize(("changes", "message"), REFUSALS, ids=[text[:40] for _, text in REFUSALS])
def test_each_mistake_has_its_message(
    written: Written, changes: dict[str, Json], message: str
) -> None:
    """A refusal says where, what was found and what is allowed, word for word."""
    with pytest.raises(Refused) as refusal:
        decode(written(**changes))
    assert str(refusal.value) == message


@pytest.mark.parametrize("value", [5, 5.0, True, None, [5], {"a": 5}])
def test_a_value_and_its_text_are_told_apart(written: Written, value: Json) -> None:
    """Text is in quotes, so whoever sent "5" sees why 5 was wanted; at most 60 characters."""
    message = []
    for sent in (value, str(value), str(value) * 100):
        with pytest.raises(Refused) as refusal:
            decode(written(probe=sent))
        message.append(refusal.value.found)
    assert '"' not in message[0]
    assert message[1] == f'"{value}"'
    assert message[2].endswith('..."')
    assert len(message[2]) == 60


def test_an_unknown_failure_code_is_answered_with_the_whole_vocabulary(written: Written) -> None:
    """The message lists every code, so that whoever wrote a wrong one can choose."""
    with pytest.raises(Refused) as refusal:
        decode(written(outcome="failed", failure={"code": "boom", "operation": "run"}))
    assert refusal.value.place == "failure.code"
    assert refusal.value.allowed.split()[2:] == sorted(FailureCode)


RAW_REFUSALS = [
    (b"", "record: found no JSON (Expecting value at 0), allowed is a JSON object"),
    (b"[]", "record: found a list of 0, allowed is a JSON object"),
    (b"null", "record: found null, allowed is a JSON object"),
    (b"<html>", "record: found no JSON (Expecting value at 0), allowed is a JSON object"),
    (b"\xff{}", "record: found byte 0 is not UTF-8, allowed is UTF-8 text"),
    (b"\xef\xbb\xbf{}", "record: found no JSON (Expecting value at 0), allowed is a JSON object"),
    (b'{"a":NaN}', "record: found NaN, allowed is finite numbers"),
    (b'{"a":-Infinity}', "record: found -Infinity, allowed is finite numbers"),
    (b'{"a":1,"a":2}', "a: found this key twice, allowed is each key once"),
    (
        b"1" * 5_000,
        "record: found a number of too many digits, allowed is finite numbers",
    ),
    (b"[" * 60_000, "record: found too deeply nested, allowed is at most 8 levels"),
    (b'{"a":' * 13_000, "record: found too deeply nested, allowed is at most 8 levels"),
    (
        b" " * (MAX_RECORD_BYTES + 1),
        "record: found 65537 bytes, allowed is at most 65536 bytes",
    ),
]


@pytest.mark.parametrize(("raw", "message"), RAW_REFUSALS, ids=[text for _, text in RAW_REFUSALS])
def test_each_kind_of_broken_text_has_its_message(raw: bytes, message: str) -> None:
    """What is no JSON object at all is refused as a whole, in words."""
    with pytest.raises(Refused) as refusal:
        decode(raw)
    assert str(refusal.value) == message


HOSTILE = [
    "1e999",
    "-1e999",
    "1" * 400,
    "1" * 4_000,
    r'"\ud800"',
    r'"\u0000"',
    r'{"\ud800": 1}',
    r'{"\u0000": 1}',
    "[" * 900 + "]" * 900,
    '{"a":' * 900 + "1" + "}" * 900,
    "{}",
    "[]",
    "null",
    "true",
    '""',
    "-0",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", HOSTILE, ids=[text[:14] for text in HOSTILE])
def test_hostile_values_are_read_or_refused_at_every_place(
    written: Written, place: str, text: str
) -> None:
    """At no place does a hostile value end in another exception, and what is read is writable."""
    raw = written(**{place: "@@"}).replace(b'"@@"', text.encode())
    refusal = refused(raw)
    if refusal is None:
        read = decode(raw)
        assert decode(encode(read)) == read
    else:
        assert refusal.place
        assert len(refusal.found) <= 60
        assert refusal.allowed


@pytest.mark.parametrize("key", [r"\ud800", r"\u0000"])
def test_unstorable_keys_at_the_top_are_refused(written: Written, key: str) -> None:
    """A lone surrogate or NUL in the name of an unknown field would break whoever writes it."""
    raw = written().replace(b'{"schema', b'{"' + key.encode() + b'":1,"schema', 1)
    with pytest.raises(Refused, match="a key of the record"):
        decode(raw)


@given(st.binary(max_size=400))
@example(b'{"a":1e999}')
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No bytes whatever raise anything but Refused."""
    with pytest.raises(Refused):
        decode(raw)


@given(st.sampled_from(PLACES), json_values)
def test_any_json_at_any_field_is_read_or_refused(
    written: Written, place: str, value: Json
) -> None:
    """A record with arbitrary JSON in one field is a record or a refusal with a place."""
    refusal = refused(written(**{place: value}))
    assert refusal is None or refusal.allowed


@given(st.integers(0, 700), st.binary(min_size=1, max_size=3))
def test_any_damage_to_a_record_is_read_or_refused(
    written: Written, position: int, damage: bytes
) -> None:
    """Bytes overwritten anywhere in a good record give a record or a refusal."""
    raw = bytearray(written())
    at = position % len(raw)
    raw[at : at + len(damage)] = damage
    refusal = refused(bytes(raw))
    assert refusal is None or refusal.allowed


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
        b'{"values":{' + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}}",
        b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b',"5999":1}',
        b'{"a":"' + b"\\u0041" * 10_000 + b'"}',
    ],
    ids=["deep list", "deep object", "million keys", "many keys", "late twin", "escapes"],
)
def test_bombs_cost_little(raw: bytes) -> None:
    """Depth and number of keys are refused within a second of CPU and 16 MiB of memory."""
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(Refused):
            decode(raw)
        spent = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert spent < 1.0
    assert peak < 16 * MEBIBYTE
