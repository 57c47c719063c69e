"""kill -9 of a real collector under delivery: what was acknowledged is there, once."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.enrolled import prepare, token
from tests.faults.delivering import BATCH, CLIENTS, KILLS, Client, measurement
from tests.faults.lives import Collector, stored_ids
from wire.codec import encode
from wire.messages import encode_batch

pytestmark = pytest.mark.faults


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def collector(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collector]:
    """A collector over a prepared database."""
    url = f"sqlite:///{tmp_path}/hakaru.db"
    if request.param == "PostgreSQL":
        url = str(request.getfixturevalue("new_database")())
    prepare(url, CLIENTS)
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
        prepare(url, CLIENTS)
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
