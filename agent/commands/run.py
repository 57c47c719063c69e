"""hakaru-agent run: measure on schedule, keep results, deliver them."""

import argparse
import asyncio
import contextlib
import logging
import os
import random
import secrets
import signal
import sys
import threading
import traceback
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from agent import identity, status_file
from agent.appliance import APPLIANCE_FILE, Appliance
from agent.clock import Clock, SystemClock
from agent.clock_watch import CLOCK_FILE, ClockWatch
from agent.config import Config, ConfigRefused, load
from agent.context import Counters, InterfaceCounters
from agent.describe import one_line
from agent.failure import MeasurementFailed
from agent.heartbeat import Heart
from agent.identity import TOKEN_BYTES, Enrolment, Identity, TransportRefused
from agent.lan.keeper import LanKeeper
from agent.parts import Parts
from agent.push import Pusher, new_client
from agent.renewal import Renewal
from agent.runner import Runner
from agent.slot import SlotDesk
from agent.snmp.access import VARIABLE
from agent.snmp.wan import SnmpCounters
from agent.spool import Spool
from agent.state import (
    SPOOL_FILE,
    STATE_VARIABLE,
    StateTrouble,
    locked,
    prepare,
    state_directory,
)
from agent.status import earlier_delivery
from agent.steering import Steering
from agent.supervise import CHILD_COMMAND
from agent.surroundings import Surroundings, load_key
from agent.vitals import Vitals
from wire.ids import uuid4
from wire.measurement import Measurement

if TYPE_CHECKING:
    from agent import metrics

log: Final = logging.getLogger(__name__)

