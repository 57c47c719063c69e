"""What storing results costs without HTTP: results per CPU-second of the writer alone.

Batches of 50 made beforehand go to ``store.submit``; each is durable when counted (SQLite: WAL,
synchronous=FULL; PostgreSQL: fsync and synchronous_commit on). Both databases by turns, the best
and the median of several rounds, since other work may share the machine.

    python -m benchmarks.writer [--rounds 5] [--batches 800] [--folder /var/tmp]

Prints one JSON object. ``ours`` is the CPU time of this process, ``all`` with that of PostgreSQL.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

from benchmarks.ingest import measurement
from collector.api.ingest import sort_out
from collector.store import create_store
from collector.store.interface import Agent, Batch
from tests.enrolled import START, prepare
from tests.postgres import Cluster
from wire.codec import encode
from wire.ids import uuid4
from wire.messages import encode_batch

CLIENTS = 16


def main() -> None:
    """Measure both databases by turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=800)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    options = parser.parse_args()
    made = batches(options.batches, options.batch_size)
    found: dict[str, list[tuple[float, float, float]]] = {"sqlite": [], "postgresql": []}
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        Cluster(durable=True, parent=options.folder) as cluster,
    ):
        for number in range(options.rounds):
            url = f"sqlite:///{folder}/{number}.db"
            found["sqlite"].append(store_all(url, made, lambda: 0.0))
            url = cluster.new_database()
            found["postgresql"].append(store_all(url, made, cluster.cpu_seconds))
            cluster.drop(url)
    results = options.batches * options.batch_size
    print(json.dumps({name: summary(results, rounds) for name, rounds in found.items()}, indent=1))


def store_all(
    url: str, made: Sequence[Batch], server_cpu: Callable[[], float]
) -> tuple[float, float, float]:
    """CPU seconds of ours, CPU seconds of the database server, seconds by the wall."""
    prepare(url, CLIENTS)
    store = create_store(url)
    store.submit(made[0]).result()
    waiting: list[Future[None]] = []
    ours, theirs, wall = time.process_time(), server_cpu(), time.perf_counter()
    for batch in made[1:]:
        waiting.append(store.submit(batch))
        if len(waiting) >= 256:
            waiting.pop(0).result()
    for future in waiting:
        future.result()
    figures = (
        time.process_time() - ours,
        server_cpu() - theirs,
        time.perf_counter() - wall,
    )
    assert store.counts()["result"] == sum(len(batch.rows) for batch in made)
    store.close()
    return figures


def batches(number: int, size: int) -> list[Batch]:
    """Batches as the ingest route makes them."""
    made = []
    for one in range(number):
        client = one % CLIENTS
        chance = random.Random(one)
        agent = Agent(
            agent_id=uuid4(client + 1),
            school_code="A1",
            enrolled_at=START,
            last_seen_at=None,
            agent_version=None,
        )
        first = one // CLIENTS * size
        records = [encode(measurement(client, first + n, chance)) for n in range(size)]
        found = sort_out(encode_batch(records), "", agent)
        assert not found.quarantine
        made.append(Batch(agent.agent_id, START + timedelta(days=6), found.rows))
    return made


def summary(results: int, rounds: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    """Results per CPU-second and per second."""
    return {
        "results": results,
        "results_per_cpu_second_ours_best": round(results / min(one[0] for one in rounds)),
        "results_per_cpu_second_ours_median": round(
            results / statistics.median(one[0] for one in rounds)
        ),
        "results_per_cpu_second_all_median": round(
            results / statistics.median(one[0] + one[1] for one in rounds)
        ),
        "results_per_second_median": round(results / statistics.median(one[2] for one in rounds)),
    }


if __name__ == "__main__":
    main()
