"""kill -9 of a real collector under delivery: what was acknowledged is there, once."""

import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector.schools.model import Kind, Line, School
from collector.store import create_store
from tests.faults.lives import Collector, stored_ids
from wire.codec import encode
from wire.failure import Outcome
from wire.ids import uuid4
from wire.measurement import Measurement
from wire.messages import decode_acknowledgement, encode_batch

pytestmark = pytest.mark.faults
KILLS = int(os.environ.get("KILLS", "10"))
CLIENTS = 6
BATCH = 20
START = datetime(2026, 5, 11, tzinfo=UTC)


class Client(threading.Thread):
    """An agent that resends each batch until every result of it is acknowledged."""

    def __init__(self, number: int, collector: Collector, stop: threading.Event) -> None:
        super().__init__()
        self.number, self.collector, self.stop = number, collector, stop
        self.acknowledged: list[str] = []
        self.resent = 0
        self.unexpected: list[str] = []

    def run(self) -> None:
        """Deliver until told to stop."""
        chance = random.Random(self.number)
        headers = {"Authorization": f"Bearer {token(self.number)}", "Content-Encoding": "gzip"}
        with httpx.Client(timeout=10, trust_env=False) as client:
            seq = 0
            while not self.stop.is_set():
                records = {}
                for _ in range(BATCH):
                    seq += 1
                    record = measurement(self.number, seq, chance)
                    records[record.result_id] = encode(record)
                while records:
                    body = gzip.compress(encode_batch(records.values()), 1)
                    url = f"http://127.0.0.1:{self.collector.port}/v1/measurements"
                    try:
                        reply = client.post(url, content=body, headers=headers)
                    except httpx.HTTPError:
                        self.resent += 1
                        time.sleep(0.02)
                        continue
                    if reply.status_code != 200:
                        self.unexpected.append(f"{reply.status_code} {reply.text[:200]}")
                        time.sleep(0.05)
                        continue
                    for result_id in decode_acknowledgement(reply.content).committed:
                        records.pop(result_id)
                        self.acknowledged.append(result_id)


def token(number: int) -> str:
    """The token of one agent."""
    return f"the-token-of-agent-{number:04d}"


def measurement(number: int, seq: int, chance: random.Random) -> Measurement:
    """One result of one agent."""
    return Measurement(
        result_id=uuid4(chance.getrandbits(128)),
        agent_id=uuid4(number + 1),
        stream=uuid4(1000 + number),
        seq=seq,
        probe="throughput",
        target="centre.example:4443",
        started_at=START + timedelta(seconds=seq),
        boot_id="boot",
        monotonic_start_seconds=float(seq),
        duration_seconds=10.0,
        outcome=Outcome.OK,
        values={"download_bps": 5e8},
    )


