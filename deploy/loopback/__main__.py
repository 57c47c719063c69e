"""``make stack``: start the services from packages, say where they are, stop them cleanly."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from collector.clock import Clock, SystemClock
from collector.demo.processes import INTERRUPTS
from deploy.loopback import compose, configs, health, programs, real_test, shown
from deploy.loopback.places import Places, Unplaced
from deploy.loopback.running import Running, StackFailed
from deploy.loopback.starting import Starter

HEALTH_SECONDS: Final = 150.0
LOOK_SECONDS: Final = 2.0
LOG_OF_FAILED: Final = Path("/tmp")  # noqa: S108 - only the place of a folder with a random name


class Interrupted(Exception):
    """SIGTERM or Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: well, or stopped by a person; 1: something failed; 2: not begun."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.loopback",
        description="Run the services of docker-compose.yml from Debian packages on loopback, with "
        "84 simulated agents, until Ctrl-C. For trying out: nothing is kept.",
        epilog="Example: python -m deploy.loopback --once (make stack ONCE=1)",
    )
    parser.add_argument(
        "--once", action="store_true", help="look whether each is well, say so, stop everything"
    )
    parser.add_argument(
        "--offset", type=int, default=0, metavar="N", help="add N to every port (default 0)"
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.offset <= 40_000:
        parser.error(f"--offset: found {options.offset}, allowed is 0 to 40000")
    folder = Path(tempfile.mkdtemp(prefix="hakaru-stack-", dir=LOG_OF_FAILED))
    places = Places(folder, options.offset)
    wrong = [*programs.missing(), *programs.taken(places)]
    if wrong:
        print("\n".join(["nothing was started:", *wrong]), file=sys.stderr)
        shutil.rmtree(folder)
        return 2
    try:
        code = _run(places, SystemClock(), once=options.once)
    except (StackFailed, Unplaced, OSError) as error:
        print(f"{error}\nlogs are left in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return code


def _run(places: Places, clock: Clock, *, once: bool) -> int:
    begun = clock.monotonic_seconds()

    def say(line: str) -> None:
        print(f"{clock.monotonic_seconds() - begun:5.1f} s  {line}", flush=True)

    configs.lay(places)
    _say_releases()
    for number in INTERRUPTS:
        signal.signal(number, _interrupt)
    code = 0
    try:
        with Running(places.folder, clock) as running:
            Starter(running, places, clock, say).start_all()
            print("\n".join(["", *shown.addresses(places), ""]), flush=True)
            if once:
                code = _look(running, places, clock, begun)
            else:
                collector = str(Path(sys.executable).parent / "hakaru-collector")
                print(shown.account(collector, compose.environment("collector", places)))
                print("everything runs until Ctrl-C; logs are in", places.folder, flush=True)
                while True:
                    running.wait(3600)
    except Interrupted:
        print(flush=True)
    left = list(programs.taken(places))
    for line in left:
        print(f"still there after the end: {line}", file=sys.stderr)
    say("everything is stopped")
    return 1 if left else code


def _look(running: Running, places: Places, clock: Clock, begun: float) -> int:
    """Ask every service until all are well or the time is up; print the table."""
    ends = clock.monotonic_seconds() + HEALTH_SECONDS
    wanted = int(places.settings()["HAKARU_DEMO_AGENTS"])
    tried = real_test.RealTest(running, places)
    open_checks = list(health.checks(places, wanted, tried.measure))
    order = [(check.service, check.what) for check in open_checks]
    seen: dict[tuple[str, str], tuple[bool, str]] = {}
    while open_checks:
        for check in list(open_checks):
            found = health.look(check)
            seen[check.service, check.what] = found
            if found[0]:
                open_checks.remove(check)
        if not open_checks or clock.monotonic_seconds() > ends:
            break
        running.wait(LOOK_SECONDS)
    rows = [("service", "looked at", "well", "seen")]
    for key in order:
        well, what = seen[key]
        rows.append((*key, "yes" if well else "NO", what))
    print("\n".join(shown.table(rows)), flush=True)
    took = clock.monotonic_seconds() - begun
    print(f"\n{len(order) - len(open_checks)} of {len(order)} well after {took:.0f} s", flush=True)
    if open_checks:
        for name in sorted({check.service for check in open_checks} & set(running.names())):
            print(f"--- {name}:\n{running.tail(name)}", file=sys.stderr)
    return 1 if open_checks else 0


def _say_releases() -> None:
    """Which release of which package runs, and how it differs from the pinned image."""
    pinned = compose.pinned()
    rows = [("service", "package", "release", "against docker-compose.yml")]
    for service, program in programs.PROGRAMS.items():
        here = programs.version(service)
        rows.append((service, program.package, here, programs.difference(here, pinned[service])))
    for service, why in programs.LEFT_OUT.items():
        rows.append((service, "-", "-", f"image: {pinned[service]}; left out: it {why}"))
    print("\n".join([*shown.table(rows), ""]), flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted


if __name__ == "__main__":
    sys.exit(main())
