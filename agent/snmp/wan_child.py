"""Reads the counters of one port again and again: ``python -m agent.snmp.wan_child``.

The first line in names device, port and interval; every line out is one JSON object, in the end
``{"refused": WHY}``. It ends with its standard input.
"""

import asyncio
import random
from typing import Any, BinaryIO, Final

from agent import guard
from agent.clock import SystemClock
from agent.failure import MeasurementFailed
from agent.snmp import oids
from agent.snmp.client import Client
from agent.snmp.exchange import Exchange
from agent.snmp.interfaces import Port, parse_ports
from agent.snmp.limits import Limits
from agent.snmp.pipes import leave, own_output, read_order, say
from agent.snmp.reading import reread
from agent.snmp.session import Engine, open_exchange, read_access

NET_SNMP: Final = (1, 3, 6, 1, 4, 1, 8072)
ETHERNET_HEADERS: Final = 14 + 20 + 32
CHECK_BYTES: Final = 4
PPP_HEADERS: Final = 4 + 20 + 32
PPP_TYPE: Final = 23
NAMES: Final = ("in_octets", "in_packets", "out_octets", "out_packets")
MOST_FAILURES: Final = 3
_ROUND: Final = 1 << 32


def main() -> int:
    """Read until standard input ends."""
    out = own_output()
    guard.inherit()
    order = read_order()
    try:
        asyncio.run(_read(order, out))
    except MeasurementFailed as error:
        say(out, {"refused": str(error.failure)})
    return 0


async def _read(order: dict[str, Any], out: BinaryIO) -> None:
    limits, clock = Limits(pdu_seconds=1.0), SystemClock()
    file, chance = read_access(), random.SystemRandom()
    exchange = open_exchange(Engine.DIRECT, file, order["address"], limits, clock, chance)
    port, header_bytes = await _find(exchange, limits, order["port"])
    say(out, {"header_bytes": header_bytes, "speed_bps": port.speed_bps})
    whole = dict.fromkeys(NAMES, 0)
    last: dict[str, int] = {}
    due, failures = clock.monotonic_seconds(), 0
    while True:
        sent = clock.monotonic_seconds()
        try:
            found = await reread(Client(exchange, limits, clock), port, NAMES)
            failures = 0
        except MeasurementFailed:
            failures += 1
            if failures >= MOST_FAILURES:
                raise
            continue
        came = clock.monotonic_seconds()
        for name, count in found.items():
            rose = count.value - last.get(name, count.value)
            whole[name] += rose % _ROUND if count.bits == 32 else rose
            last[name] = count.value
        told = dict(zip(("in", "in_p", "out", "out_p"), whole.values(), strict=True))
        # a 64-bit counter that was reset makes the sum fall: whoever reads it sees that
        say(out, {"at_seconds": (sent + came) / 2, **told})
        due = max(due + order["interval_seconds"], came)
        await asyncio.sleep(due - clock.monotonic_seconds())


async def _find(exchange: Exchange, limits: Limits, wanted: str) -> tuple[Port, int]:
    """Find the port by name, alias, description or number; give it and what it counts of headers.

    Raises :class:`MeasurementFailed` where there is none, or where it does not count.
    """
    from wire.failure import FailureCode, Operation  # noqa: PLC0415 - only said here

    client = Client(exchange, limits, SystemClock())
    system = await client.get((oids.SYSTEM["object_id"],))
    plain = await client.table(tuple(oids.INTERFACES.values()))
    more = await client.table(tuple(oids.INTERFACES_MORE.values()))
    ports, _ = parse_ports(plain, more, {}, {})
    described = {
        index[0]: value.data.decode("utf-8", "replace")
        for index, row in plain.items()
        if (value := row.get(oids.INTERFACES["description"])) is not None
        and isinstance(value.data, bytes)
    }
    for port in ports:
        if wanted in (port.name, port.alias, str(port.index), described.get(port.index)):
            if not {"in_octets", "out_octets", "in_packets", "out_packets"} <= port.counts.keys():
                text = f"port {port.name} does not count octets and packets"
                raise MeasurementFailed(FailureCode.PROTOCOL_ERROR, Operation.PREPARE, text)
            identity = system.get(oids.SYSTEM["object_id"])
            linux = identity is not None and isinstance(identity.data, tuple)
            linux = linux and identity is not None and identity.data[:7] == NET_SNMP  # type: ignore[index] # a tuple
            return port, _headers(port, linux=linux)
    known = " ".join(port.name for port in ports)[:200]
    text = f"port: found {wanted[:40]!r}, allowed is one of {known}"
    raise MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)


def _headers(port: Port, *, linux: bool) -> int:
    """Headers that a port counts for each packet of TCP over IPv4.

    Ethernet ports count the check sequence too (RFC 3635 section 3.2.6); Linux does not see it.
    """
    if port.type == PPP_TYPE:
        return PPP_HEADERS
    return ETHERNET_HEADERS + (CHECK_BYTES if port.is_ethernet and not linux else 0)


if __name__ == "__main__":
    leave(main)
