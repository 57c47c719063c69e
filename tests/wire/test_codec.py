"""The JSON form of a Measurement: what is written reads back, versions, times."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import Refused, clean_line, decode, encode, format_time, to_json
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Json, Measurement
from wire.units import UNITS

Record = Callable[..., dict[str, Json]]
Written = Callable[..., bytes]

# --- round trip --------------------------------------------------------------------------------

storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
plain_names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True).filter(
    lambda name: not any(name.endswith(unit.suffix) for unit in UNITS)
)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    storable,
)
nested = st.recursive(
    st.one_of(scalars, st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(storable, inner, max_size=3)
    ),
    max_leaves=6,
)
measured = st.one_of(
    *(
        st.dictionaries(
            st.just(f"some{unit.suffix}"),
            st.integers(0, 1)
            if unit.whole or unit.maximum is not None
            else st.floats(max(unit.minimum or 0.0, 0.0), 1e12),
            min_size=1,
        )
        for unit in UNITS
    )
)
fields = st.builds(
    lambda plain, units: {**plain, **units}, st.dictionaries(plain_names, scalars), measured
)
uuids = st.builds(uuid4, st.integers(0, (1 << 128) - 1))
failures = st.builds(Failure, st.sampled_from(FailureCode), st.sampled_from(Operation), storable)
KNOWN = {field.name for field in dataclasses.fields(Measurement)}
seconds = st.floats(0, 1e9)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    """Any measurement that a probe could make."""
    outcome = draw(st.sampled_from(Outcome))
    return Measurement(
        schema_version=draw(st.sampled_from([0, 1])),
        result_id=draw(st.builds(uuid7, st.integers(0, 1 << 47), st.integers(0, (1 << 74) - 1))),
        agent_id=draw(uuids),
        stream=draw(uuids),
        seq=draw(st.integers(0, (1 << 63) - 1)),
        probe=draw(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)),
        target=draw(lines),
        segment=draw(st.one_of(st.none(), st.just("line"))),
        started_at=draw(st.datetimes(timezones=st.just(UTC))),
        boot_id=draw(lines),
        monotonic_start_seconds=draw(seconds),
        duration_seconds=draw(seconds),
        outcome=outcome,
        failure=None if outcome is Outcome.OK else draw(failures),
        values=draw(fields),
        context=draw(fields),
        confidence=draw(st.one_of(st.none(), fields)),
        simulated=draw(st.booleans()),
        extra=draw(
            st.dictionaries(plain_names.filter(lambda name: name not in KNOWN), nested, max_size=3)
        ),
    )


@given(measurements())
def test_what_is_written_reads_back_equal(measurement: Measurement) -> None:
    """decode(encode(m)) is m, for unknown top-level fields and unknown keys as for known ones."""
    assert decode(encode(measurement)) == measurement


@given(measurements())
def test_writing_is_stable(measurement: Measurement) -> None:
    """A record that is read and written again is the same bytes: a store may keep either."""
    once = encode(measurement)
    assert encode(decode(once)) == once


def test_unknown_fields_are_kept_at_every_place(record: Record) -> None:
    """A newer agent's field survives at the top, in values, in context and in confidence."""
    sent = record(
        weather={"wind": [1, None]},
        values={"download_bps": 1.0, "new_thing": "x"},
        context={"other": {"deep": [True]}},
        confidence={"statistic": "median", "unheard_of": False},
    )
    assert to_json(decode(json.dumps(sent).encode())) == sent


def test_unknown_keys_of_a_failure_are_dropped(written: Written) -> None:
    """A failure is code, operation and text; what else a newer agent puts there is not kept."""
    failure = {"code": "no_reply", "operation": "receive", "text": "t", "hint": "h"}
    read = decode(written(outcome="failed", failure=failure, values={}))
    assert read.failure == Failure(FailureCode.NO_REPLY, Operation.RECEIVE, "t")


