"""B6: a long backlog over a thin line, by the agent's own delivery and queue."""

import asyncio
import base64
import hashlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from agent import push
from agent.clock import SystemClock
from agent.identity import Enrolment
from agent.push import Pusher, PushSettings
from agent.spool import Spool, Waiting
from collector.store import create_store
from tests.collector.conftest import a_school
from tests.faults.lives import Collector, stored_ids
from tests.faults.slow_line import SlowLine
from wire.failure import Outcome
from wire.ids import uuid4
from wire.measurement import Measurement

pytestmark = pytest.mark.faults
BACKLOG = int(os.environ.get("BACKLOG", "10000"))
FASTER = 20
"""The line and every time limit of the agent are so many times as fast as in life: the sizes at
which a batch fits are the same, the test takes minutes less."""
LINE_BYTES_PER_SECOND = 256_000 / 8 * FASTER
BUSY_SHARE = 1 / 8
"""What the lessons leave of the line at first."""
AGENT_ID, TOKEN = "6f1d3c52-90ab-4c6e-8a51-2f0f5b0c7d11", "the-token-of-the-agent-of-A1"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A running collector with one agent enrolled."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    store = create_store(url)
    store.import_schools([a_school("A1")])
    store.add_enrolment_code("A1", "code", datetime.now(UTC) + timedelta(days=1))
    store.enrol(
        code_sha256="code",
        agent_id=AGENT_ID,
        token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest(),
        now=datetime.now(UTC),
    )
    store.close()
    made = Collector(url)
    made.start()
    yield made
    made.clean_up()


class Watched(Spool):
    """The agent's queue; notes which batch each result was settled with."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.names: dict[int, str] = {}
        self.settled_in: dict[str, int] = {}
        self.batches: list[int] = []
        self.attempts: list[int] = []

    def take(self, limit: int, max_bytes: int) -> list[Waiting]:
        """Note what is tried."""
        taken = super().take(limit, max_bytes)
        self.names |= {one.key: one.result_id for one in taken}
        self.attempts.append(len(taken))
        return taken

    def settle(self, delivered: Sequence[int], refused: Mapping[int, str], *more: Any) -> bool:
        """Note what arrived."""
        done = super().settle(delivered, refused, *more)
        self.settled_in |= dict.fromkeys((self.names[key] for key in delivered), len(self.batches))
        self.batches.append(len(delivered))
        return done


def a_result(random: Random) -> Measurement:
    """One of about a kilobyte that cannot be compressed much."""
    padding = base64.b64encode(random.randbytes(640)).decode()
    return Measurement(
        result_id=uuid4(1),
        agent_id=AGENT_ID,
        stream=uuid4(2),
        seq=1,
        probe="latency",
        target="192.0.2.1",
        started_at=datetime.now(UTC),
        boot_id=uuid4(3),
        monotonic_start_seconds=1.0,
        duration_seconds=2.0,
        outcome=Outcome.OK,
        values={"rtt_median_seconds": 0.01},
        context={"padding": padding},
    )


def test_10000_results_over_256_kbit_per_second(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch, case: Any
) -> None:
    """Batches shrink until they fit and grow no more than that; what is fresh goes out next."""
    random = Random(3)
    for name in ("QUICK_SECONDS", "TOTAL_TIMEOUT_SECONDS"):
        monkeypatch.setattr(push, name, getattr(push, name) / FASTER)
    real_wait = push.wait_seconds
    monkeypatch.setattr(push, "wait_seconds", lambda *given: real_wait(*given) / FASTER)
    spool = Watched(
        tmp_path / "spool.db", agent_id=AGENT_ID, clock=SystemClock(), random=random,
        cap_bytes=256 << 20,
    )  # fmt: skip
    accepted = [spool.accept(a_result(random)) for _ in range(BACKLOG)]
    assert all(accepted)
    fresh: dict[str, int] = {}

    async def deliver(line: SlowLine) -> None:
        limits = push.TIMEOUT
        timeout = httpx.Timeout(limits.write / FASTER, connect=limits.connect)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            enrolment = Enrolment(collector=line.url, token=TOKEN)
            settings = PushSettings(interval_seconds=0.2, batch_records=1000)
            pusher = Pusher(spool, enrolment, settings, client, SystemClock(), random)
            stop = asyncio.Event()
            running = asyncio.create_task(pusher.run(stop))
            while (await asyncio.to_thread(spool.counts)).waiting_count:
                made = await asyncio.to_thread(spool.accept, a_result(random))
                assert made is not None
                fresh[made.result_id] = len(spool.batches)
                if len(spool.settled_in) > BACKLOG / 10:
                    line.rate = LINE_BYTES_PER_SECOND
                await asyncio.wait({running}, timeout=0.5)
                assert not running.done(), running.exception()
                if len(spool.settled_in) >= BACKLOG + len(fresh) - 5:
                    break
            stop.set()
            await running
            await pusher.drain()

    with SlowLine(collector.port, LINE_BYTES_PER_SECOND * BUSY_SHARE) as line:
        asyncio.run(deliver(line))
        useful_ratio = 1 - line_waste(spool)
    spool.close()
    wanted = {one.result_id for one in accepted if one is not None} | set(fresh)
    assert collector.end(signal.SIGTERM) == 0
    stored = stored_ids(collector.url)
    waits = [spool.settled_in[name] - batches for name, batches in fresh.items()]
    smallest = min(spool.batches[:-1])
    case(
        "B6",
        f"{BACKLOG} results wait, line of 256 kbit/s, at first an eighth of it",
        runs=1,
        lost=len(wanted - set(stored)),
        duplicates=len(stored) - len(set(stored)),
        other=f"batches from {spool.attempts[0]} down to {smallest} and up to "
        f"{max(spool.batches)}, {useful_ratio:.0%} of what was tried arrived at the first try; "
        f"{len(fresh)} fresh results, each within {max(waits) + 1} batches",
    )
    assert wanted == set(stored)
    assert len(stored) == len(set(stored))
    assert smallest < spool.attempts[0] / 2
    assert max(spool.batches[len(spool.batches) // 2 :]) > smallest
    assert max(waits) <= 1
    assert useful_ratio > 0.7


def line_waste(spool: Watched) -> float:
    """Share of results tried that had to be tried again."""
    return 1 - sum(spool.batches) / sum(spool.attempts)
