"""From a stored result to the bytes of one write: samples, labels, times, protobuf, replies."""

import json
import struct
from typing import Any

import pytest

from collector.export.answer import Answer, decide, describe
from collector.export.protobuf import varint, write_request
from collector.export.request import TargetRefused, target_of
from collector.export.series import (
    FUTURE,
    MAX_FIELDS,
    PAST,
    UNREADABLE,
    Arrived,
    Sample,
    by_series,
    samples_of,
)

NOON = 1_778_500_000_000_000
"""Microseconds; some day of May 2026."""
MINUTE = 60_000_000


def result(**changes: Any) -> Arrived:
    """A stored result that arrived a minute after it began."""
    record: dict[str, Any] = {
        "probe": "throughput",
        "target": "centre.example:4443",
        "segment": "line",
        "duration_seconds": 12.5,
        "values": {"download_bps": 5e8, "flows_count": 4, "method": "words", "converged": True},
        "context": {"cpu_utilisation_ratio": 0.25, "agent_version": "0.1.0"},
    }
    record |= changes.pop("record", {})
    given: dict[str, Any] = {
        "received_at": NOON + MINUTE,
        "agent_id": "agent-1",
        "result_id": "result-1",
        "school_code": "A1",
        "started_at": NOON,
        "outcome": "ok",
        "record": json.dumps(record).encode(),
    }
    return Arrived(**given | changes)


def named(results: list[Arrived]) -> dict[str, float]:
    """Values by series name."""
    return {
        dict(sample.labels)["__name__"]: sample.point[1] for sample in samples_of(results).samples
    }


