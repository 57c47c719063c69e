"""Batch and acknowledgement: only ids that are named are acknowledged."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import Refused
from wire.ids import uuid7
from wire.messages import (
    MAX_ACKNOWLEDGEMENT_BYTES,
    Acknowledgement,
    Quarantined,
    decode_acknowledgement,
    encode_acknowledgement,
    encode_batch,
)

ids = st.builds(uuid7, st.integers(0, 1 << 47), st.integers(0, (1 << 74) - 1))
reasons = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
acknowledgements = st.builds(
    Acknowledgement,
    st.lists(ids, max_size=5).map(tuple),
    st.lists(st.builds(Quarantined, st.one_of(st.none(), ids), reasons), max_size=5).map(tuple),
)
ID = uuid7(1, 2)


@given(acknowledgements)
def test_an_acknowledgement_reads_back_equal(acknowledgement: Acknowledgement) -> None:
    """Committed ids and quarantined ids with their reasons survive the wire."""
    assert decode_acknowledgement(encode_acknowledgement(acknowledgement)) == acknowledgement


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_holds_its_records_as_they_were(count: int) -> None:
    """Records are joined without being read again, so their bytes survive."""
    records = [b'{"a":%d,"b":1.50}' % number for number in range(count)]
    batch = encode_batch(records)
    assert batch == b'{"measurements":[' + b",".join(records) + b"]}"
    assert len(json.loads(batch)["measurements"]) == count


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "acknowledgement: found no JSON (Expecting value at 0), allowed is a JSON object"),
        (
            b"<!doctype html><title>blocked</title>",
            "acknowledgement: found no JSON (Expecting value at 0), allowed is a JSON object",
        ),
        (b"{}", "committed: found nothing, allowed is a list"),
        (b'{"committed":[]}', "quarantined: found nothing, allowed is a list"),
        (
            b'{"committed":{},"quarantined":[]}',
            "committed: found an object of 0, allowed is a list",
        ),
        (
            b'{"committed":["all"],"quarantined":[]}',
            'committed: found "all", allowed is a UUID in lower case with hyphens',
        ),
        (
            b'{"committed":[],"quarantined":["x"]}',
            'quarantined: found "x", allowed is objects with result_id and reason',
        ),
        (
            b'{"committed":[],"quarantined":[{"result_id":"x","reason":"r"}]}',
            'quarantined.result_id: found "x", allowed is a UUID in lower case with hyphens',
        ),
        (
            b" " * (MAX_ACKNOWLEDGEMENT_BYTES + 1),
            (
                f"acknowledgement: found {MAX_ACKNOWLEDGEMENT_BYTES + 1} bytes, "
                f"allowed is at most {MAX_ACKNOWLEDGEMENT_BYTES} bytes"
            ),
        ),
    ],
)
def test_what_is_no_acknowledgement_is_refused(raw: bytes, message: str) -> None:
    """A block page, an empty object or a wrong shape acknowledges nothing, in exact words."""
    with pytest.raises(Refused) as refusal:
        decode_acknowledgement(raw)
    assert str(refusal.value) == message


def test_no_truncated_acknowledgement_is_one() -> None:
    """Cut at any byte, a reply acknowledges nothing rather than a part."""
    whole = encode_acknowledgement(Acknowledgement((ID,), (Quarantined(ID, "理由"),)))
    for length in range(len(whole)):
        with pytest.raises(Refused):
            decode_acknowledgement(whole[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No bytes raise anything but Refused."""
    with pytest.raises(Refused):
        decode_acknowledgement(raw)


def test_very_many_keys_with_one_twice_cost_little() -> None:
    """Finding the key that stands twice takes one pass, not one for each key."""
    keys = b",".join(b'"%d":1' % number for number in range(150_000))
    began = time.process_time()
    with pytest.raises(Refused, match="this key twice"):
        decode_acknowledgement(b"{" + keys + b',"149999":1}')
    assert time.process_time() - began < 10.0  # a pass for each key takes minutes
