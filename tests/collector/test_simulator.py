"""Simulated measurements: same seed, same bytes; marked; and the count moves as told."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from collector import resources
from collector.demo import city
from collector.demo.devices import device_reports
from collector.demo.profiles import MET_BY_WEEK, WEEKS, plans
from collector.demo.programme import planted_sites
from collector.demo.simulator import SEED, SimulatedAgent, simulate
from collector.judge.calendar import Window
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.judge.model import Figure, Reason, Status
from collector.programme import fact_rows
from collector.programme.model import Grade
from collector.store import create_store
from collector.store.interface import Store
from tests.conftest import CityCopy
from wire.codec import decode, encode
from wire.failure import Outcome

CRITERIA = load_criteria(resources.default_criteria())
CALENDARS = load_calendars(resources.default_calendar())
SCHOOLS = city.schools()


def _simulate(seed: int) -> list[SimulatedAgent]:
    baseline = {entry.school_code: entry for entry in city.baseline(SCHOOLS)}

    def required_bps(pupils: int) -> tuple[float, float]:
        requirement = CRITERIA.requirement(pupils)
        return requirement.required_bps, requirement.upper_bps

    return list(simulate(SCHOOLS, plans(SCHOOLS, baseline, required_bps, Random(seed)), seed))


@pytest.fixture(scope="module")
def agents() -> list[SimulatedAgent]:
    """The four weeks of seed 1."""
    return _simulate(1)


@pytest.fixture(scope="module")
def store(city_copy: CityCopy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store filled as the demo fills it."""
    opened = create_store(city_copy(tmp_path_factory.mktemp("city")))
    yield opened
    opened.close()


def test_same_seed_same_bytes(agents: list[SimulatedAgent]) -> None:
    """Two runs of one seed agree in every byte; another seed does not."""

    def text(of: list[SimulatedAgent]) -> list[bytes]:
        return [encode(item) for agent in of[:6] for item in agent.measurements]

    assert text(_simulate(1)) == text(agents)
    assert text(_simulate(2)) != text(agents)


def test_every_record_is_marked_and_passes_the_codec(agents: list[SimulatedAgent]) -> None:
    """Each record says that it is simulated and survives the wire."""
    records = [item for agent in agents for item in agent.measurements]
    assert len(records) > 10_000
    assert all(item.simulated for item in records)
    for item in records[::97]:
        assert decode(encode(item)) == item


def test_a_stream_has_no_gaps_and_goes_forward(agents: list[SimulatedAgent]) -> None:
    """Positions run from 1 without gaps, times ascend, ids are unique."""
    for agent in agents:
        assert [item.seq for item in agent.measurements] == list(
            range(1, len(agent.measurements) + 1)
        )
        starts = [item.started_at for item in agent.measurements]
        assert all(left < right for left, right in pairwise(starts))
    ids = {item.result_id for agent in agents for item in agent.measurements}
    assert len(ids) == sum(len(agent.measurements) for agent in agents)


def test_throughput_tests_are_quiet_or_in_lessons(agents: list[SimulatedAgent]) -> None:
    """No simulated throughput test falls between the two windows of the calendar."""
    windows = Counter(
        CALENDARS.for_school(agent.school.code).classify(item.started_at)
        for agent in agents
        for item in agent.measurements
        if item.probe == "throughput"
    )
    assert set(windows) == {Window.QUIET, Window.LESSON}


def test_failures_are_of_several_kinds_and_never_zero(agents: list[SimulatedAgent]) -> None:
    """Failures have codes and no speed."""
    failed = [
        item for agent in agents for item in agent.measurements if item.outcome is not Outcome.OK
    ]
    assert len({item.failure.code for item in failed if item.failure}) >= 6
    assert all("download_bps" not in item.values for item in failed)


def test_the_count_moves_from_five_to_twelve(store: Store) -> None:
    """Judged by the product, 5, 7, 9 and 12 schools meet outside lessons, week by week."""
    met = [
        sum(
            verdict.status is Status.MET
            for (_, figure), verdict in store.verdicts(week, simulated=True).items()
            if figure is Figure.QUIET
        )
        for week in WEEKS
    ]
    assert tuple(met) == MET_BY_WEEK == (5, 7, 9, 12)


