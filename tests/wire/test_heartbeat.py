"""The heartbeat and its reply: nothing is lost on the way, nothing wrong gets through."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import Refused
from wire.heartbeat import (
    MAX_REPLY_BYTES,
    MAX_REQUEST_BYTES,
    ClockReport,
    Command,
    Heartbeat,
    IdentityHints,
    Network,
    PolicyOffer,
    PolicyReport,
    PolicyState,
    Reply,
    SpoolReport,
    Suppress,
)
from wire.heartbeat_codec import decode_reply, decode_request, encode_reply, encode_request

NOON = datetime(2026, 5, 11, 3, 0, tzinfo=UTC)
UUID = "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0001"
LEAST = Heartbeat(
    agent_version="0.1.0",
    boot_id=UUID,
    life_id=UUID,
    sent_at=NOON,
    uptime_seconds=7200.5,
    life_seconds=60.0,
)
FULL = Heartbeat(
    agent_version="0.1.0",
    boot_id=UUID,
    life_id="0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0002",
    sent_at=NOON,
    uptime_seconds=7200.5,
    life_seconds=60.0,
    spool=SpoolReport(waiting_count=3, used_bytes=40_000, dropped_count=1),
    clock=ClockReport(state="wrong", source="collector", offset_seconds=-7200.0, error_seconds=0.1),
    disk_free_bytes=1_000_000,
    cpu_utilisation_ratio=0.25,
    memory_bytes=45_000_000,
    last_good_test_at=NOON,
    policy=PolicyReport(state=PolicyState.REJECTED, version="v7", text="windows: none"),
    network=Network(gateway="a" * 32, subnet="b" * 32, public_address="c" * 32),
    hints=("delivery_intercepted",),
)
REPLY = Reply(
    server_time=NOON,
    policy=PolicyOffer(version="8", sha256="d" * 64, document='{"a":1}'),
    suppress=Suppress(until=NOON, reason="exam"),
    commands=(Command(id=UUID, kind="measure", expires_at=NOON, details={"probe": "latency"}),),
    identity=IdentityHints(renew=True, seen_from="192.0.2.7"),
)


@pytest.mark.parametrize("beat", [LEAST, FULL])
def test_heartbeat_survives_the_way(beat: Heartbeat) -> None:
    """What is read is what was written, whether all is known or hardly anything."""
    assert decode_request(encode_request(beat)) == beat


@pytest.mark.parametrize("reply", [Reply(server_time=NOON), REPLY])
def test_reply_survives_the_way(reply: Reply) -> None:
    """What is read is what was written, with everything asked or with nothing."""
    assert decode_reply(encode_reply(reply)) == reply


def test_unknown_fields_are_left_out() -> None:
    """Either side may be newer: fields it adds disturb nobody."""
    beat = json.loads(encode_request(FULL)) | {"mood": "good"}
    beat["spool"]["colour"] = "red"
    assert decode_request(json.dumps(beat).encode()) == FULL
    reply = json.loads(encode_reply(REPLY)) | {"advice": ["none"]}
    assert decode_reply(json.dumps(reply).encode()) == REPLY


WRONG: list[tuple[str, Any, str]] = [
    ("boot_id", "x", 'boot_id: found "x", allowed is a UUID'),
    ("life_id", None, "life_id: found null, allowed is a UUID"),
    ("sent_at", "yesterday", 'sent_at: found "yesterday", allowed is an RFC 3339 time'),
    ("uptime_seconds", -1, "uptime_seconds: found -1, allowed is at least 0"),
    ("life_seconds", 4e8, "life_seconds: found 400000000.0, allowed is at most 316224000"),
    ("spool", [], "spool: found a list of 0, allowed is an object"),
    ("spool", {"waiting_count": 1.5}, "spool.waiting_count: found 1.5, allowed is a whole number"),
    ("clock", {"clock_offset_seconds": "5"}, 'clock.clock_offset_seconds: found "5"'),
    ("cpu_utilisation_ratio", 1.5, "cpu_utilisation_ratio: found 1.5, allowed is at most 1"),
    ("memory_bytes", True, "memory_bytes: found true, allowed is a whole number"),
    ("policy", {"state": "good"}, 'policy.state: found "good", allowed is one of none in_force'),
    ("policy", {"text": "a\nb"}, 'policy.text: found "a?b", allowed is 1 to 255 printable'),
    ("network", {"gateway": "02:00:00:00:00:01"}, 'network.gateway: found "02:00:00:00:00:01"'),
    ("hints", "none", 'hints: found "none", allowed is a list of at most 16'),
    ("hints", ["<b>"], 'hints[0]: found "<b>", allowed is a name'),
    ("schema_version", 99, "schema_version: found 99, allowed is 0 and 1: upgrade the collector"),
]


@pytest.mark.parametrize(("name", "value", "says"), WRONG)
def test_wrong_field_is_named(name: str, value: object, says: str) -> None:
    """A refusal says which field, what stood there and what may."""
    beat = json.loads(encode_request(FULL)) | {name: value}
    with pytest.raises(Refused) as refused:
        decode_request(json.dumps(beat).encode())
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize("name", ["schema_version", "boot_id", "life_id", "sent_at"])
def test_what_must_be_there_is_asked_for(name: str) -> None:
    """A heartbeat without its identity of life and time is none."""
    beat = json.loads(encode_request(FULL))
    del beat[name]
    with pytest.raises(Refused, match=f"{name}: found nothing, allowed is to be present"):
        decode_request(json.dumps(beat).encode())


def test_size_is_bounded_before_anything_is_read() -> None:
    """Neither side reads more than the bound, whatever is in it."""
    with pytest.raises(Refused, match="at most 16384 bytes"):
        decode_request(b" " * (MAX_REQUEST_BYTES + 1))
    with pytest.raises(Refused, match="at most 524288 bytes"):
        decode_reply(b" " * (MAX_REPLY_BYTES + 1))


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>login</html>", b"[]", b"{}", b'{"server_time": "x"}', b'{"committed":[]}'],
)
def test_what_is_no_reply_is_refused(raw: bytes) -> None:
    """A block page or another answer is not taken for a reply."""
    with pytest.raises(Refused):
        decode_reply(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(list(json.loads(encode_request(FULL)))), inner)
    ),
    max_leaves=8,
)


@given(st.sampled_from(list(json.loads(encode_request(FULL)))), JSON)
def test_any_value_is_read_or_refused(name: str, value: object) -> None:
    """Whatever stands in a field, the reader gives a heartbeat or a refusal, nothing else."""
    for whole, read in (
        (json.loads(encode_request(FULL)) | {name: value}, decode_request),
        (json.loads(encode_reply(REPLY)) | {name: value, "policy": value}, decode_reply),
    ):
        try:
            read(json.dumps(whole).encode())
        except Refused:
            continue
