"""Nothing shaped: rate, processor time by bytes and memory of ours and of others, in turn."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain as joined
from statistics import median
from typing import Any

from benchmarks.throughput.engines import IPERF3, NDT7_JS, OTHERS, OURS, Engine, Run
from benchmarks.throughput.places import LOOPBACK, Place, congestion_controls, may_build, veth
from benchmarks.throughput.process import RunFailed
from benchmarks.throughput.table import show, spread

WAYS = ("download", "upload")


@dataclass(frozen=True)
class Plan:
    """How much of it."""

    rounds: int
    seconds: float
    """Of ours and iperf3: start-up, 0.35 s of processor time at ours, should not weigh much."""
    flows: Sequence[int]
    other_rounds: int
    other_seconds: float
    long_places: Sequence[str]
    """Where the client that always takes ten seconds runs too."""


def compare(plan: Plan) -> list[dict[str, Any]]:
    """Run, print, give the figures."""
    found: list[dict[str, Any]] = []
    with ExitStack() as stack:
        places = [LOOPBACK]
        if may_build():
            places += [stack.enter_context(veth(name)) for name in congestion_controls()]
        else:
            print("not root: the veth pair is left out")
        print(f"loopback uses {congestion_controls()[-1]}")
        for place in places:
            for way in WAYS:
                for flows in plan.flows:
                    # others once: over loopback and over the first of the veth pairs
                    beside = OTHERS if flows == 1 and place in places[:2] else ()
                    found += list(_one(plan, place, way, flows, beside))
    _print(found)
    return found


def _one(
    plan: Plan, place: Place, way: str, flows: int, beside: Sequence[Engine]
) -> Iterator[dict[str, Any]]:
    runs: dict[str, list[Run]] = {}
    trouble: dict[str, str] = {}
    for number in range(plan.rounds):
        others = beside if number < plan.other_rounds else ()
        for engine in joined((OURS, IPERF3), others):
            short = place.name.partition(" ")[0]
            if engine is NDT7_JS and (number > 0 or short not in plan.long_places):
                trouble.setdefault(engine.name, "not run here: it takes ten seconds")
                continue
            seconds = plan.seconds if engine in (OURS, IPERF3) else plan.other_seconds
            _run(engine, place, way, seconds, flows, runs, trouble)
    for name in [*runs, *(name for name in trouble if name not in runs)]:
        yield {
            "place": place.name, "way": way, "flows": flows, "engine": name,
            "trouble": None if name in runs else trouble[name],
            "runs": [_record(run) for run in runs.get(name, [])],
        }  # fmt: skip


def _run(
    engine: Engine, place: Place, way: str, seconds: float, flows: int,
    runs: dict[str, list[Run]], trouble: dict[str, str],
) -> None:  # fmt: skip
    try:
        runs.setdefault(engine.name, []).append(engine.test(place, way, seconds, flows))
    except (RunFailed, ValueError, KeyError, ZeroDivisionError) as error:
        trouble[engine.name] = f"not run: {type(error).__name__} {error}"[:80]
        if not runs[engine.name]:
            del runs[engine.name]


def _record(run: Run) -> dict[str, float]:
    client, server = run.per_gigabyte()
    return {
        "rate_bps": run.rate_bps,
        "client_cpu_s_per_gb": client,
        "server_cpu_s_per_gb": server,
        "client_peak_bytes": run.client.peak_bytes,
        "server_peak_bytes": run.server.peak_bytes,
    }


def _print(found: Sequence[dict[str, Any]]) -> None:
    rows = []
    for item in found:
        where = (item["place"], item["way"], str(item["flows"]), item["engine"])
        if not item["runs"]:
            rows.append([*where, item["trouble"], "", "", "", ""])
            continue
        column = {name: [run[name] for run in item["runs"]] for name in item["runs"][0]}
        memory = [median(column[f"{side}_peak_bytes"]) / 1e6 for side in ("client", "server")]
        rows.append([
            *where,
            spread([rate / 1e9 for rate in column["rate_bps"]]),
            spread(column["client_cpu_s_per_gb"], "{:.3f}"),
            spread(column["server_cpu_s_per_gb"], "{:.3f}"),
            *(f"{size:.0f}" for size in memory),
        ])  # fmt: skip
    show(
        "Speed and cost, nothing shaped: median (least-most) over rounds",
        ("path", "way", "flows", "program", "Gbit/s", "client CPU s/GB", "server CPU s/GB",
         "client MB", "server MB"),
        rows,
    )  # fmt: skip
    show(
        "Ours to iperf3, round by round: median (least-most); aims: rate 1.5, CPU 0.6 / 0.8 upload",
        ("path", "way", "flows", "rate", "CPU by byte, both sides"),
        [list(row) for row in ratios(found)],
    )


def ratios(found: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Rows of ours to iperf3's in the same round."""
    by_key = {(x["place"], x["way"], x["flows"], x["engine"]): x["runs"] for x in found}
    for (place, way, flows, name), own in by_key.items():
        peer = by_key.get((place, way, flows, IPERF3.name))
        if name != OURS.name or not peer:
            continue
        pairs = list(zip(own, peer, strict=False))
        rate = [mine["rate_bps"] / its["rate_bps"] for mine, its in pairs]
        cost = [_both(mine) / _both(its) for mine, its in pairs]
        yield place, way, str(flows), spread(rate), spread(cost)


def _both(run: dict[str, float]) -> float:
    return run["client_cpu_s_per_gb"] + run["server_cpu_s_per_gb"]
