"""Polling of the school's devices in a process of its own: an order in, reports out.

Started by :mod:`agent.snmp.polling` as ``python -m agent.snmp.child``. Its first line on standard
input says how often; the access file it reads itself, so no secret passes a pipe. Each line out is
one JSON object: ``{"polled": ADDRESS}`` after every turn, ``{"report": ADDRESS, ...}``, or
``{"refused": WHY}`` where nothing can be polled. It ends with its standard input.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, BinaryIO

from agent.clock import Clock, SystemClock
from agent.failure import MeasurementFailed
from agent.snmp import profiles
from agent.snmp.access import AccessFile
from agent.snmp.client import Client
from agent.snmp.exchange import Exchange
from agent.snmp.limits import Limits
from agent.snmp.pipes import leave, own_output, read_order, say
from agent.snmp.place import Here, Whereabouts
from agent.snmp.profiles import Profile
from agent.snmp.session import Engine, open_exchange, read_access
from agent.snmp.watching import Told, Watched


def main() -> int:
    """Poll until standard input ends."""
    out = own_output()
    order = read_order()
    try:
        file = read_access()
    except MeasurementFailed as error:
        say(out, {"refused": str(error.failure)})
        return 0
    asyncio.run(_poll(file, order, out))
    return 0


async def _poll(file: AccessFile, order: dict[str, Any], out: BinaryIO) -> None:
    limits, clock = Limits(device_seconds=order["device_seconds"]), SystemClock()
    at_once = asyncio.Semaphore(limits.devices_at_once)
    known, chance = profiles.load(), random.SystemRandom()
    count, whereabouts = max(1, len(file.devices)), Whereabouts(file.devices)
    async with asyncio.TaskGroup() as group:
        for place, address in enumerate(file.devices):
            exchange = open_exchange(Engine.DIRECT, file, address, limits, clock, chance)
            watched = _watched(address, exchange, known, limits, clock, whereabouts)
            delay = order["poll_seconds"] * place / count
            group.create_task(_watch(address, watched, exchange, order, delay, at_once, clock, out))


def _watched(
    address: str,
    exchange: Exchange,
    known: Sequence[Profile],
    limits: Limits,
    clock: Clock,
    whereabouts: Whereabouts,
) -> Watched:
    def look() -> Here:
        return whereabouts.look(address)

    return Watched(known, lambda: Client(exchange, limits, clock), look)


async def _watch(
    address: str,
    watched: Watched,
    exchange: Exchange,
    order: dict[str, Any],
    delay_seconds: float,
    at_once: asyncio.Semaphore,
    clock: Clock,
    out: BinaryIO,
) -> None:
    """Read at every turn on an absolute schedule; turns that were missed are left out."""
    step, report_seconds = order["poll_seconds"], order["report_seconds"]
    began = clock.monotonic_seconds()
    due, report_due = began + delay_seconds, began + delay_seconds + min(report_seconds, 2 * step)
    while True:
        await asyncio.sleep(max(0.0, due - clock.monotonic_seconds()))
        async with at_once:
            await watched.turn()
        exchange.engine_changed = False
        say(out, {"polled": address})
        now = clock.monotonic_seconds()
        if now >= report_due:
            say(out, {"report": address, **_told(watched.report(now))})
            report_due = now + report_seconds - step / 2
        due += step * max(1, 1 + int((now - due) // step))


def _told(told: Told) -> dict[str, Any]:
    failure = told.failure
    return {
        "values": told.values,
        "context": told.context,
        "seconds": told.seconds,
        "failure": None
        if failure is None
        else [failure.code.value, failure.operation.value, failure.text],
    }


if __name__ == "__main__":
    leave(main)
