"""Causes from what is stored: from both databases, bounded, only what may be believed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector import resources
from collector.causes import of_school
from collector.causes.model import Certainty
from collector.causes.of_school import read, school_causes
from collector.judge.calendar import Calendars
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store.interface import Batch, Store
from wire.codec import encode
from wire.failure import Outcome

MONDAY = datetime.fromisoformat("2026-05-11T00:00:00+00:00")
"""09:00 in Tokyo."""
NOW = MONDAY + timedelta(days=6)
CRITERIA = load_criteria(resources.default_criteria())
AGENT = "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0009"
Put = Callable[..., None]


@pytest.fixture
def put(store: Store, make: Any) -> Put:
    """Store throughput results of A1."""

    def work(
        *found: tuple[datetime, float, float],
        simulated: bool = False,
        arrived: datetime = NOW,
    ) -> None:
        rows = []
        for at, mbps, cross_mbps in found:
            record = make.record(
                AGENT,
                started_at=at,
                simulated=simulated,
                values={"download_bps": mbps * 1e6},
                context={"cross_traffic_during_bps": cross_mbps * 1e6},
            )
            rows.append(
                make.row(
                    agent_id=AGENT,
                    result_id=record.result_id,
                    started_at=at,
                    simulated=simulated,
                    outcome=Outcome.OK,
                    record=encode(record),
                )
            )
        store.submit(Batch(AGENT, arrived, rows, [])).result(10)

    return work


QUIET = [
    (MONDAY + timedelta(days=day, hours=hours), mbps, 0.0)
    for day in range(4)
    for hours, mbps in ((-2, 300.0), (8, 290.0))
]
LESSON = [(MONDAY + timedelta(days=day, minutes=10), 40.0, 255.0) for day in range(4)]


def _found(store: Store, *, simulated: bool = False) -> list[tuple[str, Certainty]]:
    calendars: Calendars = load_calendars(resources.default_calendar())
    found = school_causes(store, CRITERIA, calendars, "A1", now=NOW, simulated=simulated)
    assert found is not None
    return [(one.finding_id, one.certainty) for one in found.causes]


def test_a_stored_school_has_its_cause(store: Store, put: Put) -> None:
    """Lessons leave 40 of 300 Mbit/s and others have the rest: the line is used up."""
    put(*QUIET, *LESSON)
    assert _found(store) == [("line_saturated", Certainty.NAMED)]
    assert _found(store, simulated=True) == [], "measured results are no simulated ones"


def test_no_school_no_causes(store: Store) -> None:
    """A code that nobody has is not a school without causes."""
    calendars = load_calendars(resources.default_calendar())
    assert school_causes(store, CRITERIA, calendars, "Z9", now=NOW, simulated=False) is None


def test_simulated_results_are_no_measured_ones(store: Store, put: Put) -> None:
    """What a simulator says of a school says nothing of its network, and the reverse."""
    put(*QUIET, *LESSON, simulated=True)
    assert _found(store) == []
    assert _found(store, simulated=True) == [("line_saturated", Certainty.NAMED)]


def test_results_of_suspect_clocks_are_not_read(store: Store, put: Put) -> None:
    """A result that arrived months after its date may be of any hour."""
    put(*QUIET)
    put(*LESSON, arrived=NOW + timedelta(days=500))
    assert _found(store) == []


def test_reading_is_bounded(store: Store, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than is read a part is taken from all over the span, and the newest hours whole."""
    monkeypatch.setattr(of_school, "MOST_OF_PROBE", 20)
    put(*((MONDAY + timedelta(seconds=number * 3601), 300.0, 0.0) for number in range(100)))
    newest = MONDAY + timedelta(seconds=99 * 3601)
    found = store.read(lambda sql: list(read(sql, "A1", newest, simulated=False)))
    assert 15 <= len(found) <= 25
    first = found[0].started_at
    assert first < MONDAY + timedelta(hours=10), "the oldest are there too"
    assert [one.started_at for one in found[-2:]] == [newest - timedelta(seconds=3601), newest]