LEAVE_SECONDS: Final = 2.0
"""From the end of everything to the end of the process."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Example: hakaru-agent run --config /etc/hakaru/agent.toml"
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="agent.toml")
    parser.add_argument("--state", metavar="DIR", help="state directory (or HAKARU_STATE)")
    parser.add_argument(
        "--once",
        action="store_true",
        help="run each test once now, deliver everything, end (0: all delivered, 1: not)",
    )
    parser.add_argument(
        "--metrics",
        metavar="ADDRESS:PORT",
        help="answer a Prometheus there with the newest results, such as 127.0.0.1:9273",
    )
    parser.add_argument(
        "--metrics-open",
        action="store_true",
        help="let --metrics be an address that other machines reach",
    )
    parser.add_argument("--debug", action="store_true", help="log more")


def run(options: argparse.Namespace) -> int:
    """Run; exit 0 after a clean stop, 1 when it cannot run or deliver, 2 on bad configuration."""
    set_up_logging(debug=options.debug)
    try:
        config = load(options.config)
    except ConfigRefused as error:
        print(error, file=sys.stderr)
        return 2
    directory = state_directory(options.state or config.state_dir, os.environ, Path.home())
    watched = None
    if options.metrics is not None:
        from agent.metrics import (  # noqa: PLC0415 - its library takes memory only where asked for
            AddressRefused,
            Watched,
            parse_address,
        )

        try:
            watched = Watched(parse_address(options.metrics, is_open=options.metrics_open))
        except AddressRefused as error:
            print(error, file=sys.stderr)
            return 2
    return live(config, directory, once=options.once, watched=watched)


def live(
    config: Config,
    directory: Path,
    *,
    once: bool = False,
    command: Sequence[str] = CHILD_COMMAND,
    watched: "metrics.Watched | None" = None,
) -> int:
    """Hold the state directory and run until a signal, or once; give the exit code."""
    try:
        with locked(prepare(directory)):
            who = identity.load(directory)
            if who is None or who.active is None:
                print(f"not enrolled (state in {directory}): {identity.ADVICE}", file=sys.stderr)
                return 1
            os.environ[STATE_VARIABLE] = str(directory.resolve())  # for checks of the LAN
            with watched or contextlib.nullcontext(), _Leaving() as leaving:
                return asyncio.run(
                    leaving.after(
                        _run(config, who, directory, once=once, command=command, watched=watched)
                    )
                )
    except (StateTrouble, TransportRefused) as error:
        print(error, file=sys.stderr)
        return 1


class _Leaving:
    """Ends the process soon after all is kept, whatever a thread of it still waits for.

    The C library's resolver takes no limit of time: without a network it can keep its thread, and
    with it the end of the loop, for longer than a service manager waits.
    """

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    async def after(self, work: Coroutine[object, object, int]) -> int:
        """Do ``work``; from its end on, however it ends, :data:`LEAVE_SECONDS` are left."""
        try:
            code = await work
        except BaseException as error:
            self._count_down(1, error)
            raise
        self._count_down(code)
        return code

    def _count_down(self, code: int, error: BaseException | None = None) -> None:
        self._timer = threading.Timer(LEAVE_SECONDS, _leave, (code, error))
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _leave(code: int, error: BaseException | None) -> None:
    """End at once; an error is told here, since nobody else comes to it."""
    try:
        if error is not None:
            traceback.print_exception(error)
        sys.stdout.flush()
    finally:
        os._exit(code)


def set_up_logging(*, debug: bool) -> None:
    """Log lines for the journal on standard error; time is added by it.

    httpx and httpcore stay at WARNING also when debugging: httpcore's DEBUG lines hold the
    request's headers, and with them the token.
    """
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def _run(
    config: Config,
    who: Identity,
    directory: Path,
    *,
    once: bool,
    command: Sequence[str],
    watched: "metrics.Watched | None",
) -> int:
    clock, chance = SystemClock(), random.SystemRandom()
    assert who.active is not None
    spool = Spool(
        directory / SPOOL_FILE,
        agent_id=who.agent_id,
        clock=clock,
        random=chance,
        cap_bytes=config.cap_bytes,
    )
    try:
        async with new_client(config.push) as client:
            pusher = Pusher(spool, who.active, config.push, client, clock, chance)
            memory = status_file.folder_in_memory(directory)
            told = status_file.read(directory, memory)
            pusher.delivery = earlier_delivery(told, who.active.collector)
            watch = ClockWatch(
                clock,
                chance,
                directory / CLOCK_FILE,
                client=client,
                collector=who.active.collector,
                ntp_server=config.ntp_server,
            )
            pusher.dating = watch
            vitals = Vitals(
                clock=clock,
                life_id=uuid4(chance.getrandbits(128)),
                state_dir=directory,
                spool=spool,
                delivery=lambda: pusher.delivery,
                surroundings=Surroundings(_key_of_place(directory)),
                watch=watch,
            )
            steering = Steering(config, directory)
            vitals.policy = steering.report
            heart = Heart(vitals, who.active, client, clock, chance)
            lan = LanKeeper(directory, config.lan, who.active.school_code)
            heart.listeners.append(lan.hear)
            slots = SlotDesk(who.active, client, chance, config.slots)

            def use(enrolment: Enrolment) -> None:
                for sender in (pusher, heart, slots):
                    sender.use(enrolment)

            renewal = Renewal(
                directory, who, client, lambda: secrets.token_urlsafe(TOKEN_BYTES), use
            )
            heart.listeners.append(renewal.heard)
            heart.unauthorised = renewal.unauthorised
            runner = Runner(
                Parts(
                    config=config,
                    identity=who,
                    state_dir=directory,
                    memory_dir=memory,
                    spool=spool,
                    pusher=pusher,
                    clock=clock,
                    random=chance,
                    command=command,
                    watch=watch,
                    appliance=Appliance(directory / APPLIANCE_FILE, clock, chance),
                    counters=_counters(config, clock),
                    polling=None if config.snmp.access_file is None else config.snmp,
                    steering=steering,
                    slots=slots,
                    heart=heart,
                )
            )
            runner.agenda.on_new_day = lan.new_day
            pusher.on_change = heart.on_change = runner.write_status
            if watched is not None:
                watched.watch(runner)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, runner.stop)
            if once:
                return _ended(await runner.once(_show), spool)
            log.info("agent %s runs with %d tests", who.agent_id, len(steering.config.tests))
            await runner.run()
            log.info("stopped; %d results wait", spool.counts().waiting_count)
            return 0
    finally:
        spool.close()


def _key_of_place(directory: Path) -> bytes | None:
    """The key that hides where this appliance stands; None where none can be kept."""
    try:
        return load_key(directory, secrets.token_bytes)
    except OSError as error:
        log.warning("%s: %s; a move will not be noticed", directory, error.strerror)
        return None


def _counters(config: Config, clock: Clock) -> Counters | None:
    """Counters of the line, where the configuration names its interface or its router."""
    line = config.line
    if config.snmp.access_file is not None:
        os.environ[VARIABLE] = config.snmp.access_file  # for tests that read a router's counters
    if line.wan_interface is None:
        if line.wan_device is None or line.wan_port is None:
            return None
        return SnmpCounters(line.wan_device, line.wan_port, clock)
    try:
        return InterfaceCounters(line.wan_interface, clock.monotonic_seconds)
    except MeasurementFailed as error:
        log.warning("line.%s; no test is put off", error.failure.text)
        return None


def _ended(reason: str | None, spool: Spool) -> int:
    waiting = spool.counts().waiting_count
    if reason is None and waiting == 0:
        print("all delivered")
        return 0
    print(f"not all delivered, {waiting} wait: {reason or 'see the log'}", file=sys.stderr)
    return 1


def _show(result: Measurement) -> None:
    print(one_line(result), flush=True)
