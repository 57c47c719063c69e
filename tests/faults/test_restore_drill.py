"""The restore drill: back up under load, lose the database, put the copy back, lose no result.

Real collectors as processes and the commands a person uses; agents are the real spool and the
real delivery, each in a thread.
"""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.identity import Enrolment
from agent.push import Pusher, PushSettings, new_client
from agent.spool import Spool
from collector.rollup.check import check
from collector.rollup.keeper import roll_all
from collector.store import create_store
from tests.agent.spooling import measurement
from tests.collector.conftest import a_school
from tests.faults.lives import Collector
from wire.ids import uuid4

pytestmark = pytest.mark.faults
ROUNDS = max(1, int(os.environ.get("KILLS", "50")) // 50)
AGENTS = 4
SETTINGS = PushSettings(interval_seconds=0.1, batch_records=25)


class Deliverer(threading.Thread):
    """An agent that accepts and delivers until told to stop, then delivers what is left."""

    def __init__(self, folder: Path, number: int, port: int) -> None:
        super().__init__()
        self.number, self.port = number, port
        self.agent_id, self.token = uuid4(number + 1), f"token-of-the-drill-{number:04d}"
        self.path = folder / f"spool-{number}.db"
        self.random = Random(number)
        self.accepted: list[str] = []
        self.waiting = -1
        self.stop = threading.Event()

    def open(self) -> Spool:
        """The spool, as a restarted agent opens it."""
        return Spool(self.path, agent_id=self.agent_id, clock=SystemClock(), random=self.random)

    def run(self) -> None:
        """Accept and deliver."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        spool = self.open()
        enrolment = Enrolment(collector=f"http://127.0.0.1:{self.port}", token=self.token)
        async with new_client(SETTINGS) as client:
            pusher = Pusher(spool, enrolment, SETTINGS, client, SystemClock(), self.random)
            while not self.stop.is_set():
                for _ in range(5):
                    self.accept(spool)
                await pusher.drain()
                await asyncio.sleep(0.02)
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                self.accept(spool)  # a reply is what says that the database is another
                if await pusher.drain() is None:
                    break
                await asyncio.sleep(0.1)
        self.waiting = spool.counts().waiting_count
        spool.close()

    def accept(self, spool: Spool) -> None:
        """Accept one result."""
        stored = spool.accept(measurement(mark=len(self.accepted)))
        assert stored is not None
        self.accepted.append(stored.result_id)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes the address of a database that is empty."""
    if request.param == "postgresql":
        make = request.getfixturevalue("new_database")
        return lambda: str(make(migrated=False))
    return lambda: f"sqlite:///{tmp_path}/hakaru.db"


@pytest.fixture
def collectors() -> Iterator[list[Collector]]:
    """Those that a test has started; ended with it."""
    made: list[Collector] = []
    yield made
    for one in made:
        one.clean_up()


def prepared(url: str, agents: list[Deliverer]) -> None:
    """A school for each agent, with its agent enrolled."""
    store = create_store(url)
    store.import_schools([a_school(f"S{one.number:03d}") for one in agents])
    for one in agents:
        code = f"code {one.number}"
        later = datetime.now(UTC) + timedelta(days=9)
        store.add_enrolment_code(f"S{one.number:03d}", code, later)
        store.enrol(
            code_sha256=code,
            agent_id=one.agent_id,
            token_sha256=hashlib.sha256(one.token.encode()).hexdigest(),
            now=datetime.now(UTC),
        )
    store.close()


def command(*words: str | Path) -> None:
    """Run one of the collector's commands."""
    subprocess.run(
        [sys.executable, "-m", "collector.cli", *words],
        check=True,
        capture_output=True,
        timeout=120,
    )


def stored(url: str) -> list[str]:
    """Ids of the results in a database, and a word on its roll-ups."""
    store = create_store(url)
    try:
        found = store.read(lambda sql: sql.execute("SELECT result_id FROM result").fetchall())
        roll_all(store, datetime.now(UTC))
        assert check(store).differing == 0
    finally:
        store.close()
    return [one for (one,) in found]


def wait_until(agents: list[Deliverer], each: int) -> None:
    """Let load be: until every agent has accepted so many more."""
    goals = [len(one.accepted) + each for one in agents]
    ends = time.monotonic() + 90
    while any(len(one.accepted) < goal for one, goal in zip(agents, goals, strict=True)):
        assert time.monotonic() < ends, "no load"
        time.sleep(0.05)


def test_nothing_is_lost_with_the_database(
    tmp_path: Path, new_url: Callable[[], str], collectors: list[Collector], case: Any
) -> None:
    """Copied under load, lost with all that came after, put back: every result is there, once."""
    url = new_url()
    agents = [Deliverer(tmp_path, number, 0) for number in range(AGENTS)]
    prepared(url, agents)
    collector = Collector(url)
    collectors.append(collector)
    collector.start()
    accepted: list[set[str]] = [set() for _ in agents]
    gone = 0
    for turn in range(ROUNDS):
        agents = [Deliverer(tmp_path, number, collector.port) for number in range(AGENTS)]
        for one in agents:
            one.start()
        try:
            wait_until(agents, 30)
            copied = tmp_path / f"copy-{turn}"
            command("backup", copied, "--database", url)
            wait_until(agents, 60)
            collector.end(signal.SIGKILL)
            before = set(stored(url))
            for suffix in ("", "-wal", "-shm"):
                (tmp_path / f"hakaru.db{suffix}").unlink(missing_ok=True)
            url = new_url()
            command("restore", copied, "--database", url)
            gone += len(before - set(stored(url)))
            collector.url = url
            collector.start()
            wait_until(agents, 30)
        finally:
            for one in agents:
                one.stop.set()
            for one in agents:
                one.join()
        for known, one in zip(accepted, agents, strict=True):
            known |= set(one.accepted)
            assert one.waiting == 0
    collector.end(signal.SIGTERM)
    there = stored(url)
    lost = set().union(*accepted) - set(there)
    case(
        "C5",
        f"backed up under load, lost, restored ({url.partition(':')[0]})",
        runs=ROUNDS,
        lost=len(lost),
        duplicates=len(there) - len(set(there)),
        other=f"{gone} acknowledged results were not in the copy, {len(there)} in all",
    )
    assert gone > 0, "the copy lacked nothing: the drill shows nothing"
    assert not lost
    assert len(there) == len(set(there))


@pytest.mark.parametrize("fate", ["wiped", "restored old"])
def test_no_new_result_is_taken_for_a_duplicate(
    tmp_path: Path,
    new_url: Callable[[], str],
    collectors: list[Collector],
    fate: str,
    case: Any,
) -> None:
    """A spool that is wiped or put back old gives numbers again; its new results are all stored."""
    url = new_url()
    agent = Deliverer(tmp_path, 0, 0)
    prepared(url, [agent])
    collector = Collector(url)
    collectors.append(collector)
    collector.start()

    def live(results: int) -> list[str]:
        life = Deliverer(tmp_path, 0, collector.port)
        life.random = Random(f"{fate} {len(accepted)}")
        life.start()
        wait_until([life], results)
        life.stop.set()
        life.join()
        assert life.waiting == 0
        return life.accepted

    accepted: list[str] = []
    accepted += live(20)
    old = tmp_path / "old"
    shutil.copy(agent.path, old)
    accepted += live(40)
    for file in tmp_path.glob(f"{agent.path.name}*"):
        file.unlink()
    if fate == "restored old":
        shutil.copy(old, agent.path)
    accepted += live(40)
    collector.end(signal.SIGTERM)
    there = stored(url)
    lost = set(accepted) - set(there)
    case(
        "C5",
        f"the agent's spool {fate} ({url.partition(':')[0]})",
        runs=1,
        lost=len(lost),
        duplicates=len(there) - len(set(there)),
        other=f"{len(accepted)} accepted",
    )
    assert not lost
    assert len(there) == len(set(there))
