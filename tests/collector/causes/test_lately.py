"""A cause that is over is past, and explains nothing that is still there."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from collector import resources
from collector.causes.candidate import Answer, Candidate, clear, found, observed, unseen
from collector.causes.find import default_knowledge, find_causes, suppress
from collector.causes.lately import dated
from collector.causes.model import Certainty, Evidence, SchoolRecord, Strength
from collector.causes.once import once_per_link
from collector.judge.calendar_file import load_calendars
from wire.failure import Outcome
from wire.measurement import Measurement

CALENDAR = load_calendars(resources.default_calendar()).default
MONDAY = datetime.fromisoformat("2026-05-11T07:10:00+09:00")
AGENT = "0f4e0000-0000-4000-8000-000000000001"
LATEST_DAYS = 7


def _measurement(day: int, hours: float, bps: float, cross_bps: float = 0.0) -> Measurement:
    at = MONDAY + timedelta(days=day, hours=hours)
    return Measurement(
        result_id=f"01890000-0000-7000-8000-{int(at.timestamp()):012x}",
        agent_id=AGENT,
        stream=AGENT,
        seq=1,
        probe="throughput",
        target="centre.example:4443",
        segment="internet",
        started_at=at,
        boot_id=AGENT,
        monotonic_start_seconds=1.0,
        duration_seconds=1.0,
        outcome=Outcome.OK,
        values={"download_bps": bps},
        context={"cross_traffic_during_bps": cross_bps},
    )


def _days(days: range, lesson_bps: float, lessons_too: bool = True) -> Iterator[Measurement]:
    """School days of a line of 300 Mbit/s of which lessons leave so much."""
    for day in days:
        if (MONDAY + timedelta(days=day)).weekday() < 5:
            yield _measurement(day, 0, 300e6)
            yield _measurement(day, 10, 295e6)
            if lessons_too:
                yield _measurement(day, 2, lesson_bps, 300e6 - lesson_bps)


def _evidence(*measured: Iterator[Measurement]) -> Evidence:
    return Evidence(
        school=SchoolRecord(code="A1", required_bps=200e6, contract_bps=300e6),
        measurements=[one for of in measured for one in of],
    )


def _said(evidence: Evidence) -> list[tuple[str, Certainty, date | None]]:
    causes = find_causes(evidence, CALENDAR).causes
    return [(one.finding_id, one.certainty, one.last_seen) for one in causes]


def test_what_is_still_seen_is_present() -> None:
    """Three weeks of full lessons, the last day too."""
    assert _said(_evidence(_days(range(19), 40e6))) == [
        ("line_saturated", Certainty.NAMED, date(2026, 5, 29))
    ]


def test_what_began_lately_is_found() -> None:
    """Two weeks were well, the last is not: medians of all three say nothing yet."""
    assert _said(_evidence(_days(range(12), 280e6), _days(range(12, 19), 40e6))) == [
        ("line_saturated", Certainty.NAMED, date(2026, 5, 29))
    ]


def test_what_is_over_is_past_with_its_last_day() -> None:
    """Lessons are well again for a week: medians of weeks still say that they are not."""
    assert _said(_evidence(_days(range(12), 40e6), _days(range(12, 19), 280e6))) == [
        ("line_saturated", Certainty.PAST, date(2026, 5, 22))
    ]


def test_what_cannot_be_told_lately_stays() -> None:
    """Holidays have no lessons: nobody knows whether it is over."""
    assert _said(_evidence(_days(range(12), 40e6), _days(range(14, 19), 0, lessons_too=False))) == [
        ("line_saturated", Certainty.NAMED, date(2026, 5, 22))
    ]


def _candidate(finding_id: str, place: str | None = None, **changes: object) -> Candidate:
    made = Candidate(
        finding_id=finding_id,
        strength=Strength.TOLD,
        observed=(observed("gateway_answers", ()),),
        place=place,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # fields by name


def test_a_past_cause_explains_only_what_is_past() -> None:
    """Names that are slow today are no symptom of a line that was full last month."""
    rules = default_knowledge().rules
    full, names = _candidate("line_saturated"), _candidate("dns_slow")
    assert suppress([full, names], rules)[0] == [full]
    past = replace(full, past=True)
    assert suppress([past, names], rules)[0] == [past, names]
    assert suppress([past, replace(names, past=True)], rules)[0] == [past]


def _dated_as(one: Candidate, *weeks: Answer) -> Candidate:
    """Date one candidate; the weeks' answers, the newest first."""
    spans = iter(weeks)
    evidence = _evidence(_days(range(19), 40e6))
    (made,) = dated([one], evidence, lambda _: [next(spans)], LATEST_DAYS)
    return made


def test_the_same_cause_is_known_by_finding_and_place() -> None:
    """Another service is another cause; a storm is heard anywhere; a link has two ends."""
    one = _candidate("cloud_side", "a.example")
    name = one.finding_id
    assert not _dated_as(one, found(one)).past
    assert not _dated_as(one, unseen(name)).past
    others = [found(replace(one, place="b.example"))]
    assert _dated_as(one, *others, *[clear(name)] * 3).past
    loop = _candidate("loop", "core")
    assert not _dated_as(loop, found(replace(loop, place="floor"))).past
    near, far = ("192.0.2.1", "lan1"), ("192.0.2.2", "port1")
    port = _candidate("port_100m", "gw lan1", ports=frozenset({near, far}))
    assert not _dated_as(port, found(replace(port, place="core port1", ports={far}))).past


def test_a_link_is_one_cause() -> None:
    """Both ends of a link say the same: once, with the evidence of both; other ports stay apart."""
    link = frozenset({("192.0.2.1", "lan1"), ("192.0.2.2", "port1")})
    near = _candidate("port_100m", "gw lan1", ports=link)
    far = _candidate("port_100m", "core port1", ports=link)
    lone = _candidate("port_100m", "core port7", ports=frozenset({("192.0.2.2", "port7")}))
    joined, other = once_per_link([near, lone, far])
    assert joined.place == "gw lan1 – core port1"
    assert joined.observed == (*near.observed, *far.observed)
    assert other == lone
