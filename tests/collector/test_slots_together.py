"""Collector, responder and agents as they are run: a slot from the first question to the last."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.identity import Enrolment, Identity, save
from agent.state import prepare
from collector import resources
from collector.clock import SystemClock
from collector.judge.calendar_file import load_calendars
from collector.slots import rows
from collector.slots.decide import Responder
from collector.slots.keys import SlotKeys
from collector.slots.rehearse import Wanted, begin, stop_all
from collector.slots.seen import seen
from collector.store.interface import Store
from collector.store.times import from_micros
from tests.collector.conftest import MONDAY, Serve, Serving, a_school, enrol
from wire.measurement import Json

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
SECOND = "5ad9503e-0000-4000-8000-000000000002"
CLI = (sys.executable, "-m", "agent.cli")


@dataclass
class City:
    """A collector, a responder that has its keys, two enrolled appliances of one upstream."""

    serving: Serving
    target: str
    states: list[Path]

    def measure(self, school: int, *words: str) -> dict[str, Json]:
        """Measure by hand at a school."""
        done = subprocess.run(
            [
                *(*CLI, "measure", "throughput", "--target", self.target, "--json"),
                *("--flows", "2", "--seconds", "3", "--direction", "download"),
                *("--state", str(self.states[school]), *words),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HAKARU_SLOT_TOKEN": ""},
        )
        assert done.stdout, done.stderr
        found: dict[str, Json] = json.loads(done.stdout)
        return found


@pytest.fixture
def city(serve: Serve, store: Store, tmp_path: Path) -> Iterator[City]:
    """All of them."""
    keys = SlotKeys(tmp_path / "slot-keys")
    keys.ensure(store, "test", MONDAY)
    serving = serve(slot_keys=keys, clock=SystemClock())
    store.import_schools([a_school(code, aggregation_group="north") for code in ("A1", "B1")])
    enrol(store, SECOND, "a-token-of-another-agent", "B1")
    states = []
    for name, agent_id, token in (
        ("one", serving.agent_id, serving.token),
        ("two", SECOND, "a-token-of-another-agent"),
    ):
        states.append(prepare(tmp_path / name))
        active = Enrolment(collector=serving.base_url, token=token, school_code="A1")
        save(states[-1], Identity(agent_id=agent_id, active=active))
    public = tmp_path / "collector.keys"
    public.write_text(serving.client.get("/v1/slot-keys").text)
    responder = subprocess.Popen(
        [*CLI, "responder", "--listen", "127.0.0.1:0", "--collector-key", str(public)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert responder.stderr is not None
        port = responder.stderr.readline().partition(" port ")[2].partition(",")[0]
        target = f"127.0.0.1:{port}"
        far_end = Responder(name="centre", target=target, capacity_bps=10**12, capacity_tests=4)
        store.write(lambda sql: rows.save_responder(sql, far_end, MONDAY))
        yield City(serving, target, states)
    finally:
        responder.terminate()
        responder.communicate()


def slots(store: Store) -> list[tuple[Any, ...]]:
    """School, and when granted and given back, of every slot."""
    return store.read(
        lambda sql: sql.execute(
            "SELECT school_code, granted_at, released_at FROM slot ORDER BY granted_at"
        ).fetchall()
    )


def test_two_schools_of_one_upstream_measure_one_after_the_other(city: City) -> None:
    """Begun at the same moment, the second waits for its slot; both measure, both give back."""
    found: dict[int, dict[str, Json]] = {}

    def measure(school: int) -> None:
        found[school] = city.measure(school)

    threads = [threading.Thread(target=measure, args=(school,)) for school in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[school]["outcome"] for school in (0, 1)] == ["ok", "ok"], found
    (_, _, first_back), (_, second_granted, second_back) = slots(city.serving.store)
    assert first_back is not None
    assert second_back is not None
    assert first_back <= second_granted, "two at once on one upstream"


def test_without_a_slot_the_responder_refuses(city: City) -> None:
    """One that does not ask is not admitted, by a named failure."""
    failure = city.measure(0, "--no-slot")["failure"]
    assert isinstance(failure, dict)
    assert failure["code"] == "not_admitted"
    assert "a slot token is wanted" in str(failure["text"])
    assert slots(city.serving.store) == []


def test_a_running_agent_asks_and_delivers(city: City, tmp_path: Path) -> None:
    """``hakaru-agent run --once`` gets a slot, measures, gives it back and delivers."""
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[[tests]]\nprobe = "throughput"\ntarget = "{city.target}"\n'
        'options = { flows = 2, seconds = 2, direction = "download" }\n'
    )
    done = subprocess.run(
        [*CLI, "run", "--config", str(config), "--state", str(city.states[0]), "--once"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ((school, _, back),) = slots(city.serving.store)
    assert school == "A1"
    assert back is not None
    (result,) = city.serving.store.latest_results("A1", limit=5)
    assert result.outcome == "ok", result.failure_text
    for secret in (b"v4.public", city.serving.token.encode()):
        assert secret not in result.record
        assert secret.decode() not in done.stdout + done.stderr


@pytest.mark.faults
@pytest.mark.timeout(200)
def test_a_rehearsal_by_heartbeat(city: City, tmp_path: Path) -> None:
    """Two running agents hear of a rehearsal, test in the same rounds, and end at the word."""
    store, clock = city.serving.store, SystemClock()
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[allow]\ntargets = ["127.0.0.0/8"]\n[[tests]]\nprobe = "throughput"\n'
        f'target = "{city.target}"\nwindows = '
        '[{ days = "mon", from = "03:00", to = "03:10", runs = 1 }]\n'
    )
    calendars = load_calendars(resources.default_calendar())
    wanted = Wanted(group="north", minutes=3, in_lessons=True, lead_seconds=12.0)
    made = begin(store, calendars, wanted, "cli:test", clock.now(), Random(1))
    agents = [
        subprocess.Popen(
            [*CLI, "run", "--config", str(config), "--state", str(state)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for state in city.states
    ]
    try:
        until = clock.monotonic_seconds() + 90
        while clock.monotonic_seconds() < until:
            shares, together = seen(store, made)
            full = [count for count, _ in together.rounds.values() if count == 2]
            if len(full) >= 2:
                break
            time.sleep(1.0)
        assert len(full) >= 2, [share.rates for share in shares]
        assert stop_all(store, "cli:test", clock.now()) == 1
        stopped = clock.now()
        time.sleep(30)  # two periods, in which no further round may begin
    finally:
        for agent in agents:
            agent.terminate()
        said = [agent.communicate()[1] for agent in agents]
    begun = store.read(
        lambda sql: sql.execute("SELECT granted_at FROM slot").fetchall()  # all are of it
    )
    assert max(from_micros(at) for (at,) in begun) <= stopped
    assert all("rehearsal" in words for words in said)
    for words in said:
        assert "v4.public" not in words