def test_every_number_of_a_result_becomes_a_sample_at_its_own_time() -> None:
    """Under the moment it was measured; words and flags are no samples."""
    made = samples_of([result()])
    assert {sample.point[0] for sample in made.samples} == {NOON // 1000}
    assert named([result()]) == {
        "hakaru_throughput_download_bps": 5e8,
        "hakaru_throughput_flows_count": 4.0,
        "hakaru_throughput_cpu_utilisation_ratio": 0.25,
        "hakaru_result_ok": 1.0,
        "hakaru_live_result_ok": 1.0,
        "hakaru_result_duration_seconds": 12.5,
    }
    assert made.samples[0].labels == (
        ("__name__", "hakaru_throughput_download_bps"),
        ("agent", "agent-1"),
        ("probe", "throughput"),
        ("school", "A1"),
        ("segment", "line"),
        ("target", "centre.example:4443"),
    )
    assert all(sample.labels == tuple(sorted(sample.labels)) for sample in made.samples)


def test_a_failed_test_is_never_a_speed_and_a_deferred_one_is_nothing() -> None:
    """Values measured before a failure are left out; not tried says nothing."""
    assert named([result(outcome="failed")]) == {
        "hakaru_result_ok": 0.0,
        "hakaru_live_result_ok": 0.0,
        "hakaru_result_duration_seconds": 12.5,
    }
    assert named([result(outcome="invalid")])["hakaru_result_ok"] == 0.0
    assert named([result(outcome="deferred")]) == {}


def test_what_is_simulated_says_so_in_every_series() -> None:
    """Nobody averages it with what was measured by mistake."""
    samples = samples_of([result(record={"simulated": True})]).samples
    assert all(("simulated", "true") in sample.labels for sample in samples)


@pytest.mark.parametrize(
    ("started_at", "expected"),
    [
        (NOON, NOON // 1000),
        (NOON + 2 * MINUTE - 1, (NOON + MINUTE) // 1000),
        (NOON + 3 * MINUTE, FUTURE),
        (4_102_444_800_000_000, FUTURE),
        (0, PAST),
        (-5, PAST),
        (NOON - 399 * 1440 * MINUTE, NOON // 1000 - 399 * 86_400_000),
        (NOON - 401 * 1440 * MINUTE, PAST),
    ],
    ids=["late", "a moment ahead", "ahead", "2100", "1970", "before", "399 days", "401 days"],
)
def test_a_wrong_clock_writes_nothing(started_at: int, expected: int | str) -> None:
    """A moment ahead is written under its arrival; more is left out and counted, as 1970 is."""
    made = samples_of([result(started_at=started_at)])
    if isinstance(expected, str):
        assert (made.samples, made.skipped) == ([], {expected: 1})
    else:
        assert {sample.point[0] for sample in made.samples} == {expected}


def test_hostile_records_stay_bounded() -> None:
    """Thousands of names, huge numbers, no JSON at all: nothing breaks, little is written."""
    many = {f"v{number}_bps": number for number in range(5000)}
    assert len(samples_of([result(record={"values": many})]).samples) <= MAX_FIELDS + 4
    huge = result(record={"values": {"a_bps": 10**400, "b_bps": 1}})
    assert "hakaru_throughput_a_bps" not in named([huge])
    assert samples_of([result(record={"values": 5})]).skipped == {UNREADABLE: 1}
    assert samples_of([Arrived(1, "a", "r", "A1", 1, "ok", b"\xff")]).skipped == {UNREADABLE: 1}


def test_samples_are_ascending_and_one_for_each_moment() -> None:
    """Whatever order results arrived in; of two at one millisecond the last counts."""
    results = [result(started_at=NOON - n * MINUTE, result_id=str(n)) for n in (3, 1, 2)]
    made = samples_of([*results, result(started_at=NOON - MINUTE, record={"duration_seconds": 9})])
    moments = [sample.point[0] for sample in made.samples]
    assert moments == sorted(moments)
    for points in by_series(made.samples).values():
        assert [point[0] for point in points] == sorted({point[0] for point in points})
    durations = next(
        points
        for labels, points in by_series(made.samples).items()
        if ("__name__", "hakaru_result_duration_seconds") in labels
    )
    assert durations[-1][1] == 9


def fields(raw: bytes) -> list[tuple[int, Any]]:
    """Read protobuf fields as the specification has them: (number, bytes, int or float)."""
    found: list[tuple[int, Any]] = []
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = raw[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(raw):
        tag = number()
        if tag & 7 == 2:
            size = number()
            found.append((tag >> 3, raw[place : place + size]))
            place += size
        elif tag & 7 == 1:
            found.append((tag >> 3, struct.unpack_from("<d", raw, place)[0]))
            place += 8
        else:
            assert tag & 7 == 0
            found.append((tag >> 3, number()))
    return found


def test_the_bytes_are_the_message() -> None:
    """Read back field by field: labels in order, values, times, negative times as 64 bits."""
    labels = (("__name__", "a"), ("school", "学校"))
    raw = write_request({labels: [(1_778_500_000_123, 1.5), (-1, -0.0)], (): []})
    series = [value for number, value in fields(raw) if number == 1]
    assert len(series) == 2
    inside = fields(series[0])
    read = [tuple(part.decode() for _, part in fields(value)) for n, value in inside if n == 1]
    assert tuple(read) == labels
    assert [fields(value) for n, value in inside if n == 2] == [
        [(1, 1.5), (2, 1_778_500_000_123)],
        [(1, -0.0), (2, (1 << 64) - 1)],
    ]


def test_a_number_takes_seven_bits_a_byte() -> None:
    """The examples of the encoding's documentation."""
    assert varint(0) == b"\x00"
    assert varint(150) == b"\x96\x01"
    assert varint(-2) == b"\xfe" + b"\xff" * 8 + b"\x01"


@pytest.mark.parametrize(
    ("status", "said", "answer"),
    [
        (200, "", Answer.WRITTEN),
        (204, "", Answer.WRITTEN),
        (400, "out of bounds", Answer.OUT_OF_TIME),
        (500, "too old sample", Answer.OUT_OF_TIME),
        (400, "out of order sample", Answer.REFUSED),
        (500, "duplicate sample for timestamp", Answer.REFUSED),
        (400, "", Answer.REFUSED),
        (413, "", Answer.REFUSED),
        (422, "label name too long", Answer.REFUSED),
        (500, "no space left on device", Answer.LATER),
        (503, "", Answer.LATER),
        (429, "out of order sample", Answer.LATER),
        (301, "", Answer.LATER),
        (401, "", Answer.LATER),
        (403, "", Answer.LATER),
        (404, "remote write receiver needs to be enabled", Answer.LATER),
    ],
)
def test_only_what_is_about_samples_leaves_samples_out(
    status: int, said: str, answer: Answer
) -> None:
    """A wrong address, a missing token or a full disk loses nothing."""
    assert decide(status, said) is answer


def test_replies_are_told_in_one_printable_line() -> None:
    """Control characters of a stranger do not reach the log."""
    assert describe(500, "a\x1b[31m\nb" + "x" * 999).startswith("HTTP 500: a [31m b")
    assert len(describe(500, "x" * 999)) < 250


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("prometheus:9090", "http or https"),
        ("ftp://x/", "http or https"),
        ("http://[", "allowed is a URL"),
        ("https://u:secret-word@x/", "password does not belong"),
        ("http://store.example/write", "https only"),
    ],
)
def test_a_bad_address_is_refused_without_its_secret(url: str, said: str, tmp_path: Any) -> None:
    """And a token goes over https, or to this machine."""
    token = tmp_path / "token"
    token.write_text("the-token\n")
    with pytest.raises(TargetRefused, match=said) as refused:
        target_of(url, token)
    assert "secret-word" not in str(refused.value)
    accepted = target_of("https://store.example/write", token)
    assert (accepted.token, accepted.name) == ("the-token", "store.example:443")
    assert "the-token" not in repr(accepted)
    assert target_of("http://127.0.0.1:9090/x", token).token == "the-token"
    token.write_text("")
    with pytest.raises(TargetRefused, match="holds no token"):
        target_of("https://x/", token)
    with pytest.raises(TargetRefused, match="cannot be read"):
        target_of("https://x/", tmp_path / "none")


def test_a_sample_is_what_it_is_made_of() -> None:
    """Equal parts, equal sample."""
    assert Sample((("a", "b"),), (1, 2.0)) == Sample((("a", "b"),), (1, 2.0))
