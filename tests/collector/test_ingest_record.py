"""One record into a row: the fast path accepts a subset of the codec, and reads it the same."""

import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.api.record import read_plain, read_record, row_of
from wire.codec import Refused, decode, encode
from wire.failure import Failure, FailureCode, Operation, Outcome

AGENT = "5ad9503e-0000-4000-8000-000000000001"
RECORD: dict[str, Any] = {
    "schema_version": 1,
    "result_id": "01970000-0000-7000-8000-000000000001",
    "agent_id": AGENT,
    "stream": "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001",
    "seq": 7,
    "probe": "throughput",
    "target": "[2001:db8::1]:4443",
    "started_at": "2026-05-11T00:30:00.000000Z",
    "boot_id": "boot:1",
    "monotonic_start_seconds": 12.5,
    "duration_seconds": 10,
    "outcome": "ok",
    "values": {"download_bps": 6e8, "upload_bps": 5, "flows_count": 4, "how": "tcp: goodput"},
    "context": {"agent_version": "0.1.0", "cross_traffic_during_bps": 0.5},
}
FAILURE = {"code": "no_reply", "operation": "receive", "text": "nothing: came"}


def _text(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _codec(raw: bytes) -> Any:
    """What the codec makes of it: a row, or None."""
    try:
        return row_of(decode(raw), raw, "A1")
    except Refused:
        return None


def _agree(raw: bytes) -> Any:
    """Both ways to the same row; gives what the fast path said."""
    fast, exact = read_plain(raw, "A1"), _codec(raw)
    if fast is not None:
        assert fast == exact
    if exact is None:
        with pytest.raises(Refused):
            read_record(raw, "A1")
    else:
        assert read_record(raw, "A1") == exact
    return fast


PLAIN = {
    "as agents send it": RECORD,
    "format N-1": {**RECORD, "schema_version": 0},
    "failed": {k: v for k, v in RECORD.items() if k != "values"}
    | {"outcome": "failed", "failure": FAILURE},
    "failed with partial values": RECORD | {"outcome": "invalid", "failure": FAILURE},
    "with all options": RECORD
    | {"segment": "line", "simulated": True, "confidence": {"half_width_ratio": 0.1, "sure": True}},
    "text beyond ASCII": RECORD | {"target": "中央.example:1", "context": {"note": "回線: 混雑"}},
    "signed values": RECORD | {"context": {"clock_offset_seconds": -1.5, "signal_dbm": -60}},
}


@pytest.mark.parametrize("record", PLAIN.values(), ids=PLAIN)
def test_what_agents_send_takes_the_fast_path(record: Any) -> None:
    """The plain form is recognised, and read as the codec reads it."""
    assert _agree(_text(record)) is not None


def test_what_the_codec_writes_takes_the_fast_path(make: Any) -> None:
    """Records of our own encoder are plain, failures too."""
    failed = Failure(FailureCode.STALLED, Operation.DOWNLOAD, "no data for 5 s")
    for measurement in (
        make.record(AGENT),
        make.record(AGENT, outcome=Outcome.FAILED, failure=failed, values={}, simulated=True),
        make.record(AGENT, segment="lan", confidence={"windows_count": 40}),
    ):
        assert _agree(encode(measurement)) is not None


def test_values_reach_their_columns() -> None:
    """What is judged and shown is taken out of the record."""
    row = read_record(_text(RECORD), "A1")
    assert (row.download_bps, row.upload_bps, row.cross_traffic_during_bps) == (6e8, 5.0, 0.5)
    assert row.started_at == datetime(2026, 5, 11, 0, 30, tzinfo=UTC)
    assert (row.agent_version, row.school_code, row.simulated) == ("0.1.0", "A1", False)
    assert row.record == _text(RECORD)


# each is text that a typed decoder might take differently from the codec
BASE = _text(RECORD).decode()
TRICKS = {
    "key twice": BASE.replace('"seq":7', '"seq":7,"seq":8'),
    "key twice, hidden by an escape": BASE.replace(
        '"seq":7', '"seq":7,"seq":8,"note":"\\u003a\\u003a"'
    ),
    "key twice in values": BASE.replace('"upload_bps":5', '"upload_bps":5,"upload_bps":6'),
    "key twice, balanced by an escaped colon": BASE.replace('"seq":7', '"seq":7,"seq":8').replace(
        "tcp: goodput", "tcp\\u003a goodput"
    ),
    "fraction where whole": BASE.replace('"seq":7', '"seq":7.0'),
    "exponent where whole": BASE.replace('"seq":7', '"seq":7e0'),
    "fraction as count": BASE.replace('"flows_count":4', '"flows_count":4.0'),
    "flag as number": BASE.replace('"seq":7', '"seq":true'),
    "flag as seconds": BASE.replace('"duration_seconds":10', '"duration_seconds":true'),
    "version as fraction": BASE.replace('"schema_version":1', '"schema_version":1.0'),
    "version as flag": BASE.replace('"schema_version":1', '"schema_version":true'),
    "version to come": BASE.replace('"schema_version":1', '"schema_version":2'),
    "number of 400 digits": BASE.replace('"seq":7', '"seq":' + "9" * 400),
    "seconds of 400 digits": BASE.replace(
        '"duration_seconds":10', '"duration_seconds":' + "9" * 400
    ),
    "bps of 30 digits": BASE.replace('"upload_bps":5', '"upload_bps":' + "9" * 30),
    "unknown number of 30 digits": BASE.replace('"how"', '"n":' + "9" * 30 + ',"how"'),
    "2^63": BASE.replace('"seq":7', f'"seq":{1 << 63}'),
    "2^63-1": BASE.replace('"seq":7', f'"seq":{(1 << 63) - 1}'),
    "infinite": BASE.replace("600000000.0", "1e999"),
    "NaN": BASE.replace("600000000.0", "NaN"),
    "minus zero": BASE.replace("600000000.0", "-0.0"),
    "negative": BASE.replace("600000000.0", "-1"),
    "null value": BASE.replace("600000000.0", "null"),
    "text as number": BASE.replace("600000000.0", '"600000000"'),
    "NUL": BASE.replace("tcp: goodput", "tcp\\u0000"),
    "lone surrogate": BASE.replace("tcp: goodput", "tcp\\ud800"),
    "surrogate pair": BASE.replace("tcp: goodput", "tcp\\ud83d\\ude00"),
    "upper case UUID": BASE.replace(AGENT, AGENT.upper()),
    "UUID in braces": BASE.replace(AGENT, "{" + AGENT + "}"),
    "time without offset": BASE.replace("00:30:00.000000Z", "00:30:00.000000"),
    "time with offset": BASE.replace("00:30:00.000000Z", "09:30:00+09:00"),
    "time with blank": BASE.replace("11T00", "11 00"),
    "time in week form": BASE.replace("2026-05-11T00:30:00.000000Z", "2026-W20-1T00:30:00Z"),
    "time in the year 1": BASE.replace("2026-05-11", "0001-01-01"),
    "time before the year 1": BASE.replace("2026-05-11T00:30:00.000000Z", "0001-01-01T00:30+09:00"),
    "leap second": BASE.replace("00:30:00.000000Z", "23:59:60Z"),
    "24 o'clock": BASE.replace("00:30:00.000000Z", "24:00:00Z"),
    "unknown field": BASE.replace('"seq":7', '"seq":7,"future":[1,{"a":2}]'),
    "unknown probe": BASE.replace("throughput", "page_load"),
    "bad probe": BASE.replace('"throughput"', '"-f;id"'),
    "bad key in values": BASE.replace('"how"', '"How"'),
    "outcome unknown": BASE.replace('"outcome":"ok"', '"outcome":"fine"'),
    "ok without values": BASE.replace('"download_bps":600000000.0,', "").replace(
        '"upload_bps":5,"flows_count":4,"how":"tcp: goodput"', ""
    ),
    "ok with failure": BASE[:-1] + ',"failure":{"code":"no_reply","operation":"run"}}',
    "failed without failure": BASE.replace('"outcome":"ok"', '"outcome":"failed"'),
    "failure with more": BASE.replace('"outcome":"ok"', '"outcome":"failed"')[:-1]
    + ',"failure":{"code":"no_reply","operation":"run","more":"x"}}',
    "failure without text": BASE.replace('"outcome":"ok"', '"outcome":"failed"')[:-1]
    + ',"failure":{"code":"no_reply","operation":"run"}}',
    "failure text too long": BASE.replace('"outcome":"ok"', '"outcome":"failed"')[:-1]
    + ',"failure":{"code":"no_reply","operation":"run","text":"'
    + "x" * 501
    + '"}}',
    "empty target": BASE.replace("[2001:db8::1]:4443", ""),
    "long target": BASE.replace("[2001:db8::1]:4443", "x" * 256),
    "target with newline": BASE.replace("[2001:db8::1]:4443", "a\\nb"),
    "nested value": BASE.replace('"how"', '"flows":[{"bytes":1}],"how"'),
    "deep value": BASE.replace('"how"', '"deep":' + "[" * 9 + "]" * 9 + ',"how"'),
    "100,000 deep": BASE.replace('"how"', '"deep":' + "[" * 60_000 + ',"how"'),
    "long text": BASE.replace("tcp: goodput", "x" * 4097),
    "too large": BASE.replace("tcp: goodput", "x" * 66_000),
    "values null": BASE.replace('"values":{', '"confidence":null,"values":{'),
    "white space": json.dumps(RECORD, indent=2),
    "cut off": BASE[:-1],
    "two": BASE + BASE,
    "array": "[" + BASE + "]",
    "empty": "",
    "byte order mark": "\ufeff" + BASE,
}


@pytest.mark.parametrize("text", TRICKS.values(), ids=TRICKS)
def test_tricky_records_are_decided_as_the_codec_decides(text: str) -> None:
    """Where a typed decoder would convert, drop or guess, the codec has the word."""
    _agree(text.encode("utf-8"))


@pytest.mark.parametrize("where", range(0, len(BASE), 7))
def test_bytes_that_are_no_utf8_are_decided_as_the_codec_decides(where: int) -> None:
    """A stray 0xff anywhere in the record."""
    raw = BASE.encode()
    _agree(raw[:where] + b"\xff" + raw[where:])


def test_names_that_are_none_are_not_remembered() -> None:
    """Names of 60 KB, each another: none of them is kept in memory."""
    before = json.dumps(RECORD)
    tracemalloc.start()
    try:
        for number in range(60):
            name = f"{number:0>60000}"
            for field in ("agent_id", "stream", "probe", "segment"):
                assert read_plain(_text({**json.loads(before), field: name}), "A1") is None
            assert read_plain(_text({**json.loads(before), "values": {name: 1}}), "A1") is None
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


_scalar = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 65), 1 << 65),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["Z", "", "ok", "failed", "2026-05-11T00:30:00Z", AGENT, "\ud800", "\x00"]),
)
_json = st.recursive(
    _scalar,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_names = st.sampled_from(
    ["download_bps", "flows_count", "loss_ratio", "clock_offset_seconds", "note", "a_bytes", "Bad"]
)
_field = st.one_of(
    st.tuples(st.sampled_from([*RECORD, "segment", "failure", "confidence", "simulated"]), _json),
    st.tuples(
        st.sampled_from(["values", "context", "confidence"]),
        st.dictionaries(_names | st.text(max_size=6), _scalar, max_size=4),
    ),
    st.tuples(
        st.just("failure"),
        st.fixed_dictionaries(
            {
                "code": st.sampled_from([*FailureCode, "no"]),
                "operation": st.sampled_from([*Operation]),
            },
            optional={"text": st.text(max_size=510), "more": _scalar},
        ),
    ),
)


@settings(max_examples=400, deadline=None)
@given(
    changes=st.lists(_field, max_size=3), removed=st.sets(st.sampled_from([*RECORD]), max_size=1)
)
@example(changes=[("outcome", "failed"), ("failure", FAILURE)], removed=set())
@example(changes=[("target", "\u2028")], removed=set())
def test_whatever_changes_in_a_record_both_ways_agree(changes: Any, removed: Any) -> None:
    """Fields replaced, added and left out at random."""
    record = {**RECORD, **dict(changes)}
    for name in removed:
        record.pop(name, None)
    for escaped in (True, False):
        try:
            raw = json.dumps(record, ensure_ascii=escaped, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            continue
        _agree(raw)


@settings(max_examples=300, deadline=None)
@given(
    at=st.integers(0, len(BASE)),
    removed=st.integers(0, 3),
    inserted=st.sampled_from(
        [
            "",
            '"',
            ":",
            ",",
            "{",
            "}",
            "[",
            "]",
            "\\",
            " ",
            "0",
            "-",
            "e",
            ".",
            "\n",
            '"seq":9,',
            "\\u003a",
        ]
    )
    | st.text(max_size=3),
)
def test_whatever_changes_in_the_text_both_ways_agree(at: int, removed: int, inserted: str) -> None:
    """Characters of the text replaced, added and removed at random."""
    text = BASE[:at] + inserted + BASE[at + removed :]
    _agree(text.encode("utf-8", "surrogatepass"))
