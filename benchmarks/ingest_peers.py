"""Taking results: ours on both databases beside InfluxDB 1.x, VictoriaMetrics and Pushgateway.

The same results to each, batches of 50, over HTTP on loopback, one thread a client, each server by
turns in every round; the median of the rounds counts. Processor time is the server's own, the
database's included, all threads, not the clients'. Servers differ in what a power cut leaves after
the 2xx: the calls of fsync are counted (strace), and durable is compared with durable only.

    python -m benchmarks.ingest_peers [--rounds 5] [--batches 320] [--clients 16]

Prints a table and the ratios; ``--json`` for programs.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.peers import (
    InfluxDb,
    Ours,
    Peer,
    Pushgateway,
    Sender,
    VictoriaMetrics,
    batch_for,
    count_syncs,
    missing_programs,
)

PROBED = 20
"""Requests during which syncs are counted."""


@dataclass
class Figures:
    """Of one server; lists hold one entry a round."""

    name: str
    durability: str
    syncs_per_request: float = 0.0
    results_per_second: list[float] = field(default_factory=list)
    results_per_cpu_second: list[float] = field(default_factory=list)
    memory_bytes: int = 0

    @property
    def durable(self) -> bool:
        """By its own word, and borne out: it synced for every single request."""
        return self.durability.startswith("everything") and self.syncs_per_request >= 1


def main() -> None:
    """Start all, load by turns, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=320, help="of each server in a round")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if missing := missing_programs():
        raise SystemExit(f"not installed: {' '.join(missing)}: run make bench-ingest")
    peers: list[Peer] = [Ours("SQLite"), Ours("PostgreSQL"), InfluxDb()]
    peers += [VictoriaMetrics(), Pushgateway()]
    figures = [Figures(peer.name, peer.durability) for peer in peers]
    with ExitStack() as stack:
        for number, peer in enumerate(peers):
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder))
            Path(folder).chmod(0o755)
            stack.callback(peer.stop)
            peer.start(Path(folder), options.clients)
            work = [batch_for(peer, 0, 900_000 + n, options.batch_size) for n in range(PROBED)]
            sender = Sender(peer, 0)
            pids = process_tree(peer)
            figures[number].syncs_per_request = count_syncs(pids, work, sender) / PROBED
            sender.close()
        each = options.batches // options.clients
        for turn in range(options.rounds):
            for found, peer in zip(figures, peers, strict=True):
                batches = [
                    [
                        batch_for(peer, client, turn * each + n, options.batch_size)
                        for n in range(each)
                    ]
                    for client in range(options.clients)
                ]
                load(peer, batches, options.batch_size, found)
        for found, peer in zip(figures, peers, strict=True):
            found.memory_bytes = peer.memory_bytes()
    print(
        json.dumps([asdict(one) for one in figures], indent=1) if options.json else table(figures)
    )


def process_tree(peer: Peer) -> list[int]:
    """The server, and PostgreSQL where there is one."""
    pids = peer.pids()
    cluster = getattr(peer, "_cluster", None)
    if cluster is not None:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if command.startswith(b"postgres") or b"/postgres\0" in command:
                    pids.append(int(entry.name))
    return pids


def load(peer: Peer, batches: Sequence[Sequence[bytes]], size: int, found: Figures) -> None:
    """One turn of one server."""
    failed: list[BaseException] = []

    def deliver(client: int, mine: Sequence[bytes]) -> None:
        sender = Sender(peer, client)
        try:
            for one in mine:
                sender(one)
        except (AssertionError, OSError) as error:
            failed.append(error)
        finally:
            sender.close()

    threads = [
        threading.Thread(target=deliver, args=(client, mine)) for client, mine in enumerate(batches)
    ]
    cpu, wall = peer.cpu_seconds(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - wall
    time.sleep(0.5)  # what it does of this load a moment later is its cost too
    cpu = peer.cpu_seconds() - cpu
    if failed:
        raise SystemExit(f"{peer.name}: {failed[0]!r}")
    results = size * sum(map(len, batches))
    found.results_per_second.append(results / wall)
    found.results_per_cpu_second.append(results / max(cpu, 0.01))


def table(figures: Sequence[Figures]) -> str:
    """What was found, and ours by the others'."""
    lines = [
        f"{'':22}{'results/s':>11}{'results/CPU-s':>15}{'syncs/request':>15}{'MiB':>6}  durable"
    ]
    lines += [
        f"{one.name:22}{statistics.median(one.results_per_second):11,.0f}"
        f"{statistics.median(one.results_per_cpu_second):15,.0f}"
        f"{one.syncs_per_request:15.2f}{one.memory_bytes >> 20:6}  "
        f"{'yes' if one.durable else 'no'}: {one.durability}"
        for one in figures
    ]
    durable = [one for one in figures if one.durable]
    lines += [ratio(ours, other, durable) for ours in figures[:2] for other in figures[2:]]
    return "\n".join(lines)


def ratio(ours: Figures, other: Figures, durable: Sequence[Figures]) -> str:
    """Ours by the other's, round by round, or why they are not compared."""
    if other not in durable or ours not in durable:
        return f"{ours.name} / {other.name}: not compared, one of them is not durable"
    parts = []
    for what in ("results_per_cpu_second", "results_per_second"):
        by_round = [a / b for a, b in zip(getattr(ours, what), getattr(other, what), strict=True)]
        parts.append(
            f"{what} {statistics.median(by_round):.2f} ({min(by_round):.2f} to {max(by_round):.2f})"
        )
    return f"{ours.name} / {other.name}: {', '.join(parts)}"


if __name__ == "__main__":
    main()
