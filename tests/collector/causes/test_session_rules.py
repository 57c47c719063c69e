"""A full session table is told by what it does to new flows, and by nothing that looks like it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector import resources
from collector.causes.find import find_causes
from collector.causes.model import Causes, Certainty, Evidence, SchoolRecord
from collector.judge.calendar_file import load_calendars
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.measurement import Measurement

CALENDAR = load_calendars(resources.default_calendar()).default
MONDAY = datetime.fromisoformat("2026-05-18T07:10:00+09:00")
DAYS = 4
AGENT = "0f4e0000-0000-4000-8000-000000000001"
FAR, CENTRE = "198.51.100.7", "198.51.100.9"
QUIET_BPS = 57e6


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What one round finds."""

    names_lost_count: int = 0
    """Of 4."""
    handshakes_again_count: int = 0
    """Of 3, for which the first packet was lost."""
    round_trips: bool = True
    """Packets come back from outside the school."""
    router: bool = True
    bps: float = QUIET_BPS


WELL = Hour()
FULL = Hour(names_lost_count=2, handshakes_again_count=1, round_trips=False)


class Made:
    """Measurements of rounds, each at its hour of a day."""

    def __init__(self) -> None:
        self.all: list[Measurement] = []

    def round(self, at: datetime, of: Hour) -> None:
        """One round of a few seconds."""
        answered = 4 - of.names_lost_count
        names = {"ok_count": answered, "timeout_count": of.names_lost_count, "query_count": 4}
        if answered:
            names["first_median_seconds"] = 0.01  # type: ignore[assignment] # a figure beside counts
        self._add("dns", FAR, at, names, None if answered else FailureCode.NO_REPLY)
        again = {"attempt_count": 3, "failed_count": 0, "connect_median_seconds": 0.01,
                 "syn_retransmitted_count": of.handshakes_again_count}  # fmt: skip
        self._add("tcp_connect", f"{FAR}:443", at, again)
        back = {"rtt_median_seconds": 0.008, "sent_count": 10, "received_count": 10}
        lost = None if of.round_trips else FailureCode.NO_REPLY
        for target in (FAR, CENTRE):
            told = back if of.round_trips else {"sent_count": 10}
            self._add("latency", target, at, told, lost)
        dead = None if of.router else FailureCode.NO_REPLY
        self._add("gateway", "lan", at, back if of.router else {}, dead, segment="lan")
        self._add("throughput", f"{FAR}:4443", at, {"download_bps": of.bps})

    def _add(
        self,
        probe: str,
        target: str,
        at: datetime,
        values: Mapping[str, Any],
        failed: FailureCode | None = None,
        segment: str = "internet",
    ) -> None:
        number = len(self.all)
        self.all.append(
            Measurement(
                result_id=f"01890000-0000-7000-8000-{number:012x}",
                agent_id=AGENT,
                stream=AGENT,
                seq=number,
                probe=probe,
                target=target,
                segment=segment,
                started_at=at + timedelta(seconds=len(self.all) % 5),
                boot_id=AGENT,
                monotonic_start_seconds=1.0,
                duration_seconds=1.0,
                outcome=Outcome.OK if failed is None else Outcome.FAILED,
                values=dict(values),
                failure=None if failed is None else Failure(failed, Operation.RECEIVE, "no answer"),
            )
        )


def _causes(lesson: Hour, quiet: Hour = WELL) -> Causes:
    made = Made()
    for day in range(DAYS):
        morning = MONDAY + timedelta(days=day)
        made.round(morning, quiet)
        made.round(morning + timedelta(hours=2), lesson)
        made.round(morning + timedelta(hours=10), quiet)
    school = SchoolRecord(code="A1", required_bps=36e6, contract_bps=60e6)
    return find_causes(Evidence(school=school, measurements=made.all), CALENDAR)


def _said(found: Causes) -> dict[str, str]:
    return {one.finding_id: one.certainty for one in found.causes}


def test_new_flows_are_lost_and_old_ones_go_on() -> None:
    """The table is named, and names without an answer are its symptom in the same hours."""
    found = _causes(FULL)
    assert _said(found) == {"nat_sessions": Certainty.NAMED}
    (cause,) = found.causes
    assert cause.explains == ("dns_slow",)
    assert [one.what for one in cause.observed] == [
        "new_connections_fail", "gateway_answers", "transfers_are_well",
    ]  # fmt: skip
    assert cause.observed[0].figures["quiet_ratio"] == 0
    # per day 2 of 4 names, 1 of 3 handshakes, 2 of 2 round trips
    assert cause.observed[0].figures["lesson_ratio"] == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    ("lesson", "quiet", "said"),
    [
        (replace(FULL, handshakes_again_count=0, round_trips=True), WELL, {"dns_slow"}),
        (FULL, FULL, {"dns_slow"}),
        (replace(FULL, router=False), WELL, {"dns_slow"}),
        (replace(FULL, bps=0.5 * QUIET_BPS), WELL, {"dns_slow"}),
        (Hour(handshakes_again_count=1), WELL, set[str]()),
        (WELL, WELL, set[str]()),
    ],
    ids=[
        "names alone",
        "at all hours",
        "router silent too",
        "transfers slowed",
        "one kind",
        "well",
    ],
)
def test_what_looks_like_it_is_none(lesson: Hour, quiet: Hour, said: set[str]) -> None:
    """A resolver that fails, loss at all hours, a way that is full, one kind of flow alone."""
    assert "nat_sessions" not in _said(_causes(lesson, quiet))
    assert said <= set(_said(_causes(lesson, quiet)))


def test_without_transfers_it_is_a_suspicion() -> None:
    """Whether old flows are well is not known: it points there, and explains nothing."""
    made = Made()
    for day in range(DAYS):
        for hours, of in ((0, WELL), (2, FULL), (10, WELL)):
            made.round(MONDAY + timedelta(days=day, hours=hours), of)
    kept = [one for one in made.all if one.probe != "throughput"]
    found = find_causes(Evidence(school=SchoolRecord(code="A1"), measurements=kept), CALENDAR)
    assert _said(found) == {"nat_sessions": Certainty.SUSPECTED, "dns_slow": Certainty.NAMED}


def test_too_few_new_flows_cannot_be_told() -> None:
    """One day of one probe is nothing to judge by, and is said to be so."""
    made = Made()
    made.round(MONDAY, WELL)
    made.round(MONDAY + timedelta(hours=2), FULL)
    found = find_causes(Evidence(school=SchoolRecord(code="A1"), measurements=made.all), CALENDAR)
    assert not found.looked_at["nat_sessions"]
    assert _causes(WELL).looked_at["nat_sessions"]
