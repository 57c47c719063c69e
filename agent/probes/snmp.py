"""What a device of the school says over SNMP: ports, errors, load, sessions, neighbours.

Two readings, ``seconds`` apart; rates and errors are of the time between. Communities and keys are
in a file of the appliance (docs/snmp.md) and go to addresses of their ranges only. Values: see
docs/methods.md; nothing in them identifies a pupil's device.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from agent.failure import MeasurementFailed
from agent.probes import Findings, Progress, Report, Request
from agent.resolve import resolve as resolve_name
from agent.snmp import profiles
from agent.snmp.client import Client
from agent.snmp.exchange import Exchange
from agent.snmp.limits import Limits
from agent.snmp.place import Here, Whereabouts
from agent.snmp.reading import Reading, read_all, read_counters
from agent.snmp.report import values
from agent.snmp.session import Engine, open_exchange, read_access
from agent.snmp.tally import Tally
from agent.target import parse_host
from wire.measurement import Json
from wire.options import Option, resolve

TARGET: Final = "HOST: a name or an address of a device in a range of the access file"
FORM: Final = "host"
OPTIONS: Final[Mapping[str, Option]] = {
    "seconds": Option(
        type=float,
        default=10.0,
        minimum=1,
        maximum=300,
        help="time between the two readings of the counters (seconds)",
    ),
    "timeout_seconds": Option(
        type=float,
        default=1.5,
        minimum=0.1,
        maximum=10,
        help="wait for one answer; asked twice, the second time twice as long (seconds)",
    ),
    "engine": Option(
        type=str,
        default=Engine.PYSNMP.value,
        choices=tuple(engine.value for engine in Engine),
        help="who speaks SNMP: pysnmp, or direct, which takes a fiftieth of the processor time",
    ),
    "family": Option(
        type=str, default="auto", choices=("auto", "4", "6"), help="IP version to use"
    ),
}


def probe(request: Request, report: Report) -> Findings:
    """Read ``request.target`` twice. Raises :class:`MeasurementFailed`."""
    options = resolve(OPTIONS, request.options)
    host = parse_host(request.target)
    file = read_access()
    address = str(resolve_name(host, str(options["family"]), request.deadline_seconds)[0])
    seconds, timeout = options["seconds"], options["timeout_seconds"]
    assert isinstance(seconds, float)
    assert isinstance(timeout, float)
    left = max(1.0, request.deadline_seconds - seconds - 4 * timeout)
    limits = Limits(pdu_seconds=timeout, device_seconds=min(Limits().device_seconds, left))
    exchange = open_exchange(
        Engine(str(options["engine"])), file, address, limits, request.clock, request.random
    )
    here = Whereabouts(file.devices).look(address)
    return asyncio.run(_read_and_close(exchange, limits, seconds, request, report, here))


async def _read_and_close(
    exchange: Exchange,
    limits: Limits,
    seconds: float,
    request: Request,
    report: Report,
    here: Here,
) -> Findings:
    try:
        return await _read_twice(exchange, limits, seconds, request, report, here)
    finally:
        exchange.close()


async def _read_twice(
    exchange: Exchange,
    limits: Limits,
    seconds: float,
    request: Request,
    report: Report,
    here: Here,
) -> Findings:
    tally = Tally()
    report(_progress("reading", 0.0, seconds))
    client = Client(exchange, limits, request.clock)
    reading = await read_all(client, profiles.load(), here)
    tally.take(reading.sample)
    context: dict[str, Json] = {
        "snmp_version": exchange.version.value,
        "questions_count": reading.questions_count,
        "method": "two readings of the counters; everything else from the first",
    }
    failure = await _again(exchange, limits, seconds, request, report, reading, tally)
    if failure is not None:
        context["second_reading_failure"] = str(failure.failure)
    if reading.troubles:
        context["troubles"] = " ".join(sorted(reading.troubles))
    return Findings(values=values(reading, tally), context=context)


async def _again(
    exchange: Exchange,
    limits: Limits,
    seconds: float,
    request: Request,
    report: Report,
    reading: Reading,
    tally: Tally,
) -> MeasurementFailed | None:
    """Read the counters once more after a while; give why that failed."""
    at = reading.sample.moment.at_seconds
    while (elapsed := request.clock.monotonic_seconds() - at) < seconds:
        report(_progress("waiting", elapsed, seconds))
        await asyncio.sleep(min(1.0, seconds - elapsed))
    try:
        tally.take(await read_counters(Client(exchange, limits, request.clock), reading))
    except MeasurementFailed as error:
        return error
    return None


def _progress(phase: str, elapsed: float, seconds: float) -> Progress:
    return Progress(phase=phase, elapsed_seconds=elapsed, total_seconds=seconds, text="")