def test_every_kind_of_open_verdict_occurs(store: Store) -> None:
    """In the last week schools are undetermined for each reason a reader may meet."""
    verdicts = store.verdicts(WEEKS[-1], simulated=True)
    assert len(verdicts) == 2 * 84
    reasons = {
        reason
        for (_, figure), verdict in verdicts.items()
        if figure is Figure.QUIET and verdict.status is Status.UNDETERMINED
        for reason in verdict.reasons
    }
    assert reasons >= {
        Reason.NO_RESULTS,
        Reason.ALL_FAILED,
        Reason.INTERCEPTED,
        Reason.TOO_FEW_RESULTS,
        Reason.INTERVAL_STRADDLES,
        Reason.CRITERION_INTERVAL,
        Reason.APPLIANCE_CEILING,
    }


def test_nothing_of_it_counts_as_measured(store: Store) -> None:
    """The store holds no real result and no real verdict afterwards."""
    assert store.latest_real_result(probe="throughput") is None
    assert store.judged_weeks(simulated=False) == []
    assert store.newest_by_school(simulated=False) == {}


def test_one_agent_is_silent(store: Store) -> None:
    """Exactly one agent was last heard two weeks before the others."""
    seen = sorted(agent.last_seen_at for agent in store.agents() if agent.last_seen_at)
    assert len(seen) == 84
    assert (seen[1] - seen[0]).days == 14


def test_devices_of_a_school_show_its_causes(store: Store) -> None:
    """Measured facts tell a slow port and a hot router where, and only where, they are planted."""
    measured: dict[str, dict[str, float]] = {}
    for fact in store.read(fact_rows.facts):
        if fact.grade is Grade.AGENT and isinstance(fact.value, float):
            measured.setdefault(fact.school_code, {})[fact.key] = fact.value
    baseline = {entry.school_code: entry for entry in city.baseline(SCHOOLS)}

    def required_bps(pupils: int) -> tuple[float, float]:
        requirement = CRITERIA.requirement(pupils)
        return requirement.required_bps, requirement.upper_bps

    paths = plans(SCHOOLS, baseline, required_bps, Random(SEED))
    planted = {one.school.code: one for one in planted_sites(SCHOOLS, CRITERIA, paths)}
    told = {code: facts for code, facts in measured.items() if "router.cpu_max_ratio" in facts}
    silent = {code for code, plan in paths.items() if plan[-1].falls_silent}
    assert set(told) == set(paths) - silent
    for key, bound, holds in (
        ("router.cpu_max_ratio", 0.9, lambda code: paths[code][-1].cause == "router_limit"),
        ("router.sessions_max_ratio", 0.9, lambda code: "nat_sessions" in planted[code].faults),
        ("core_switch.broadcast_per_second", 1000.0, lambda code: "loop" in planted[code].faults),
        ("access_point.clients_max", 60.0, lambda code: "ap_overload" in planted[code].faults),
    ):
        found = {code for code, facts in told.items() if facts[key] >= bound}
        assert found == {code for code in told if holds(code)}, key
        assert found or key == "core_switch.broadcast_per_second", key  # no loop by chance
    slow = {code for code, facts in told.items() if facts["core_switch.port_speed_bps"] <= 1e8}
    assert slow == {code for code in told if paths[code][-1].cause == "port_100m"}
    assert slow


def test_device_reports_are_marked_and_pass_the_codec(agents: list[SimulatedAgent]) -> None:
    """Each says that it is simulated; names in it are of nobody; the same seed, the same bytes."""
    baseline = {entry.school_code: entry for entry in city.baseline(SCHOOLS)}

    def required_bps(pupils: int) -> tuple[float, float]:
        requirement = CRITERIA.requirement(pupils)
        return requirement.required_bps, requirement.upper_bps

    paths = plans(SCHOOLS, baseline, required_bps, Random(1))
    site = planted_sites(SCHOOLS, CRITERIA, paths)[2]
    agent = next(one for one in agents if one.school.code == site.school.code)
    path = paths[site.school.code][-1]
    first, again = (device_reports(agent, site, path, 1).measurements for _ in range(2))
    assert [encode(one) for one in first] == [encode(one) for one in again]
    assert len(first) >= 36
    assert [one.seq for one in first] == list(range(1, len(first) + 1))
    assert all(one.simulated and decode(encode(one)) == one for one in first)
    assert all(one.target.startswith("192.0.2.") for one in first)
    silent = device_reports(agent, site, replace(path, falls_silent=True), 1)
    assert silent.measurements == ()
