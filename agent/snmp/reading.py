"""What is asked of a device: everything now and then, counters in between.

Forwarding and ARP tables are counted and dropped at once; of them a reading has numbers, and the
names of the ports behind which this appliance, its gateway and devices of the access file stand.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agent.snmp import equipment, oids, profiles
from agent.snmp.bridge import Forwarding, parse_forwarding
from agent.snmp.client import Client
from agent.snmp.counters import Count, Moment
from agent.snmp.equipment import Part, PowerOverEthernet, System
from agent.snmp.interfaces import NOT_PHYSICAL, Port, parse_ports
from agent.snmp.limits import Trouble
from agent.snmp.neighbours import Neighbours, parse_neighbours
from agent.snmp.place import NOWHERE, Here, Place, place, read_wan, sought
from agent.snmp.profiles import Figure, Profile
from agent.snmp.text import number
from agent.snmp.values import Kind, Oid, Value
from agent.snmp.walk import Rows

MOST_POLLED_PORTS: Final = 128
POLLED: Final = (
    "in_octets",
    "out_octets",
    "in_packets",
    "out_packets",
    "in_errors",
    "out_errors",
    "in_discards",
    "out_discards",
)
_MOST_ADDRESSES: Final = 4_096
Figures = Mapping[Figure, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counters of one moment."""

    moment: Moment
    ports: Mapping[int, Port]
    """By ifIndex."""
    figures: Figures
    identity: tuple[Oid | None, str | None]
    """sysObjectID and system name: another pair is another device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that a device said."""

    sample: Sample
    system: System
    profile: Profile | None
    ports: tuple[Port, ...]
    neighbours: Neighbours
    forwarding: Forwarding
    power: PowerOverEthernet | None
    parts: tuple[Part, ...]
    vlans_count: int | None
    arp_count: int | None
    topology_changes: Count | None
    place: Place = field(default_factory=Place)
    troubles: frozenset[Trouble] = field(default_factory=frozenset)
    questions_count: int = 0


async def read_all(client: Client, known: Sequence[Profile], here: Here = NOWHERE) -> Reading:
    """Read everything. Raises :class:`~agent.failure.MeasurementFailed` for a silent device.

    The most useful comes first: where time runs out, the rest is missing and
    :attr:`Reading.troubles` says so.
    """
    at_seconds = client.moment_seconds
    system = equipment.parse_system(await client.get(oids.SYSTEM.values()))
    profile = profiles.match(known, system.object_id, system.description)
    plain = await client.table(tuple(oids.INTERFACES.values()))
    more = await client.table(tuple(oids.INTERFACES_MORE.values()))
    figures = await _figures(client, profile)
    ethernet = await client.table(tuple(oids.ETHERNET.values()))
    mau = await client.table(tuple(oids.MAU.values()))
    ports, troubles = parse_ports(plain, more, ethernet, mau)
    names = {port.index: port.name for port in ports}
    neighbours = parse_neighbours(
        await client.table(tuple(oids.LLDP_LOCAL.values())),
        await client.table(tuple(oids.LLDP_REMOTE.values())),
        await client.table(tuple(oids.CDP.values())),
        names,
    )
    power = equipment.parse_power(
        await client.table(tuple(oids.POWER.values())),
        await client.table(tuple(oids.POWER_PORTS.values())),
    )
    parts = await _parts(client)
    tree = await client.get(oids.SPANNING_TREE.values())
    changes = number(tree.get(oids.SPANNING_TREE["changes"]), Kind.COUNTER32)
    vlans = await client.table(tuple(oids.VLANS.values()), _MOST_ADDRESSES)
    forwarding = await _forwarding(client, sought(here))
    wan = await read_wan(client, ports)
    arp = await client.table(tuple(oids.ARP.values()), _MOST_ADDRESSES)
    sample = Sample(
        moment=Moment(at_seconds, system.uptime_ticks),
        ports={port.index: port for port in ports},
        figures=figures,
        identity=(system.object_id, system.name),
    )
    return Reading(
        sample=sample,
        system=system,
        profile=profile,
        ports=ports,
        neighbours=neighbours,
        forwarding=replace(forwarding, found={}),
        power=power,
        parts=parts,
        vlans_count=len(vlans) or None,
        arp_count=len(arp) or None,
        topology_changes=None if changes is None else Count(changes, 32),
        place=place(here, forwarding.found, ports, wan),
        troubles=frozenset(client.troubles | troubles),
        questions_count=client.questions_count,
    )


