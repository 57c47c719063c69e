"""What taking results costs the collector: results per CPU-second of the serving process.

Batches of 50, gzip, over HTTP on loopback, each with a bearer token, every record checked, the
reply after COMMIT on a disk (WAL, synchronous=FULL). Judging runs beside it, as it does in use.

    python -m benchmarks.ingest [--database sqlite] [--batches 600] [--clients 16] [--drain]

Prints one JSON object. CPU time is the collector's own, user and system, all of its threads; with
``--database postgresql`` (a server is started for it) that of the database comes on top, as
``results_per_cpu_second_with_database``. With ``--drain`` it goes on until all that arrived is
judged and rolled up, which takes some minutes: the whole cost of a result, whenever it falls due.
"""

import argparse
import gzip
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from collector.rollup.rows import waiting
from collector.store import create_store
from tests.enrolled import START, prepare, token
from tests.postgres import Cluster
from wire.codec import encode
from wire.failure import Outcome
from wire.ids import uuid4
from wire.measurement import Measurement
from wire.messages import encode_batch


def main() -> None:
    """Serve, deliver, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--drain", action="store_true", help="count what is done afterwards too")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder))
        url, cluster = f"sqlite:///{folder}/benchmark.db", None
        if options.database == "postgresql":
            cluster = stack.enter_context(Cluster(durable=True, parent=options.folder))
            url = cluster.new_database()
        prepare(url, options.clients)
        bodies = [
            [
                body(client, number, options.batch_size)
                for number in range(options.batches // options.clients)
            ]
            for client in range(options.clients)
        ]
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "collector.cli", "serve"),
                *("--database", url, "--listen", "127.0.0.1:0"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stderr is not None
        try:
            line = server.stderr.readline()
            while " WARNING " in line:
                line = server.stderr.readline()
            assert line.startswith("listening on "), line
            port = int(line.rsplit(":", 1)[1])
            warm = body(0, 1_000_000, options.batch_size)
            deliver(port, 0, [warm], [])
            before = cluster.cpu_seconds() if cluster else 0.0
            ours = cpu_seconds(server.pid)
            found = measure(server.pid, port, bodies, options.batch_size)
            if options.drain:
                drain(url)
                cpu = cpu_seconds(server.pid) - ours
                found["cpu_microseconds_per_result_drained"] = round(
                    cpu / found["results"] * 1e6, 1
                )
            if cluster:
                cpu = cpu_seconds(server.pid) - ours + cluster.cpu_seconds() - before
                found["results_per_cpu_second_with_database"] = round(found["results"] / cpu)
            print(json.dumps({"database": options.database, **found}, indent=1))
        finally:
            server.terminate()
            server.wait(30)
            server.stderr.close()


def measure(pid: int, port: int, bodies: Sequence[Sequence[bytes]], size: int) -> dict[str, float]:
    """Deliver everything with one thread a client; give the figures."""
    latencies: list[float] = []
    threads = [
        threading.Thread(target=deliver, args=(port, client, batches, latencies))
        for client, batches in enumerate(bodies)
    ]
    loop, cpu, wall = loop_seconds(pid), cpu_seconds(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - wall
    loop, cpu = loop_seconds(pid) - loop, cpu_seconds(pid) - cpu
    results = size * sum(map(len, bodies))
    assert len(latencies) * size == results, "some batches were not acknowledged"
    latencies.sort()
    return {
        "results": results,
        "clients": len(bodies),
        "results_per_cpu_second": round(results / cpu),
        "cpu_microseconds_per_result": round(cpu / results * 1e6, 1),
        "of_it_event_loop_microseconds": round(loop / results * 1e6, 1),
        "results_per_second": round(results / wall),
        "batch_p50_ms": round(latencies[len(latencies) // 2] * 1e3, 1),
        "batch_p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 1),
    }


def deliver(port: int, client: int, batches: Sequence[bytes], latencies: list[float]) -> None:
    """Send batches one after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        "Authorization": f"Bearer {token(client)}",
        "Content-Encoding": "gzip",
        "Content-Type": "application/json",
    }
    for batch in batches:
        started = time.perf_counter()
        connection.request("POST", "/v1/measurements", batch, headers)
        reply = connection.getresponse()
        text = reply.read()
        assert reply.status == 200, text
        assert b'"quarantined":[]' in text, text
        latencies.append(time.perf_counter() - started)
    connection.close()


def drain(url: str) -> None:
    """Wait until nothing waits to be judged or rolled up."""
    store = create_store(url)
    ends = time.monotonic() + 600
    while store.dirty_weeks() or store.read(waiting):
        assert time.monotonic() < ends, "judging or rolling up does not come to an end"
        time.sleep(1)
    store.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    return _seconds(Path(f"/proc/{pid}/stat"))


def loop_seconds(pid: int) -> float:
    """Of its first thread alone, which runs the event loop."""
    return _seconds(Path(f"/proc/{pid}/task/{pid}/stat"))


def _seconds(path: Path) -> float:
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def body(client: int, number: int, size: int) -> bytes:
    """One gzip batch as an agent sends it."""
    chance = random.Random(client * 10_000_000 + number)
    return gzip.compress(
        encode_batch(encode(measurement(client, number * size + n, chance)) for n in range(size)),
        6,
    )


def measurement(client: int, seq: int, chance: random.Random) -> Measurement:
    """One throughput result with the fields a real one has."""
    return Measurement(
        result_id=uuid4(chance.getrandbits(128)),
        agent_id=uuid4(client + 1),
        stream=uuid4(client + 1000),
        seq=seq + 1,
        probe="throughput",
        target="centre.example:4443",
        segment="line",
        started_at=START + timedelta(seconds=seq % 400_000),
        boot_id=uuid4(client + 2000),
        monotonic_start_seconds=float(seq),
        duration_seconds=10.0 + chance.random(),
        outcome=Outcome.OK,
        values={
            "download_bps": chance.uniform(1e8, 9e8),
            "download_bytes": chance.randrange(1 << 30),
            "download_seconds": 10.0,
            "upload_bps": chance.uniform(1e8, 9e8),
            "upload_bytes": chance.randrange(1 << 30),
            "upload_seconds": 10.0,
            "flows_count": 4,
            "rtt_min_seconds": chance.uniform(0.002, 0.02),
            "retransmitted_ratio": chance.random() / 100,
            "method": "tcp goodput after warm-up",
        },
        context={
            "agent_version": "0.1.0",
            "cpu_ratio": chance.random(),
            "link_speed_bps": 1_000_000_000,
            "link_duplex": "full",
            "clock_offset_seconds": chance.uniform(-0.01, 0.01),
            "clock_source": "ntp",
            "cross_traffic_during_bps": chance.randrange(10_000_000),
            "appliance_ceiling_bps": 940_000_000,
        },
    )


if __name__ == "__main__":
    main()
