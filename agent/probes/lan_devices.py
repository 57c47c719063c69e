"""How many devices are in the appliance's own network, and which addresses two of them claim.

Every address of the subnet is asked for by ARP, at a bounded rate, only with an approval of the
school. Values: counts and shares alone, see docs/methods.md. Link addresses are hashed as they are
read, under a key of the appliance; neither they nor the hashes leave it.
"""

import ipaddress
import secrets
from collections.abc import Mapping
from typing import Final

from agent.failure import MeasurementFailed
from agent.lan import devices
from agent.lan.arp import only_within
from agent.lan.interface import Interface, chosen
from agent.lan.leave import MOST_PACKETS_PER_SECOND, Leave, need_leave
from agent.lan.options import INTERFACE, TARGET, refused
from agent.lan.packet_socket import ETHERTYPE_ARP, PacketSocket
from agent.lan.sweep import SHORTEST_PREFIX, Books, addresses, sweep
from agent.probes import Findings, Progress, Report, Request
from agent.target import parse_lan
from wire.failure import FailureCode, Operation
from wire.measurement import Json
from wire.options import Option, resolve

FORM: Final = "lan"
__all__ = ["FORM", "OPTIONS", "TARGET", "probe"]
OPTIONS: Final[Mapping[str, Option]] = {
    "interface": INTERFACE,
    "network": Option(
        type=str,
        default=None,
        help="part of its subnet to look at, such as 192.0.2.0/24; by default all of it",
    ),
    "packets_per_second": Option(
        type=int,
        default=50,
        minimum=1,
        maximum=MOST_PACKETS_PER_SECOND,
        help="requests a second; agent.toml may allow fewer",
    ),
}
LAST_SECONDS: Final = 1.0
"""Of the deadline, for the table."""


def probe(request: Request, report: Report) -> Findings:
    """Sweep the network. See the module for what is found."""
    options = resolve(OPTIONS, request.options)
    parse_lan(request.target)
    started = request.clock.monotonic_seconds()
    ends_at = started + request.deadline_seconds - LAST_SECONDS
    interface = chosen(options["interface"])
    network = _range(interface, str(options["network"] or ""))
    leave = need_leave("lan_devices", interface, request.clock.now(), network)
    rate = min(int(str(options["packets_per_second"])), leave.packets_per_second)
    key = devices.load_key(leave.directory, leave.school, secrets.token_bytes)
    books = Books(hashed=devices.hasher(key), own_address=interface.address)
    wanted = addresses(network, request.random)

    def tick(count: int) -> None:
        if count % rate == 0:
            report(
                Progress(
                    phase="sweep",
                    elapsed_seconds=request.clock.monotonic_seconds() - started,
                    total_seconds=request.deadline_seconds,
                    text=f"{count} of {len(wanted)} addresses",
                )
            )

    steps = only_within(network.network_address, int(network.netmask))
    with PacketSocket(interface.name, ETHERTYPE_ARP, steps) as frames:
        sweep(
            frames,
            interface,
            books,
            wanted,
            per_second=rate,
            ends_at=ends_at,
            clock=request.clock,
            tick=tick,
        )
    return Findings(
        values=_figures(books, len(wanted), leave, request),
        context={
            "method": (
                f"ARP requests at {rate} a second, who did not answer asked twice; devices are "
                "counted by link address, hashed under a key of this appliance"
            ),
            "approval_number": leave.approval_number,
            "prefix_bits": network.prefixlen,
            "packets_per_second": rate,
        },
    )


def _figures(books: Books, addresses_count: int, leave: Leave, request: Request) -> dict[str, Json]:
    found = books.devices
    table = devices.load_table(leave.directory)
    table, seen = devices.add(table, found, devices.day_of(request.clock.now()))
    devices.save_table(leave.directory, table)
    values: dict[str, Json] = {
        "devices_count": len(found),
        "answering_addresses_count": len(books.holders),
        "duplicate_addresses_count": books.duplicates_count,
        "own_address_conflict": books.own_address_conflict,
        "addresses_count": addresses_count,
        "swept_addresses_count": len(books.asked),
        "private_addresses_count": len(books.private),
        "devices_today_count": seen.today_count,
        "new_devices_count": seen.new_count,
        "returning_devices_count": seen.returning_count,
    }
    if found:
        values["known_ratio"] = seen.returning_count / len(found)
    return values


def _range(interface: Interface, given: str) -> ipaddress.IPv4Network:
    """The range to sweep. Raises :class:`MeasurementFailed`."""
    network = interface.network
    if given:
        try:
            network = ipaddress.IPv4Network(given)
        except ValueError:
            raise refused("network", given, "a range such as 192.0.2.0/24") from None
        if not network.subnet_of(interface.network):
            raise refused("network", given, f"a part of the subnet of {interface.name}")
    if network.prefixlen < SHORTEST_PREFIX:
        raise MeasurementFailed(
            FailureCode.UNSUPPORTED,
            Operation.PREPARE,
            f"the subnet is a /{network.prefixlen}, at most a /{SHORTEST_PREFIX} is swept: name a "
            "part of it with the option network",
        )
    return network
