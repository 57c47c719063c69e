"""hakaru-agent doctor: say what this appliance can and cannot measure, and what to do about it."""

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Final

from agent import doctor, identity
from agent.appliance import cpu_times, loopback_bps, loopback_result, processors, utilisation_ratio
from agent.clock import Clock, SystemClock
from agent.clock_watch import ClockWatch
from agent.config import Config, ConfigRefused, load
from agent.doctor import Line
from agent.failure import MeasurementFailed
from agent.identity import Enrolment
from agent.network_card import Card, card_towards
from agent.push import PushSettings, new_client
from agent.spool import DEFAULT_CAP_BYTES
from agent.stamp.quality import clock_quality
from agent.state import SPOOL_FILE, StateTrouble, state_directory
from agent.supervise import supervise
from wire.failure import Outcome
from wire.planning.planned import Planned

LOOK_SECONDS: Final = 1.0
REACH_SECONDS: Final = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Exit 0, or 1 where a line says fail. Stop the agent first for a true ceiling. "
        "Example: hakaru-agent doctor --target responder.example:4443 --required-mbps 323"
    )
    parser.add_argument("--target", metavar="HOST:PORT", help="responder to reach")
    parser.add_argument(
        "--required-mbps", type=_rate, metavar="N", help="required speed of the school (Mbit/s)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="agent.toml: target, spool, time server"
    )
    parser.add_argument("--state", metavar="DIR", help="state directory (or HAKARU_STATE)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    """Examine; exit 0, 1 where something fails, 2 on bad configuration or target."""
    try:
        config = None if options.config is None else load(options.config)
        target = options.target or _target(config)
        card = None if target is None else card_towards(target)
    except ConfigRefused as error:
        print(error, file=sys.stderr)
        return 2
    except MeasurementFailed as error:
        print(f"--{error.failure.text}", file=sys.stderr)
        return 2
    lines = examine(
        config, target, card, options.state, None if not options.required_mbps
        else options.required_mbps * 1e6,
    )  # fmt: skip
    if options.json:
        whole = {"ok": not doctor.exit_code(lines), "lines": [asdict(line) for line in lines]}
        print(json.dumps(whole, ensure_ascii=False, indent=2))
    else:
        print(doctor.describe(lines))
    return doctor.exit_code(lines)


def examine(
    config: Config | None,
    target: str | None,
    card: Card | None,
    state: str | None,
    required_bps: float | None,
) -> list[Line]:
    """Look at everything; takes about five seconds, bounded by the time-outs of each look."""
    system, chance = SystemClock(), random.SystemRandom()
    place = state_directory(
        state or (None if config is None else config.state_dir), os.environ, Path.home()
    )
    before = cpu_times()
    threading.Event().wait(LOOK_SECONDS)
    busy = utilisation_ratio(before, cpu_times())
    try:
        who = identity.load(place)
    except StateTrouble:
        who = None
    active = None if who is None else who.active
    watch, reached = asyncio.run(_ask(system, chance, config, active))
    found = loopback_result(system, chance, threading.Event())
    return [
        _privileges(),
        doctor.clock(watch.standing_now(), kernel_synchronised=clock_quality().synchronised),
        doctor.link(card, target),
        doctor.processor(processors(), busy),
        doctor.memory(_available_bytes()),
        _disk(place, DEFAULT_CAP_BYTES if config is None else config.cap_bytes),
        doctor.ceiling(
            loopback_bps(found),
            card,
            required_bps,
            found if isinstance(found, str) else str(found.failure or ""),
        ),
        doctor.reach(
            "collector",
            None if active is None else active.collector,
            reached,
            "" if active is None else f" for school {active.school_code or '?'}",
        ),
        _responder(target, system, chance),
    ]


async def _ask(
    system: Clock, chance: random.Random, config: Config | None, active: Enrolment | None
) -> tuple[ClockWatch, str | None]:
    """Compare clocks with the collector, which also shows whether it can be reached."""
    settings = PushSettings() if config is None else config.push
    async with new_client(settings) as client:
        watch = ClockWatch(
            system,
            chance,
            client=client,
            collector=None if active is None else active.collector,
            ntp_server=None if config is None else config.ntp_server,
        )
        await watch.check()
        return watch, watch.collector_trouble


def _privileges() -> Line:
    def opens(kind: int) -> bool:
        try:
            with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP):
                return True
        except OSError:
            return False

    try:
        text = Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii")
    except OSError:
        text = ""
    return doctor.privileges(
        datagram=opens(socket.SOCK_DGRAM),
        raw=opens(socket.SOCK_RAW),
        group_range=" ".join(text.split()),
    )


def _available_bytes() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


def _disk(place: Path, cap_bytes: int) -> Line:
    existing = next((each for each in (place, *place.parents) if each.is_dir()), Path("/"))
    try:
        free = shutil.disk_usage(existing).free if os.access(existing, os.W_OK) else None
        used = (place / SPOOL_FILE).stat().st_size if (place / SPOOL_FILE).exists() else 0
    except OSError:
        free, used = None, 0
    return doctor.disk(free, used, cap_bytes, str(place))


def _responder(target: str | None, system: Clock, chance: random.Random) -> Line:
    """Connect to the responder; no load is put on the line."""
    if target is None:
        return doctor.reach("responder", None, None)
    planned = Planned(
        probe="tcp_connect",
        target=target,
        options={"count": 1},
        deadline_seconds=REACH_SECONDS,
    )
    result = supervise(planned, system, chance, threading.Event())
    failure = None if result.outcome is Outcome.OK else str(result.failure)
    return doctor.reach("responder", target, failure)


def _target(config: Config | None) -> str | None:
    tests = () if config is None else config.tests
    return next((planned.target for planned in tests if planned.probe == "throughput"), None)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1e6:
        raise argparse.ArgumentTypeError(f"found {text[:20]!r}, allowed is Mbit/s above 0")
    return rate
