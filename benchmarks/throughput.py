#!/usr/bin/env python3
"""Our throughput engine and iperf3, alternating on the same path: rate and CPU per byte.

Paths: loopback, and a veth pair between two network namespaces (as root). CPU is user plus
system time of each side's process over its whole run (start-up and both ends of the test
included, on both programs), by bytes that crossed. Every number is a median over the rounds;
ratios are of ours to iperf3's in the same round.

Example: benchmarks/throughput.py --rounds 3 --seconds 4 --flows 1
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.lab.netns import Link, chain

AGENT = (sys.executable, "-m", "agent.cli")


@dataclass(frozen=True)
class Place:
    """Where client and server run, and the server's address."""

    name: str
    client: tuple[str, ...]
    server: tuple[str, ...]
    address: str


@dataclass(frozen=True)
class Run:
    """One test of one program in one direction."""

    rate_bps: float
    total_bytes: float
    client_cpu_seconds: float
    server_cpu_seconds: float

    def per_gigabyte(self) -> tuple[float, float]:
        """CPU seconds per 1e9 bytes: client, server."""
        size = self.total_bytes / 1e9
        return self.client_cpu_seconds / size, self.server_cpu_seconds / size


def cpu_of(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a process; its own user and system time, in seconds."""
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def run_pair(
    server: Sequence[str], client: Sequence[str], *, stop: bool
) -> tuple[bytes, float, float]:
    """Start a server, run a client against it; output and CPU seconds of client and server."""
    with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as far:
        time.sleep(0.8)
        with subprocess.Popen(client, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as near:
            assert near.stdout is not None
            output = near.stdout.read()
            near_cpu = cpu_of(near)
        if stop:
            far.terminate()
        far_cpu = cpu_of(far)
    return output, near_cpu, far_cpu


def ours(place: Place, way: str, seconds: int, flows: int) -> Run:
    """Measure with this project."""
    output, near, far = run_pair(
        [*place.server, *AGENT, "responder", "--listen", f"{place.address}:5999", "--open"],
        [*place.client, *AGENT, "measure", "throughput", "--target", f"{place.address}:5999",
         "--seconds", str(seconds), "--flows", str(flows), "--direction", way, "--json"],
        stop=True,
    )  # fmt: skip
    values = json.loads(output)["values"]
    return Run(values[f"{way}_bps"], values[f"{way}_bytes"], near, far)


def iperf3(place: Place, way: str, seconds: int, flows: int) -> Run:
    """Measure with iperf3."""
    reverse = ["-R"] if way == "download" else []
    output, near, far = run_pair(
        [*place.server, "iperf3", "-s", "-1", "-B", place.address, "-p", "5998"],
        [*place.client, "iperf3", "-c", place.address, "-p", "5998", "-t", str(seconds),
         "-P", str(flows), "-J", *reverse],
        stop=False,
    )  # fmt: skip
    received = json.loads(output)["end"]["sum_received"]
    return Run(received["bits_per_second"], received["bytes"], near, far)


@contextlib.contextmanager
def places() -> Iterator[list[Place]]:
    """Loopback, and where possible a veth pair."""
    found = [Place("loopback", (), (), "127.0.0.1")]
    if os.geteuid() != 0:
        yield found
        return
    with chain([Link()]) as (near, far):
        yield [*found, Place("veth", tuple(near.command()), tuple(far.command()), far.address)]


def show(place: Place, way: str, pairs: Sequence[tuple[Run, Run]]) -> None:
    """Print medians and ratios of one path and direction."""
    print(f"{place.name} {way}, {len(pairs)} rounds")
    for name, runs in (
        ("hakaru", [own for own, _ in pairs]),
        ("iperf3", [peer for _, peer in pairs]),
    ):
        rate = median(run.rate_bps for run in runs) / 1e9
        client, server = (median(run.per_gigabyte()[side] for run in runs) for side in (0, 1))
        print(f"  {name}: {rate:6.2f} Gbit/s, client {client:.3f}, server {server:.3f} CPU s/GB")
    rates = [own.rate_bps / peer.rate_bps for own, peer in pairs]
    costs = [sum(own.per_gigabyte()) / sum(peer.per_gigabyte()) for own, peer in pairs]
    print(
        f"  ratio: rate {median(rates):.2f} ({min(rates):.2f}-{max(rates):.2f}), "
        f"CPU per byte of both sides {median(costs):.2f} ({min(costs):.2f}-{max(costs):.2f})",
        flush=True,
    )


def main() -> int:
    """Run the rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--flows", type=int, default=1)
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with places() as where:
        for place in where:
            for way in ("download", "upload"):
                pairs = [
                    (
                        ours(place, way, options.seconds, options.flows),
                        iperf3(place, way, options.seconds, options.flows),
                    )
                    for _ in range(options.rounds)
                ]
                show(place, way, pairs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