def test_absent_things_are_not_written(written: Written) -> None:
    """None and False of optional fields are left out, never written as null."""
    text = encode(decode(written()))
    assert b"null" not in text
    assert not {"segment", "failure", "confidence", "simulated"} & json.loads(text).keys()


# --- versions ----------------------------------------------------------------------------------


def test_a_record_of_the_version_before_is_read(written: Written) -> None:
    """Version 0 has no ``simulated`` and no ``confidence``: both read as not stated."""
    old = decode(written(schema_version=0))
    assert (old.simulated, old.confidence) == (False, None)


def test_rewriting_keeps_the_version_that_was_sent(written: Written) -> None:
    """A version 0 record written again says 0: it states no more than its agent knew."""
    assert json.loads(encode(decode(written(schema_version=0))))["schema_version"] == 0


# --- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-11T09:30:00+09:00", datetime(2026, 5, 11, 0, 30, tzinfo=UTC)),
        ("2026-05-11T00:30:00Z", datetime(2026, 5, 11, 0, 30, tzinfo=UTC)),
        ("2026-05-11T00:30:00.25-00:00", datetime(2026, 5, 11, 0, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-05-11T00:30:00.123456789Z", datetime(2026, 5, 11, 0, 30, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_times_with_any_offset_become_utc(written: Written, text: str, moment: datetime) -> None:
    """RFC 3339 times of years 1 to 9999 are read; digits past microseconds are cut."""
    read = decode(written(started_at=text))
    assert read.started_at == moment
    assert read.started_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-11T00:30:00",
        "2026-05-11 00:30:00Z",
        "2026-05-11T00:30Z",
        "2026-W20-1T00:00:00Z",
        "20260511T003000Z",
        "2026-05-11T00:30:00,5Z",
        "2026-05-11T24:00:00Z",
        "2026-05-11T00:30:60Z",
        "2026-02-30T00:00:00Z",
        "2026-05-11T00:30:00+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-09:00",
        "10000-01-01T00:00:00Z",
        "２０２６-05-11T00:30:00Z",
        "2026-05-11T00:30:00z",
        "2026-05-11T00:30:00Z\n",
        "",
    ],
)
def test_other_spellings_of_a_time_are_refused(written: Written, text: str) -> None:
    """Only one family of spellings is read, the same on every version of Python."""
    with pytest.raises(Refused) as refusal:
        decode(written(started_at=text))
    assert refusal.value.place == "started_at"


def test_times_are_written_in_utc_with_microseconds() -> None:
    """One spelling leaves this program, so that text order is time order."""
    tokyo = timezone(timedelta(hours=9))
    assert format_time(datetime(2026, 5, 11, 9, 30, tzinfo=tokyo)) == "2026-05-11T00:30:00.000000Z"


# --- writing what this machine brings -----------------------------------------------------------


@given(st.text())
def test_any_text_can_be_made_a_target(written: Written, text: str) -> None:
    """What a person typed as target can always be recorded: cleaned, never empty, never long."""
    good = decode(written())
    cleaned = dataclasses.replace(good, target=clean_line(text))
    assert decode(encode(cleaned)) == cleaned


def test_a_failure_text_with_a_lone_surrogate_is_written(written: Written) -> None:
    """File names reach error texts undecoded; writing replaces what is no character."""
    failure = Failure(FailureCode.PROBE_CRASHED, Operation.RUN, "no \udcff\x00 file")
    broken = dataclasses.replace(decode(written()), outcome=Outcome.FAILED, failure=failure)
    read = decode(encode(broken)).failure
    assert read is not None
    assert read.text == "no ?? file"


def test_a_lone_surrogate_anywhere_is_written_as_a_question_mark(written: Written) -> None:
    """What a probe read from argv or a file name can be stored, spooled and sent."""
    broken = dataclasses.replace(decode(written()), context={"path": "a\udcffb"})
    assert decode(encode(broken)).context == {"path": "a?b"}