def prepare(url: str) -> None:
    """A school and its agents."""
    store = create_store(url)
    store.import_schools(
        [
            School(
                code="A1",
                name="A1",
                kind=Kind.ELEMENTARY,
                region="north",
                pupils=300,
                line=Line.OTHER,
                contracted_mbps=None,
                sample=False,
                latitude=None,
                longitude=None,
                aggregation_group="",
            )
        ]
    )
    for number in range(CLIENTS):
        store.add_enrolment_code("A1", f"code {number}", START + timedelta(days=9))
        store.enrol(
            code_sha256=f"code {number}",
            agent_id=uuid4(number + 1),
            token_sha256=hashlib.sha256(token(number).encode()).hexdigest(),
            now=START,
        )
    store.close()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def collector(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collector]:
    """A collector over a prepared database."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    if request.param == "PostgreSQL":
        url = str(request.getfixturevalue("new_database")())
    prepare(url)
    made = Collector(url)
    yield made
    made.clean_up()


def test_no_acknowledged_result_is_lost_and_none_is_doubled(
    collector: Collector, case: Any
) -> None:
    """KILLS times kill -9 at a random moment while six agents deliver and resend."""
    stop = threading.Event()
    chance = random.Random(4)
    collector.start()
    clients = [Client(number, collector, stop) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    slowest = 0.0
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.6))
            collector.end(signal.SIGKILL)
            slowest = max(slowest, collector.start())
        time.sleep(0.5)
    finally:
        stop.set()
        for client in clients:
            client.join(60)
    assert collector.end(signal.SIGTERM) == 0
    acknowledged = [result_id for client in clients for result_id in client.acknowledged]
    stored = stored_ids(collector.url)
    database = "SQLite" if collector.url.startswith("sqlite") else "PostgreSQL"
    case(
        "C1",
        f"collector killed -9 under load ({database})",
        runs=KILLS,
        lost=len(set(acknowledged) - set(stored)),
        duplicates=len(stored) - len(set(stored)),
        other=f"acknowledged {len(acknowledged)}, requests cut "
        f"{sum(client.resent for client in clients)}, slowest start {slowest:.2f} s",
    )
    assert len(acknowledged) > KILLS * BATCH / 4
    assert len(stored) == len(set(stored))
    assert set(acknowledged) - set(stored) == set()
    assert [text for client in clients for text in client.unexpected if text[0] != "5"] == []


def test_sigterm_under_load_ends_cleanly(collector: Collector) -> None:
    """Within ten seconds, exit 0, and all that was acknowledged is there."""
    stop = threading.Event()
    collector.start()
    clients = [Client(number, collector, stop) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(1)
    assert collector.end(signal.SIGTERM) == 0
    stop.set()
    collector.start()  # those in the middle of a batch want their answer
    for client in clients:
        client.join(60)
    assert collector.end(signal.SIGTERM) == 0
    acknowledged = {result_id for client in clients for result_id in client.acknowledged}
    assert acknowledged <= set(stored_ids(collector.url))


@pytest.mark.parametrize("collector", ["SQLite"], indirect=True)
def test_a_second_collector_on_the_same_database_ends_at_once(collector: Collector) -> None:
    """Exit 1, a message that names the process, and the first serves on."""
    collector.start()
    second = Collector(collector.url)
    command = [sys.executable, "-m", "collector.cli", "serve", "--database", second.url]
    ended = subprocess.run(
        [*command, "--listen", "127.0.0.1:0"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert collector.process is not None
    assert f"another collector (process {collector.process.pid}) serves" in ended.stderr
    health: Any = httpx.get(f"http://127.0.0.1:{collector.port}/healthz", trust_env=False).json()
    assert health == {"status": "ok"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_507_and_nothing_acknowledged_is_lost(tmp_path: Path, case: Any) -> None:
    """On a disk of 4 MB: 200 until it is full, then 507, never anything else; then room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    url = f"sqlite:///{disk}/hakaru.db"
    collector = Collector(url)
    ballast = disk / "ballast"
    try:
        prepare(url)
        ballast.write_bytes(bytes(1_000_000))
        collector.start()
        chance = random.Random(5)
        acknowledged: list[str] = []
        statuses: list[int] = []
        headers = {"Authorization": f"Bearer {token(0)}"}
        address = f"http://127.0.0.1:{collector.port}/v1/measurements"
        with httpx.Client(timeout=60, trust_env=False) as client:
            for number in range(400):
                records = [measurement(0, number * 20 + n, chance) for n in range(20)]
                reply = client.post(
                    address, content=encode_batch(map(encode, records)), headers=headers
                )
                statuses.append(reply.status_code)
                if reply.status_code == 200:
                    acknowledged += json.loads(reply.content)["committed"]
                elif statuses.count(507) == 20:
                    ballast.unlink()
                elif statuses.count(507) > 40:
                    break
        case(
            "C1",
            "collector's disk full (SQLite)",
            runs=len(statuses),
            lost=len(set(acknowledged) - set(stored_ids(url))),
            other=f"batches stored {statuses.count(200)}, answered 507 {statuses.count(507)}",
        )
        assert set(statuses) == {200, 507}
        assert 200 in statuses[statuses.index(507) :], "took up again when there was room"
        assert collector.end(signal.SIGTERM) == 0
        assert set(acknowledged) == set(stored_ids(url))
    finally:
        collector.clean_up()
        subprocess.run(["umount", "-l", str(disk)], check=True)
