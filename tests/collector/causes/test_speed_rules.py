"""What speeds alone give away, and what must not be taken for it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector import resources
from collector.causes.find import find_causes
from collector.causes.model import Causes, Evidence, SchoolRecord
from collector.judge.calendar_file import load_calendars
from wire.failure import Outcome
from wire.measurement import Measurement

CALENDAR = load_calendars(resources.default_calendar()).default
MONDAY = datetime.fromisoformat("2026-05-18T07:10:00+09:00")
AGENT = "0f4e0000-0000-4000-8000-000000000001"
REQUIRED_BPS = 200e6
HOURS = (0, 2, 10)
"""A quiet morning, a lesson, a quiet evening."""


def _one(
    number: int, probe: str, values: Mapping[str, Any], context: Mapping[str, Any]
) -> Measurement:
    day, hour = divmod(number, len(HOURS))
    return Measurement(
        result_id=f"01890000-0000-7000-8000-{number * 8 + len(probe) % 8:012x}",
        agent_id=AGENT,
        stream=AGENT,
        seq=1,
        probe=probe,
        target="http://files.example/file" if probe == "http_download" else "far.example:4443",
        segment="lan" if probe == "gateway" else "internet",
        started_at=MONDAY + timedelta(days=day, hours=HOURS[hour]),
        boot_id=AGENT,
        monotonic_start_seconds=1.0,
        duration_seconds=1.0,
        outcome=Outcome.OK,
        values=values,
        context=context,
    )


def _found(measurements: Iterator[Measurement]) -> Causes:
    school = SchoolRecord(code="A1", required_bps=REQUIRED_BPS, contract_bps=300e6)
    return find_causes(Evidence(school=school, measurements=list(measurements)), CALENDAR)


def _tests(ceiling_bps: float, *, under_load: bool) -> Iterator[Measurement]:
    context = {"appliance_ceiling_bps": ceiling_bps}
    if under_load:
        context["appliance_ceiling_under_load"] = True
    for number in range(12):
        yield _one(number, "throughput", {"download_bps": 150e6}, context)


@pytest.mark.parametrize(
    ("ceiling_bps", "under_load", "said"),
    [
        (1.1 * REQUIRED_BPS, False, ["appliance_limit"]),
        (1.1 * REQUIRED_BPS, True, []),
        (1.3 * REQUIRED_BPS, False, []),
    ],
)
def test_only_a_ceiling_of_an_idle_appliance_counts(
    ceiling_bps: float, under_load: bool, said: list[str]
) -> None:
    """Under 1.2 times the required speed it is too weak; measured beside others it is not known."""
    causes = _found(_tests(ceiling_bps, under_load=under_load)).causes
    assert [one.finding_id for one in causes] == said


def _files(lost_count: int, file_bps: float) -> Iterator[Measurement]:
    for number in range(12):
        yield _one(number, "throughput", {"download_bps": 150e6}, {})
        yield _one(number, "http_download", {"download_bps": file_bps}, {})
        answers = {"sent_count": 10, "received_count": 10 - lost_count}
        yield _one(number, "gateway", {"rtt_median_seconds": 0.001, **answers}, {})


@pytest.mark.parametrize(
    ("lost_count", "unanswered_count", "late_seconds", "said"),
    [
        (1, 1, 0.01, ["port_errors"]),
        (0, 1, 0.01, ["dns_slow"]),
        (1, 4, 0.01, ["dns_slow", "port_errors"]),
        (1, 1, 0.4, ["dns_slow", "port_errors"]),
    ],
    ids=["lost frames", "no frame is lost", "far more than are lost", "late too"],
)
def test_lost_frames_leave_questions_without_an_answer(
    lost_count: int, unanswered_count: int, late_seconds: float, said: list[str]
) -> None:
    """A few of them are a symptom; many, or late answers, are the resolver's own."""

    def measured() -> Iterator[Measurement]:
        for number in range(12):
            answers = {"sent_count": 10, "received_count": 10 - lost_count}
            yield _one(number, "gateway", {"rtt_median_seconds": 0.001, **answers}, {})
            names = {"ok_count": 10 - unanswered_count, "timeout_count": unanswered_count}
            yield _one(number, "dns", {"first_median_seconds": late_seconds, **names}, {})

    assert sorted(one.finding_id for one in _found(measured()).causes) == said


def test_lost_frames_make_a_slow_file() -> None:
    """A file comes over one connection, which loss holds back more: the filter is not to blame."""
    assert [one.finding_id for one in _found(_files(0, 40e6)).causes] == ["filter_slow"]
    (cause,) = _found(_files(1, 40e6)).causes
    assert cause.finding_id == "port_errors"
    assert cause.explains == ("filter_slow",)
