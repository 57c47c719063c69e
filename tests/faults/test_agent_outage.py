"""A long outage: the spool keeps to its cap and its account, and no life of the agent is lost."""

import json
import os
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.spool import Spool
from agent.spool.layout import MIN_CAP_BYTES
from tests.agent.spooling import AGENT, FakeClock, measurement
from tests.agent.stub import Collector, Got, Stub, http
from tests.faults.lives import Agent
from tests.faults.test_agent_kill import enrolled, waiting

LIVES = 20
OUTAGE = timedelta(days=7)
EVERY = timedelta(seconds=90)


def used_bytes(path: Path) -> int:
    """What the queue takes on the disk: database, log and its index."""
    files = (Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm"))
    return sum(file.stat().st_size for file in files if file.exists())


@pytest.mark.faults
def test_seven_days_at_the_cap_are_accounted_for_exactly(tmp_path: Path, case: Any) -> None:
    """Files stay below the cap at every sample; produced = delivered + dropped, to the result."""
    clock, chance = FakeClock(), Random(3)
    path = tmp_path / "spool.db"
    spool = Spool(path, agent_id=AGENT, clock=clock, random=chance, cap_bytes=MIN_CAP_BYTES)
    produced: list[str] = []
    most = 0
    for number in range(OUTAGE // EVERY):
        probe = "throughput" if number % 40 == 0 else "latency"
        stored = spool.accept(measurement(probe, padding=chance.choice([0, 1000, 3000])))
        assert stored is not None, spool.trouble
        produced.append(stored.result_id)
        clock.forward(EVERY.total_seconds())
        most = max(most, used_bytes(path))
        assert most <= MIN_CAP_BYTES
    arrived: dict[str, dict[str, Any]] = {}
    while batch := spool.take(100, 1_000_000):
        for one in batch:
            record = json.loads(one.record)
            arrived[record["result_id"]] = record
        assert spool.settle([one.key for one in batch], {})
        assert used_bytes(path) <= MIN_CAP_BYTES
    spool.close()
    accounts = [each["values"] for each in arrived.values() if each["probe"] == "spool"]
    dropped = sum(values.get("dropped_count", 0) for values in accounts)
    delivered = [name for name in produced if name in arrived]
    missing = len(produced) - len(delivered) - dropped
    case(
        "A5",
        "seven-day outage at the byte cap (time accelerated)",
        runs=1,
        lost=missing,
        duplicates=0,
        other=f"produced {len(produced)} = delivered {len(delivered)} + dropped {dropped}; "
        f"most on disk {most:,} of {MIN_CAP_BYTES:,} bytes",
    )
    assert missing == 0
    assert dropped > 0
    kept = Counter(record["probe"] for record in arrived.values())
    assert kept["throughput"] == len(range(0, OUTAGE // EVERY, 40))  # the lowest class goes first


@pytest.mark.faults
def test_an_outage_with_twenty_restarts_loses_no_life(tmp_path: Path, case: Any) -> None:
    """Killed or stopped twenty times while nothing answers: all results arrive, the first too."""
    collector = Collector()
    up = False

    def answer(got: Got) -> bytes | None:
        return collector(got) if up else http(503, {"detail": "down"})

    accepted: list[list[str]] = []
    with Stub(answer) as stub:
        state = enrolled(tmp_path, stub.url)
        for life in range(LIVES):
            agent = Agent(state)
            agent.wait_for(2)
            agent.end(signal.SIGKILL if life % 2 else signal.SIGTERM)
            accepted.append(agent.accepted)
        up = True
        last = Agent(state)
        wanted = {name for names in accepted for name in names}
        ends = time.monotonic() + float(os.environ.get("OUTAGE_SECONDS", "180"))
        while not wanted <= set(collector.stored) and time.monotonic() < ends:
            time.sleep(0.1)
        last.end(signal.SIGTERM)
    stored = set(collector.stored)
    lost = wanted - stored - set(waiting(state))
    lives_heard = sum(bool(stored & set(names)) for names in accepted)
    places = Counter((each["stream"], each["seq"]) for each in collector.stored.values())
    case(
        "A6",
        "outage with 20 restarts inside",
        runs=LIVES,
        lost=len(lost),
        duplicates=sum(count - 1 for count in places.values()),
        other=f"results of {lives_heard} of {LIVES} lives arrived, {len(wanted)} in all",
    )
    assert lost == set()
    assert lives_heard == LIVES
    assert set(accepted[0]) <= stored
    assert max(places.values()) == 1
