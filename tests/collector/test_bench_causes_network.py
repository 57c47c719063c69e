"""The network group of the cause benchmark: what is planted, and the dates that are assigned."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import dns.message
import dns.rcode
import pytest

from collector import resources
from collector.judge.calendar import Window
from collector.judge.calendar_file import load_calendars
from collector.judge.week import local
from collector.programme.findings_catalogue import load_findings
from collector.programme.plans.update_days import release_of
from wire.failure import Outcome
from wire.measurement import Measurement

# benchmarks are in no wheel; last, so that what is installed comes first
sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.causes import network
from benchmarks.causes.lab import cases, dates, faults, rounds, services

MOST_ROUNDS = 6
WINDOWS: dict[dates.Window, Window] = {
    "morning": Window.QUIET,
    "evening": Window.QUIET,
    "lesson": Window.LESSON,
    "update": Window.LESSON,
}
LONGEST_ROUND = timedelta(minutes=2)
AGENT = "0f4e0000-0000-4000-8000-000000000001"


def measurement(after_seconds: float) -> Measurement:
    """One of a round that began in November."""
    return Measurement(
        result_id="01890000-0000-7000-8000-000000000000",
        agent_id=AGENT,
        stream=AGENT,
        seq=1,
        probe="latency",
        target="centre.example",
        started_at=datetime(2026, 11, 29, 3, tzinfo=UTC) + timedelta(seconds=after_seconds),
        boot_id=AGENT,
        monotonic_start_seconds=after_seconds,
        duration_seconds=1.0,
        outcome=Outcome.OK,
        values={"rtt_median_seconds": 0.01},
    )


@pytest.mark.parametrize("window", WINDOWS)
def test_assigned_dates_are_of_their_window(window: dates.Window) -> None:
    """Begin and end of every round, and updates on days of updates alone."""
    calendar = load_calendars(resources.default_calendar()).for_school("any")
    for number in range(MOST_ROUNDS):
        given = [measurement(0.0), measurement(LONGEST_ROUND.total_seconds())]
        first, last = dates.placed(given, window, number, AGENT, Random(1))
        assert last.started_at - first.started_at == LONGEST_ROUND
        for one in (first, last):
            assert calendar.classify(one.started_at) is WINDOWS[window]
            assert (release_of(local(one.started_at).date()) is not None) == (window == "update")


def test_rounds_of_a_window_are_on_different_days_and_ids_differ() -> None:
    """Nothing is placed upon another; the id carries the assigned time."""
    random = Random(2)
    placed = [
        dates.placed([measurement(0.0)], "lesson", number, AGENT, random)[0]
        for number in range(MOST_ROUNDS)
    ]
    assert len({one.started_at.date() for one in placed}) == MOST_ROUNDS
    assert len({one.result_id for one in placed}) == MOST_ROUNDS
    milliseconds = [int(one.result_id.replace("-", "")[:12], 16) for one in placed]
    assert milliseconds == [round(one.started_at.timestamp() * 1000) for one in placed]


def test_what_is_planted_is_known_and_enough() -> None:
    """Names of findings exist, kinds of faults are built; faults, pairs, healthy schools."""
    found = cases.cases(6, 1)
    known = load_findings()
    assert {name for case in found for names in case.accepted for name in names} <= set(known)
    used = {
        fault.kind
        for case in found
        for fault in (*case.always, *case.lesson, *case.evening, *case.update, *case.odd_run)
    }
    assert used <= set(faults.KINDS) | set(services.ORDERS)
    count = {
        kind: sum(case.kind == kind for case in found) for kind in ("fault", "pair", "healthy")
    }
    assert count["fault"] >= 15
    assert count["pair"] >= 3
    assert count["healthy"] >= 4
    assert len({case.name for case in found}) == len(found)


def test_runs_differ_and_a_seed_repeats() -> None:
    """Amounts are drawn anew for each run, and are the same for the same seed."""
    twice = cases.cases(6, 2)
    first, second = twice[: len(twice) // 2], twice[len(twice) // 2 :]
    assert [case.name for case in first] == [case.name for case in second]
    narrow = [case.always for case in twice if case.name == "line below contract"]
    assert narrow[0] != narrow[1]
    assert cases.cases(6, 2) == twice
    assert cases.cases(7, 2) != twice


def test_a_case_becomes_a_scenario() -> None:
    """The first accepted name is the one planted, the others are as right."""
    case = next(one for one in cases.cases(6, 1) if one.name == "loss in the LAN")
    made = network.scenario(rounds.Ran(case=case, measurements=(), took_seconds=1.0))
    assert made.planted == {"port_errors"}
    assert made.accepted == {"port_errors": frozenset({"half_duplex"})}
    assert made.school.contract_bps == 60e6
    assert network.file_name(case) == f"network-loss-in-the-lan-{case.seed}.json.gz"


@pytest.fixture(params=["A", "AAAA", "HTTPS"])
def query(request: pytest.FixtureRequest) -> dns.message.Message:
    """A question for a name of the laboratory."""
    return dns.message.make_query("x1.names.lab", request.param)


def test_the_resolver_of_the_laboratory_speaks_dns(query: dns.message.Message) -> None:
    """An address for A, no data for the rest; what is below .invalid does not exist."""
    answer = dns.message.from_wire(services.answer_to(query.to_wire(), "192.0.2.7"))
    assert answer.id == query.id
    assert answer.question == query.question
    assert answer.rcode() == dns.rcode.NOERROR
    addresses = [str(one) for found in answer.answer for one in found]
    assert addresses == (["192.0.2.7"] if query.question[0].rdtype.name == "A" else [])
    missing = dns.message.make_query("no.such.invalid", "A").to_wire()
    gone = dns.message.from_wire(services.answer_to(missing, "192.0.2.7"))
    assert gone.rcode() == dns.rcode.NXDOMAIN
    assert not gone.answer
