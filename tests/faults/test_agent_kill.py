"""The agent as a process: killed, doubled, stopped. Nothing accepted is lost or stored twice."""

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.identity import Enrolment, Identity, save
from agent.state import prepare
from tests.agent.stub import Collector, Got, Stub
from tests.faults.lives import Agent

KILLS = int(os.environ.get("KILLS", "50"))
AGENT = "6f1d3c52-90ab-4c6e-8a51-2f0f5b0c7d11"
TOKEN = "canary-token-0123456789abcdef0123456789"


def enrolled(directory: Path, url: str) -> Path:
    """A state directory with an identity."""
    state = prepare(directory / "state")
    save(state, Identity(agent_id=AGENT, active=Enrolment(collector=url, token=TOKEN)))
    return state


class Unreliable(Collector):
    """Stores every batch, but one in five times breaks off before the acknowledgement."""

    def __init__(self) -> None:
        super().__init__()
        self.random = Random(5)
        self.broken_off = 0

    def __call__(self, got: Got) -> bytes | None:
        """Store, then acknowledge or break off."""
        reply = super().__call__(got)
        if self.random.random() < 0.2:
            self.broken_off += 1
            return None
        return reply


@pytest.mark.faults
def test_kill_at_random_loses_nothing_and_stores_nothing_twice(tmp_path: Path, case: Any) -> None:
    """Kill -9 while measuring and sending: every accepted result arrives exactly once."""
    random = Random(11)
    collector = Unreliable()
    accepted: list[str] = []
    ready_seconds = []
    with Stub(collector) as stub:
        state = enrolled(tmp_path, stub.url)
        for _ in range(KILLS):
            started = time.monotonic()
            agent = Agent(state)
            agent.wait_for(1)
            ready_seconds.append(time.monotonic() - started)
            time.sleep(random.uniform(0.0, 2.0))
            agent.end(signal.SIGKILL)
            accepted += agent.accepted
        last = Agent(state)
        last.wait_for(1)
        ends = time.monotonic() + 120
        while not set(accepted) <= set(collector.stored) and time.monotonic() < ends:
            time.sleep(0.1)
        assert last.end(signal.SIGTERM) == 0
        accepted += last.accepted
    lost = set(accepted) - set(collector.stored) - set(waiting(state))
    places = Counter((each["stream"], each["seq"]) for each in collector.stored.values())
    resent = sum(count - 1 for count in collector.sent_count.values())
    case(
        "A1",
        "agent killed -9 while measuring and sending",
        runs=KILLS,
        lost=len(lost),
        duplicates=sum(n - 1 for n in places.values()),
        other=f"accepted {len(accepted)}, resent {resent} (acknowledgement withheld "
        f"{collector.broken_off} times), first result after "
        f"{sorted(ready_seconds)[len(ready_seconds) // 2]:.1f} s (median)",
    )
    assert lost == set()
    assert max(places.values()) == 1
    assert len({stream for stream, _ in places}) == 1
    assert len(accepted) == len(set(accepted))
    assert resent > 0
    assert not any("damaged" in path.name for path in state.iterdir())


def waiting(state: Path) -> list[str]:
    """Ids that still wait in the spool of a stopped agent."""
    import sqlite3  # noqa: PLC0415 - only here

    connection = sqlite3.connect(state / "spool.db")
    names = [name for (name,) in connection.execute("SELECT result_id FROM results")]
    connection.close()
    return names


@pytest.mark.faults
def test_second_agent_on_the_same_state_ends_at_once_with_a_clear_message(
    tmp_path: Path, case: Any
) -> None:
    """The first goes on undisturbed; the second says who is there and what to do."""
    with Stub(Collector()) as stub:
        state = enrolled(tmp_path, stub.url)
        first = Agent(state)
        first.wait_for(1)
        second = Agent(state)
        assert second.process.wait(timeout=30) == 1
        second.end(signal.SIGTERM)
        assert b"another hakaru-agent works in" in second.errors
        assert second.accepted == []
        count = len(first.accepted)
        first.wait_for(count + 2)
        assert first.end(signal.SIGTERM) == 0
    case("A8", "two agents on one spool: the second ends, the first goes on", runs=1)


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_under_load_ends_cleanly_within_ten_seconds(
    tmp_path: Path, number: int, case: Any
) -> None:
    """Exit 0, the log folded into the file, the status written, no secret in the log."""
    stuck = threading.Event()

    def never(_: Got) -> bytes | None:
        stuck.wait(30)
        return None

    with Stub(never) as stub:
        state = enrolled(tmp_path, stub.url)
        agent = Agent(state)
        agent.wait_for(3)
        started = time.monotonic()
        code = agent.end(number)
        seconds = time.monotonic() - started
        stuck.set()
    stopped = f"stopped after {seconds:.1f} s"
    case("A8", f"{signal.Signals(number).name} under load", runs=1, other=stopped)
    assert code == 0
    assert seconds < 10
    assert not (state / "spool.db-wal").exists()
    status = json.loads((state / "status.json").read_text())
    assert status["spool"]["waiting_count"] >= 3
    assert set(agent.accepted) <= set(waiting(state))
    assert TOKEN[:8].encode() not in agent.errors
