"""PostgreSQL under the collector fails: crashed, its connections cut, two collectors at once."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector import resources
from collector.compliance import judge_dirty, judge_weeks
from collector.judge.calendar_file import load_calendars
from collector.judge.criteria_file import load_criteria
from collector.store import create_store
from collector.store.interface import Batch, NewRow, Store, StoreError
from tests.enrolled import START, prepare, token
from tests.faults.conftest import Case
from tests.faults.delivering import BATCH, CLIENTS, KILLS, Client, measurement
from tests.faults.lives import Collector, stored_ids
from tests.postgres import Cluster
from wire.codec import encode
from wire.ids import uuid4
from wire.messages import encode_batch

pytestmark = pytest.mark.faults
RUNS = int(os.environ.get("RUNS", str(20 * KILLS)))
"""1,000 with the 50 kills of ``make test-faults``."""


@contextmanager
def collectors(url: str, number: int) -> Iterator[list[Collector]]:
    """Some collectors on one database."""
    made = [Collector(url) for _ in range(number)]
    try:
        for one in made:
            one.start()
        yield made
    finally:
        for one in made:
            one.clean_up()


def test_the_database_crashes_under_load(case: Case) -> None:
    """Ended without a check-point under load, and started again: no acknowledged result is lost."""
    crashes = max(3, KILLS // 5)
    stop, chance = threading.Event(), random.Random(6)
    with Cluster() as cluster:
        url = cluster.new_database()
        prepare(url, CLIENTS)
        with collectors(url, 1) as (collector,):
            clients = [Client(number, collector, stop) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            try:
                for _ in range(crashes):
                    time.sleep(chance.uniform(0.2, 0.8))
                    cluster.stop(signal.SIGQUIT)
                    time.sleep(chance.uniform(0.0, 0.2))
                    cluster.start()
                time.sleep(1)
            finally:
                stop.set()
                for client in clients:
                    client.join(60)
            assert collector.end(signal.SIGTERM) == 0
        stored = stored_ids(url)
    acknowledged = [result_id for client in clients for result_id in client.acknowledged]
    refused = [text for client in clients for text in client.unexpected]
    case(
        "C1",
        "PostgreSQL crashed under load",
        runs=crashes,
        lost=len(set(acknowledged) - set(stored)),
        duplicates=len(stored) - len(set(stored)),
        other=f"acknowledged {len(acknowledged)}, answered 503 {len(refused)}",
    )
    assert len(acknowledged) > crashes * BATCH
    assert set(acknowledged) - set(stored) == set()
    assert len(stored) == len(set(stored))
    assert {text[:3] for text in refused} <= {"503"}


def test_a_connection_cut_inside_a_transaction_leaves_no_half_batch(
    postgres: Cluster, case: Case
) -> None:
    """The writer's connection is cut at random moments while batches of 200 come in."""
    url = postgres.new_database()
    prepare(url, CLIENTS)
    store = create_store(url)
    name = url.rpartition("?")[0].rpartition("/")[2]
    cuts, chance = max(10, KILLS), random.Random(7)
    stop = threading.Event()
    sent: list[tuple[str, Future[None]]] = []

    def deliver() -> None:
        number = 0
        while not stop.is_set():
            pending = []
            for _ in range(3):
                number += 1
                future = store.submit(_batch(f"batch {number}", 200))
                pending.append((f"batch {number}", future))
            for one in pending:
                one[1].exception(60)
            sent.extend(pending)

    thread = threading.Thread(target=deliver)
    thread.start()
    in_transaction = 0
    for _ in range(cuts):
        known, ends = len(sent), time.monotonic() + 60
        while len(sent) == known and time.monotonic() < ends:
            time.sleep(0.005)  # something gets through between two cuts
        time.sleep(chance.uniform(0.0, 0.1))
        ended = postgres.run(
            "SELECT xact_start IS NOT NULL, pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        in_transaction += sum(bool(row[0]) for row in ended)
    stop.set()
    thread.join(120)
    store.close()
    found = Counter(dict(postgres.run("SELECT target, count(*) FROM result GROUP BY target", name)))
    acknowledged = {batch for batch, future in sent if future.exception() is None}
    postgres.drop(url)
    case(
        "C4",
        "database connection reset while committing",
        runs=cuts,
        lost=sum(found[batch] != 200 for batch in acknowledged) * 200,
        duplicates=0,
        other=f"{in_transaction} inside a transaction, half batches "
        f"{sum(count not in {0, 200} for count in found.values())}, "
        f"batches answered with an error {len(sent) - len(acknowledged)}",
    )
    assert in_transaction > cuts / 10
    assert {found[batch] for batch in acknowledged} == {200}
    assert set(found.values()) == {200}


def test_the_same_batch_to_two_collectors_at_once(new_database: Any, case: Case) -> None:
    """RUNS batches, each to both collectors at the same moment: both acknowledge, rows = ids."""
    url = new_database()
    prepare(url, CLIENTS)
    chance = random.Random(8)
    batches = [
        [measurement(run % CLIENTS, run * 10 + place, chance) for place in range(10)]
        for run in range(RUNS)
    ]
    together = threading.Barrier(2)
    failed: list[str] = []
    with collectors(url, 2) as both:

        def deliver(one: Collector) -> None:
            with httpx.Client(timeout=60, trust_env=False) as client:
                for run, records in enumerate(batches):
                    together.wait(60)
                    reply = client.post(
                        f"http://127.0.0.1:{one.port}/v1/measurements",
                        content=encode_batch(map(encode, records)),
                        headers={"Authorization": f"Bearer {token(run % CLIENTS)}"},
                    )
                    if reply.status_code != 200 or len(reply.json()["committed"]) != 10:
                        failed.append(f"{run}: {reply.status_code} {reply.text[:200]}")

        threads = [threading.Thread(target=deliver, args=(one,)) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in both:
            assert one.end(signal.SIGTERM) == 0
    stored = stored_ids(url)
    sent = {record.result_id for records in batches for record in records}
    case(
        "C4",
        "the same batch to two collectors on one PostgreSQL at once",
        runs=RUNS,
        lost=len(sent - set(stored)),
        duplicates=len(stored) - len(set(stored)),
        other=f"rows {len(stored)}, ids {len(sent)}, refused {len(failed)}",
    )
    assert failed == []
    assert sorted(stored) == sorted(sent)


def test_two_collectors_that_judge_at_once_agree(new_database: Any, case: Case) -> None:
    """Results come in while two judge what is marked: at the end each verdict is that of all."""
    url = new_database()
    prepare(url, CLIENTS)
    stores = [create_store(url) for _ in range(2)]
    criteria = load_criteria(resources.default_criteria())
    calendars = load_calendars(resources.default_calendar())
    stop = threading.Event()
    judged: list[int] = []
    failed: list[StoreError] = []

    def judge(store: Store) -> None:
        while not stop.is_set():
            try:
                judged.append(judge_dirty(store, criteria, calendars, now=START))
            except StoreError as error:
                failed.append(error)

    threads = [threading.Thread(target=judge, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for number in range(200):
        stores[number % 2].submit(_batch(f"batch {number}", 5, number * 1000)).result(60)
    while stores[0].dirty_weeks():
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    saved = stores[0].verdicts("2026-W20", simulated=False)
    fresh = judge_weeks(stores[0], criteria, calendars, [("A1", "2026-W20", False)])
    for store in stores:
        store.close()
    case(
        "C4",
        "two collectors judge the same weeks at once",
        runs=len(judged),
        other=f"weeks judged {sum(judged)}, errors {len(failed)}, verdicts as of one judge",
    )
    assert failed == []
    assert list(saved.values()) == fresh
    assert fresh[0].runs > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_of_the_database_loses_nothing_acknowledged(case: Case) -> None:
    """On 100 MB: 200 until it is full, then 507 or 503, never anything else; then room again."""
    disk = Path(tempfile.mkdtemp(prefix="hakaru-disk-", dir="/var/tmp"))  # others may enter there
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(disk)], check=True)
    ballast = disk / "ballast"
    acknowledged: list[str] = []
    statuses: list[int] = []
    try:
        small = ("min_wal_size=4MB", "max_wal_size=8MB", "shared_buffers=4MB")
        disk.chmod(0o755)  # the server runs as somebody else
        with Cluster(parent=disk, settings=small, initdb=["--wal-segsize=1"]) as cluster:
            url = cluster.new_database()
            prepare(url, CLIENTS)
            free = shutil.disk_usage(disk).free
            ballast.write_bytes(bytes(free - 12_000_000))
            with collectors(url, 1) as (collector,), httpx.Client(trust_env=False) as client:
                chance, after = random.Random(5), 0
                for number in range(4000):
                    records = [measurement(0, number * 100 + n, chance) for n in range(100)]
                    reply = client.post(
                        f"http://127.0.0.1:{collector.port}/v1/measurements",
                        content=encode_batch(map(encode, records)),
                        headers={"Authorization": f"Bearer {token(0)}"},
                        timeout=60,
                    )
                    statuses.append(reply.status_code)
                    if reply.status_code == 200:
                        acknowledged += reply.json()["committed"]
                        after += not ballast.exists()
                    elif ballast.exists() and len(statuses) - statuses.count(200) == 20:
                        ballast.unlink()
                        if not cluster.is_up():  # no room for its log: it has ended itself
                            cluster.stop(signal.SIGQUIT)
                            cluster.start()
                    if after == 5:
                        break
                assert collector.end(signal.SIGTERM) == 0
            stored = stored_ids(url)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        disk.rmdir()
    case(
        "C1",
        "the database's disk full (PostgreSQL)",
        runs=len(statuses),
        lost=len(set(acknowledged) - set(stored)),
        duplicates=len(stored) - len(set(stored)),
        other=", ".join(f"{count} x {status}" for status, count in Counter(statuses).items()),
    )
    assert set(statuses) <= {200, 503, 507}
    assert len(statuses) - statuses.count(200) >= 20, "it was full: 507, or 503 where its log was"
    assert after == 5, "took up again when there was room"
    assert set(acknowledged) <= set(stored)


_CHANCE = random.Random(9)


def _batch(name: str, size: int, first: int = 0) -> Batch:
    rows = [
        NewRow(
            result_id=uuid4(_CHANCE.getrandbits(128)),
            agent_id=uuid4(1),
            school_code="A1",
            stream="stream",
            seq=number,
            probe="throughput",
            target=name,
            segment=None,
            started_at=START + timedelta(seconds=first + number),
            outcome="ok",
            failure_code=None,
            failure_text=None,
            download_bps=5e8,
            upload_bps=None,
            cross_traffic_during_bps=None,
            appliance_ceiling_bps=None,
            agent_version="0.1.0",
            simulated=False,
            record=b'{"raw": true}',
        )
        for number in range(size)
    ]
    return Batch(uuid4(1), START + timedelta(days=5), rows)
