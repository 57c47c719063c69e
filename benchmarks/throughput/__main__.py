"""The throughput engine beside iperf3, curl, httpx, speedtest-cli and the npm ndt7 client.

Three parts: speed (loopback and veth, nothing shaped), accuracy (shaped chains of namespaces with
a round trip), decisions (when a test ends, and verify at target). Everything but loopback needs
root for the namespaces. Traffic stays on this machine.

Examples: python -m benchmarks.throughput --quick
          python -m benchmarks.throughput --json figures.json
          python -m benchmarks.throughput --part decisions --lines 50 --questions 6 --seed 7 \
              --record courses.gz
          python -m benchmarks.throughput --part decisions --replay courses.gz
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.throughput import accuracy, recording, speed, stopping, table, verifying
from benchmarks.throughput.places import may_build

PARTS = ("speed", "accuracy", "decisions")
RATES_BPS = (10_000_000, 108_000_000, 834_000_000, 2_500_000_000)
MORE_BPS = (50_000_000, 323_000_000, 607_000_000)


def main() -> int:
    """Run the parts that were asked for."""
    options = _parse()
    record: dict[str, Any] = {"machine": table.machine(), "arguments": sys.argv[1:]}
    print(" ".join(f"{name}={value}" for name, value in record["machine"].items()))
    begin = time.monotonic()
    for part in options.part or PARTS:
        if part != "speed" and not may_build() and not (part == "decisions" and options.replay):
            print(f"{part}: not run, network namespaces need root (sudo make bench-throughput)")
            continue
        print(
            f"\n== {part}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True
        )
        record |= _RUN[part](options)
    print(f"\n{time.monotonic() - begin:.0f} s, load now {os.getloadavg()[0]:.1f}")
    if options.json:
        table.save(options.json, record)
    return 0


def _speed(options: argparse.Namespace) -> dict[str, Any]:
    plan = speed.Plan(
        rounds=options.rounds or (3 if options.full else 2),
        seconds=1 if options.quick else 3,
        flows=(1,) if options.quick else (1, 4),
        other_rounds=3 if options.full else 1,
        other_seconds=1 if options.quick else 2,
        long_places=("loopback", "veth") if options.full else () if options.quick else ("veth",),
    )
    return {"speed": speed.compare(plan)}


def _accuracy(options: argparse.Namespace) -> dict[str, Any]:
    rates = RATES_BPS[1:3] if options.quick else RATES_BPS
    plan = accuracy.Plan(
        rates_bps=sorted(rates + MORE_BPS) if options.full else rates,
        rtts_seconds=(0.02,) if options.quick else (0.0, 0.02),
        rounds=2 if options.full else 1,
        engines=accuracy.QUICK if options.quick else [engine for engine, _ in accuracy.ENGINES],
        long_everywhere=options.full,
    )
    return {"accuracy": accuracy.compare(plan)}


def _decisions(options: argparse.Namespace) -> dict[str, Any]:
    if options.replay:
        courses = recording.load(options.replay)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = options.record or Path(folder) / "courses.gz"
            recording.record(
                path,
                lines=options.lines or (3 if options.quick else 6),
                questions=options.questions or (2 if options.quick else 3),
                seed=options.seed,
                fastest_bps=options.fastest_mbps * 1e6,
                at_once=options.at_once,
            )
            courses = recording.load(path)
    return {"stop": stopping.score(courses), "verify": verifying.score(courses)}


_RUN = {"speed": _speed, "accuracy": _accuracy, "decisions": _decisions}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--full", action="store_true", help="all rates, everything everywhere")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; repeatable")
    parser.add_argument("--rounds", type=int, default=0, help="alternating rounds of speed")
    parser.add_argument("--lines", type=int, default=0, help="lines to record, two courses each")
    parser.add_argument("--questions", type=int, default=0, help="of verify on each line")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn lines")
    parser.add_argument(
        "--fastest-mbps", type=float, default=300.0,
        help="fastest drawn line; a busy machine needs less (default 300)",
    )  # fmt: skip
    parser.add_argument("--at-once", type=int, default=3, help="lines recorded at a time")
    parser.add_argument("--record", type=Path, help="keep what was recorded in this file")
    parser.add_argument("--replay", type=Path, help="replay the rules on this file, record nothing")
    parser.add_argument("--json", type=Path, help="write all figures here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
