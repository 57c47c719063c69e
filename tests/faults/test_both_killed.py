"""The real agent and the real collector, both killed again and again during delivery."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.state import prepare
from collector.store import create_store
from tests.collector.conftest import a_school
from tests.faults.lives import Agent, Collector, stored_ids

pytestmark = pytest.mark.faults
KILLS = int(os.environ.get("KILLS", "50"))


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector of one school."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    store = create_store(url)
    store.import_schools([a_school("S001")])
    store.close()
    made = Collector(url)
    made.start()
    yield made
    made.clean_up()


def command(*words: str | Path) -> str:
    """Run one of the product's commands and give what it printed."""
    ran = subprocess.run(
        [sys.executable, "-m", *words], check=True, capture_output=True, text=True, timeout=60
    )
    return ran.stdout.strip().splitlines()[-1]


def enrolled(directory: Path, collector: Collector) -> Path:
    """A state directory, enrolled by the commands a person uses."""
    state = prepare(directory / "state")
    code = command("collector.cli", "school", "enrol-code", "S001", "--database", collector.url)
    address = f"http://127.0.0.1:{collector.port}"
    command("agent.cli", "enrol", "--collector", address, "--code", code, "--state", state)
    return state


def places(url: str) -> list[tuple[str, int]]:
    """(stream, seq) of every stored result, in order."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    found = connection.execute("SELECT stream, seq FROM result ORDER BY stream, seq").fetchall()
    connection.close()
    return found


def test_every_accepted_result_arrives_exactly_once(
    tmp_path: Path, collector: Collector, case: Any
) -> None:
    """KILLS kills of each side at random: nothing lost, nothing twice, no gap in the stream."""
    random = Random(23)
    state = enrolled(tmp_path, collector)
    accepted: list[str] = []
    victims = ["agent"] * KILLS + ["collector"] * KILLS
    random.shuffle(victims)
    agent = Agent(state)
    for victim in victims:
        agent.wait_for(1)
        time.sleep(random.uniform(0.0, 0.8))
        if victim == "agent":
            agent.end(signal.SIGKILL)
            accepted += agent.accepted
            agent = Agent(state)
        else:
            collector.end(signal.SIGKILL)
            collector.start()
    agent.wait_for(1)
    assert agent.end(signal.SIGTERM) == 0
    accepted += agent.accepted
    waiting = delivered_but(state, collector)
    stored = stored_ids(collector.url)
    numbers = [seq for _, seq in places(collector.url)]
    case(
        "A1",
        "agent and collector killed -9, each so often",
        runs=KILLS,
        lost=len(set(accepted) - set(stored)),
        duplicates=len(stored) - len(set(stored)),
        other=f"accepted {len(accepted)}",
    )
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))
    assert len({stream for stream, _ in places(collector.url)}) == 1
    assert len(numbers) == len(set(numbers))
    assert max(numbers) - len(numbers) <= waiting


def delivered_but(state: Path, collector: Collector) -> int:
    """Let a last life of the agent deliver; give how many of its own results still wait."""
    last = Agent(state)
    ends = time.monotonic() + 120
    last.wait_for(1)
    first = set(last.accepted)
    while not first <= set(stored_ids(collector.url)) and time.monotonic() < ends:
        time.sleep(0.3)
    assert last.end(signal.SIGTERM) == 0
    spool = sqlite3.connect(state / "spool.db")
    left = {name for (name,) in spool.execute("SELECT result_id FROM results")}
    spool.close()
    assert left <= set(last.accepted) - first | set(stored_ids(collector.url))
    return len(left)
