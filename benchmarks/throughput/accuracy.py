"""Shaped lines of known rate: the error of each program's figure.

The truth is rate x 1448 / 1514: what a token bucket counts is the Ethernet frame without preamble
and checksum, and of 1514 bytes of a full frame 1448 are TCP payload.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.throughput.engines import (
    HTTPX,
    IPERF3,
    IPERF3_OMIT,
    NDT7_JS,
    OURS,
    SPEEDTEST,
    Engine,
)
from benchmarks.throughput.places import Place, shaped
from benchmarks.throughput.process import RunFailed
from benchmarks.throughput.table import show
from tests.lab.netns import GOODPUT_RATIO

WAYS = ("download", "upload")
FLOWS = 4
SLOW_BPS = 200_000_000
"""Lines up to this are measured beside each other: they leave the processors idle."""
FAST_BPS = 1_000_000_000
"""On faster ones the slowest programs run only where everything does."""
ENGINES: Sequence[tuple[Engine, float]] = (
    (OURS, 2), (IPERF3, 2), (IPERF3_OMIT, 5), (HTTPX, 2), (SPEEDTEST, 2), (NDT7_JS, 10),
)  # fmt: skip
QUICK = (OURS, IPERF3)
LONG = (IPERF3_OMIT, SPEEDTEST, NDT7_JS)


@dataclass(frozen=True)
class Plan:
    """Which lines, and whether everything runs everywhere."""

    rates_bps: Sequence[int]
    rtts_seconds: Sequence[float]
    rounds: int
    engines: Sequence[Engine]
    long_everywhere: bool
    """Otherwise, above SLOW_BPS, the slowest programs run over the longest round trip only."""


def compare(plan: Plan) -> list[dict[str, Any]]:
    """Run, print, give the figures."""
    lines = [(rate, rtt) for rate in plan.rates_bps for rtt in plan.rtts_seconds]
    slow = [line for line in lines if line[0] <= SLOW_BPS]
    with ThreadPoolExecutor(4) as pool:
        found = [row for rows in pool.map(lambda line: _line(plan, *line), slow) for row in rows]
    for line in lines:
        if line not in slow:
            found += _line(plan, *line)
    _print(found)
    return found


def _line(plan: Plan, rate_bps: int, rtt_seconds: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    everything = (
        plan.long_everywhere
        or rate_bps <= SLOW_BPS
        or (rate_bps <= FAST_BPS and rtt_seconds == max(plan.rtts_seconds))
    )
    with shaped(rate_bps, rtt_seconds) as place:
        for way in WAYS:
            for engine, seconds in ENGINES:
                if engine not in plan.engines or (engine in LONG and not everything):
                    continue
                rounds = 1 if engine in LONG else plan.rounds
                errors, trouble = _errors(engine, place, way, seconds, rate_bps, rounds)
                found.append({
                    "rate_bps": rate_bps, "rtt_seconds": rtt_seconds, "way": way,
                    "engine": engine.name, "errors": errors, "trouble": trouble,
                })  # fmt: skip
    return found


def _errors(
    engine: Engine, place: Place, way: str, seconds: float, rate_bps: int, rounds: int
) -> tuple[list[float], str | None]:
    errors, trouble = [], None
    for _ in range(rounds):
        try:
            found = engine.test(place, way, seconds, FLOWS)
        except (RunFailed, ValueError, KeyError, ZeroDivisionError) as error:
            trouble = f"{type(error).__name__} {error}"[:60]
            continue
        errors.append(found.rate_bps / (rate_bps * GOODPUT_RATIO) - 1)
    return errors, trouble


def _print(found: Sequence[dict[str, Any]]) -> None:
    engines = [
        engine.name for engine, _ in ENGINES if any(x["engine"] == engine.name for x in found)
    ]
    cells = {(x["rate_bps"], x["rtt_seconds"], x["way"], x["engine"]): x for x in found}
    lines = list(dict.fromkeys((x["rate_bps"], x["rtt_seconds"], x["way"]) for x in found))
    rows = [
        [f"{rate / 1e6:g}", f"{rtt * 1000:g}", way,
         *(_cell(cells.get((rate, rtt, way, name))) for name in engines)]
        for rate, rtt, way in lines
    ]  # fmt: skip
    show(
        f"Error in per cent of the true TCP goodput ({FLOWS} flows; ndt7 1; each round)",
        ("Mbit/s", "RTT ms", "way", *engines),
        rows,
    )
    for engine, seconds in ENGINES:
        if engine.name in engines:
            print(f"  {engine.name}, {seconds:g} s: {engine.counts}")


def _cell(item: dict[str, Any] | None) -> str:
    if item is None:
        return "-"
    if not item["errors"]:
        return str(item["trouble"])[:24]
    return " ".join(f"{error:+.1%}" for error in item["errors"]).replace("%", "")