async def read_counters(client: Client, before: Reading) -> Sample:
    """Read counters of ports that were up, by known OIDs. Raises as :func:`read_all` does."""
    at_seconds = client.moment_seconds
    chosen = polled_ports(before.ports)
    wanted = [*oids.SYSTEM.values()]
    for port in chosen:
        wanted.append((*oids.INTERFACES["oper"], port.index))
        wanted += ((*port.sources[name], port.index) for name in POLLED if name in port.sources)
        if port.discontinuity_ticks is not None:
            wanted.append((*oids.INTERFACES_MORE["discontinuity"], port.index))
    found = await client.get(wanted)
    system = equipment.parse_system(found)
    return Sample(
        moment=Moment(at_seconds, system.uptime_ticks),
        ports={port.index: _anew(port, found) for port in chosen},
        figures=await _figures(client, before.profile),
        identity=(system.object_id, system.name),
    )


async def reread(client: Client, port: Port, names: Sequence[str]) -> dict[str, Count]:
    """Read some counters of one port anew. Raises as :func:`read_all` does."""
    found = await client.get([(*port.sources[name], port.index) for name in names])
    anew = _anew(port, found).counts
    return {name: anew[name] for name in names if name in anew}


def polled_ports(ports: Sequence[Port]) -> list[Port]:
    """Choose ports to poll: those that are up, with a plug first; of what remains the first."""
    up = [port for port in ports if port.is_up and port.counts]
    plugs = [port for port in up if port.is_ethernet]
    others = [port for port in up if not port.is_ethernet and port.type not in NOT_PHYSICAL[:2]]
    return (plugs + others)[:MOST_POLLED_PORTS]


def _anew(port: Port, found: Mapping[Oid, Value]) -> Port:
    counts = {}
    for name in POLLED:
        source = port.sources.get(name)
        if source is None:
            continue
        before = port.counts[name]
        kind = Kind.COUNTER64 if before.bits == 64 else Kind.COUNTER32
        value = found.get((*source, port.index))
        if value is not None and value.kind is kind and isinstance(value.data, int):
            counts[name] = Count(value.data, before.bits)
    oper = number(found.get((*oids.INTERFACES["oper"], port.index)), Kind.INTEGER)
    discontinuity = found.get((*oids.INTERFACES_MORE["discontinuity"], port.index))
    return replace(
        port,
        counts=counts,
        state=port.state if oper is None else ("up" if oper == 1 else "down"),
        discontinuity_ticks=number(discontinuity),
    )


async def _figures(client: Client, profile: Profile | None) -> Figures:
    """Ask what the profile names, and of the processor and memory what every host may tell."""
    found: dict[Figure, float | int | str] = {}
    if profile is not None and profile.entries:
        scalars = await client.get(profile.scalars()) if profile.scalars() else {}
        columns = profile.columns()
        rows: Rows = await client.table(columns, _MOST_ADDRESSES) if columns else {}
        found = profiles.figures(profile, scalars, rows)
    if Figure.CPU_RATIO not in found:
        load = equipment.processor_ratio(await client.table(tuple(oids.PROCESSORS.values())))
        found |= {} if load is None else {Figure.CPU_RATIO: load}
    if Figure.MEMORY_RATIO not in found:
        memory = equipment.memory_ratio(await client.table(tuple(oids.STORAGE.values())))
        found |= {} if memory is None else {Figure.MEMORY_RATIO: memory}
    return found


async def _parts(client: Client) -> tuple[Part, ...]:
    indices = equipment.wanted_parts(await client.table((oids.ENTITY_CLASS,)))
    wanted = [(*column, *index) for index in indices for column in oids.ENTITY.values()]
    return equipment.parse_parts(await client.get(wanted), indices) if wanted else ()


async def _forwarding(client: Client, wanted: Collection[Oid]) -> Forwarding:
    ports = await client.table(tuple(oids.BRIDGE_PORTS.values()))
    by_vlan = await client.table(tuple(oids.FORWARDING_VLAN.values()), _MOST_ADDRESSES)
    plain: Rows = {}
    if not by_vlan:
        plain = await client.table(tuple(oids.FORWARDING.values()), _MOST_ADDRESSES)
    return parse_forwarding(ports, plain, by_vlan, wanted)
