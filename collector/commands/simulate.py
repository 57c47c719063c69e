"""``hakaru-collector simulate``: a fleet of agents that do not exist, at a collector."""

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from collector.clock import SystemClock
from collector.commands.common import (
    DATABASE_VARIABLE,
    FAILED,
    OK,
    BadArguments,
    add_database,
    open_store,
    reporting,
)
from collector.simulate.agent import Delivery
from collector.simulate.enrolling import EnrolmentFailed, check_count, make_codes
from collector.simulate.fleet import Fleet, Plan, Summary, with_database
from collector.simulate.life import Habits
from collector.simulate.tally import Outage
from collector.store.interface import Store
from collector.store.sql import Sql

MINUTE_SECONDS: Final = 60.0


def configure(command: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    command.epilog = (
        "Example: hakaru-collector simulate --collector http://127.0.0.1:8080 --agents 84 "
        "--minutes 60 --outage 10+30 --skip-idle --database sqlite:///trial.db. "
        "Results are marked as simulated and never counted among measured ones."
    )
    command.add_argument("--collector", required=True, metavar="URL", help="where to deliver")
    add_database(command)
    command.add_argument(
        "--codes",
        type=Path,
        metavar="FILE",
        help="one-time codes, one a line; default: made in the database of --database",
    )
    command.add_argument("--agents", type=_whole, default=84, metavar="N", help="default 84")
    command.add_argument("--seed", type=int, default=2026, help="same seed, same lives")
    command.add_argument("--minutes", type=_positive, default=60.0, help="simulated; default 60")
    command.add_argument(
        "--speed",
        type=_positive,
        default=1.0,
        metavar="X",
        help="simulated seconds in a real one (default 1); the collector is not accelerated, "
        "so it looks X times slower to the agents",
    )
    command.add_argument(
        "--skip-idle",
        action="store_true",
        help="jump over time in which no request is under way",
    )
    command.add_argument(
        "--outage",
        type=_outage,
        action="append",
        default=[],
        metavar="START+MINUTES",
        help="nobody reaches the centre for so long, from this minute on; may be repeated",
    )
    every = command.add_argument_group("how agents live")
    habits, delivery = Habits(), Delivery()
    every.add_argument(
        "--result-seconds",
        type=_positive,
        default=habits.result_seconds,
        help=f"mean time between two results of an agent (default {habits.result_seconds:g})",
    )
    every.add_argument(
        "--push-seconds",
        type=_positive,
        default=delivery.interval_seconds,
        help=f"pause between two deliveries (default {delivery.interval_seconds:g})",
    )
    every.add_argument(
        "--restart-hours", type=_not_negative, default=habits.restart_hours, help="0: none"
    )
    every.add_argument(
        "--line-lost-hours",
        type=_not_negative,
        default=habits.line_lost_hours,
        help="mean time between losses of a school's own line; 0: none",
    )
    every.add_argument("--no-heartbeats", action="store_true", help="deliver results only")
    command.add_argument("--json", action="store_true", help="the summary as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Simulate; exit code 1 where results were lost or stored twice, or still wait."""
    return reporting(lambda: _simulate(options))


def _simulate(options: argparse.Namespace) -> int:
    clock, plan = SystemClock(), _plan(options)
    store = open_store(options) if options.database or _environment_names_database() else None
    try:
        codes = _codes(options, store, clock)
        fleet = Fleet(plan, clock)
        try:
            summary = asyncio.run(fleet.run(codes, None if options.json else _progress))
        except EnrolmentFailed as error:
            print(error, file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return FAILED
        if store is not None:
            summary = with_database(summary, fleet.tally.made, _stored(store, fleet.tally.made))
    finally:
        if store is not None:
            store.close()
    if options.json:
        print(json.dumps(asdict(summary)))
    else:
        _show(summary, options)
    return FAILED if summary.waiting or summary.lost or summary.duplicates else OK


def _plan(options: argparse.Namespace) -> Plan:
    if not options.collector.startswith(("http://", "https://")):
        raise BadArguments(
            f"--collector: found {options.collector!r}, allowed is a URL such as "
            "http://127.0.0.1:8080"
        )
    return Plan(
        url=options.collector.rstrip("/"),
        agents=options.agents,
        seed=options.seed,
        length_seconds=options.minutes * MINUTE_SECONDS,
        speed=options.speed,
        skip_idle=options.skip_idle,
        habits=Habits(
            result_seconds=options.result_seconds,
            restart_hours=options.restart_hours,
            line_lost_hours=options.line_lost_hours,
        ),
        delivery=Delivery(interval_seconds=options.push_seconds),
        outages=tuple(options.outage),
        heartbeats=not options.no_heartbeats,
    )


def _environment_names_database() -> bool:
    return bool(os.environ.get(DATABASE_VARIABLE))


def _codes(options: argparse.Namespace, store: Store | None, clock: SystemClock) -> Sequence[str]:
    if options.codes is None:
        if store is None:
            raise BadArguments("no codes: give --codes FILE, or --database URL to have them made")
        return make_codes(store, options.agents, clock.now(), random.SystemRandom())
    try:
        lines: list[str] = options.codes.read_text(encoding="utf-8").split()
    except OSError as error:
        raise BadArguments(f"{options.codes}: {error.strerror}: name a readable file") from error
    try:
        check_count(lines, options.agents)
    except EnrolmentFailed as error:
        raise BadArguments(str(error)) from error
    return lines[: options.agents]


def _stored(store: Store, agents: Iterable[str]) -> list[str]:
    """Ids of the stored results of these agents."""
    ids = "SELECT result_id FROM result WHERE agent_id = ?"

    def question(sql: Sql) -> list[str]:
        return [row[0] for agent_id in agents for row in sql.execute(ids, (agent_id,))]

    return store.read(question)


def _progress(seconds: float, made: int, acknowledged: int, requests: int) -> None:
    print(
        f"\rminute {seconds / MINUTE_SECONDS:7.1f}: {made} made, {acknowledged} acknowledged, "
        f"{requests} requests ",
        end="",
        file=sys.stderr,
        flush=True,
    )


def _show(summary: Summary, options: argparse.Namespace) -> None:
    print(file=sys.stderr)
    skipped = ", idle time skipped" if options.skip_idle else ""
    print(
        f"{summary.agents} agents, {summary.simulated_seconds / MINUTE_SECONDS:.1f} minutes in "
        f"{summary.real_seconds:.1f} s (speed {options.speed:g}{skipped})"
    )
    print(
        f"results: {summary.made} made, {summary.acknowledged} acknowledged, "
        f"{summary.refused} refused, {summary.waiting} wait"
    )
    if summary.stored is not None:
        print(f"database: {summary.stored} stored, {summary.lost} lost, {summary.duplicates} twice")
    statuses = ", ".join(f"{name} {count}" for name, count in sorted(summary.statuses.items()))
    print(f"requests: {summary.requests} ({statuses}); heartbeats answered {summary.heartbeats}")
    print(f"lives: {summary.restarts} restarts, {summary.lines_lost} lines lost")
    if summary.latency_p50_seconds is not None:
        print(
            "latency (real): "
            f"p50 {summary.latency_p50_seconds * 1e3:.1f} ms, "
            f"p95 {(summary.latency_p95_seconds or 0) * 1e3:.1f} ms, "
            f"p99 {(summary.latency_p99_seconds or 0) * 1e3:.1f} ms"
        )
    for outage, back in zip(options.outage, summary.returns, strict=True):
        drained = (
            "not drained"
            if back.drained_within_seconds is None
            else f"backlog delivered within {back.drained_within_seconds:.0f} s"
        )
        ratio = "-" if back.peak_to_mean is None else f"{back.peak_to_mean:.2f}"
        print(
            f"return after minute {outage.end_seconds / MINUTE_SECONDS:g}: {back.requests} "
            f"requests in the first minute, peak/mean {ratio}, "
            f"{back.agents_with_backlog} agents with a backlog, {drained}"
        )


def _outage(text: str) -> Outage:
    start, plus, minutes = text.partition("+")
    try:
        begins, lasts = float(start) * MINUTE_SECONDS, float(minutes) * MINUTE_SECONDS
    except ValueError:
        plus, begins, lasts = "", 0.0, 0.0
    if not plus or not begins >= 0 or not lasts > 0:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed is START+MINUTES such as 10+30: from minute 10 for 30 minutes"
        )
    return Outage(begins, begins + lasts)


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is 1 to 100000")
    return int(text)


def _positive(text: str) -> float:
    value = _not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is a number above 0")
    return value


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed is a number from 0")
    return value
