"""``hakaru-collector policy measure-now``: have a school's agent measure once."""

import argparse
import json
import random
import sys
import time
from typing import Final

from collector.clock import SystemClock
from collector.commands.common import FAILED, OK
from collector.operators.audit import cli_actor
from collector.policy import measure_now as asking
from collector.policy.change import Author
from collector.schools.model import School
from collector.store.interface import Store
from wire.measurement import Json
from wire.policy import read_command
from wire.probes import PROBES

POLL_SECONDS: Final = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--school", required=True, metavar="CODE", help="who measures")
    parser.add_argument("--probe", required=True, metavar="PROBE", help="what")
    parser.add_argument("--target", required=True, metavar="TARGET", help="towards what")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the probe; may be given often",
    )
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="for the result")


def measure_now(options: argparse.Namespace, store: Store, school: School) -> int:
    """Ask, and wait for the result where that is wanted; exit code 1 where there is none."""
    given = dict(_option(options.probe, one) for one in options.option)
    author = Author(cli_actor(), SystemClock().now())
    planned = read_command({"probe": options.probe, "target": options.target, "options": given})
    asked = asking.ask(store, school.code, planned, author, random.SystemRandom())
    print(f"command {asked.command_id}: the agent hears of it within a minute", flush=True)
    clock = SystemClock()
    until = clock.monotonic_seconds() + options.wait
    while options.wait and clock.monotonic_seconds() < until:
        stored = store.read(lambda sql: asking.find(sql, asked.command_id))
        result = None if stored is None else asking.result_of(store, stored)
        if result is not None:
            print(result.record.decode())
            return OK if result.outcome == "ok" else FAILED
        time.sleep(POLL_SECONDS)
    if not options.wait:
        return OK
    print(
        f"no result within {options.wait:g} s; it may still come: the policy page of the school "
        "shows it, or why there is none",
        file=sys.stderr,
    )
    return FAILED


def _option(probe: str, given: str) -> tuple[str, Json]:
    """Read NAME=VALUE: text where the probe's option is text, else JSON."""
    name, _, value = given.partition("=")
    option = PROBES[probe].options.get(name) if probe in PROBES else None
    if option is None or option.type is str:
        return name, value
    try:
        read: Json = json.loads(value)
    except ValueError:
        return name, value
    return name, read
