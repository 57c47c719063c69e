"""Who is plugged in where: infrastructure by name, everything else only as a number. Pure.

LLDP and CDP are spoken by switches, routers and access points, but also by pupils' devices. Of a
neighbour that says that it forwards for others (bridge, router, access point, repeater) the system
name, the port and the platform are kept; of all others nothing but their number. No address and no
chassis id is kept of anybody.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.snmp import oids
from agent.snmp.text import line, number
from agent.snmp.values import Kind, Oid, Value
from agent.snmp.walk import Rows

MOST_NEIGHBOURS: Final = 200
_LLDP_ROLES: Final = {1: "repeater", 2: "bridge", 3: "access_point", 4: "router"}
"""Bits of LldpSystemCapabilitiesMap, from the most significant of the first byte."""
_CDP_ROLES: Final = {
    0x01: "router",
    0x02: "bridge",
    0x04: "bridge",
    0x08: "bridge",
    0x40: "repeater",
}
_MAC_KIND: Final = 3
"""LldpPortIdSubtype macAddress: such a port id is an identifier of a device."""
_LOCAL_KINDS: Final = (1, 5, 7)
"""interfaceAlias, interfaceName, local."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A device of the infrastructure on a port."""

    port: str
    """Here."""
    name: str | None
    """Its system name, as it says."""
    remote_port: str | None
    platform: str | None
    roles: tuple[str, ...]
    protocol: str
    """``lldp`` or ``cdp``."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """All that a device sees."""

    infrastructure: tuple[Neighbour, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    """Number of other neighbours by port here."""


def parse_neighbours(
    local: Rows, remote: Rows, cdp: Rows, port_names: Mapping[int, str]
) -> Neighbours:
    """Make them of the tables. ``port_names``: by ifIndex."""
    found: dict[tuple[str, str | None], Neighbour] = {}
    others: Counter[str] = Counter()
    for index, row in sorted(remote.items()):
        if len(index) != 3:  # time mark, local port, remote index
            continue
        port = _local_port(index[1], local, port_names)
        roles = _lldp_roles(row.get(oids.LLDP_REMOTE["capabilities"]))
        if not roles:
            others[port] += 1
            continue
        name = line(row.get(oids.LLDP_REMOTE["name"]))
        remote_port = _remote_port(row)
        found[port, name] = Neighbour(
            port=port, name=name, remote_port=remote_port, platform=None, roles=roles,
            protocol="lldp",
        )  # fmt: skip
    for index, row in sorted(cdp.items()):
        if len(index) != 2:  # ifIndex, device index
            continue
        port = port_names.get(index[0], f"#{index[0]}")
        roles = _cdp_roles(row.get(oids.CDP["capabilities"]))
        if not roles:
            others[port] += 1
            continue
        name = line(row.get(oids.CDP["name"]))
        if (port, name) in found or any(one.port == port for one in found.values()):
            continue  # LLDP told of it
        found[port, name] = Neighbour(
            port=port, name=name, remote_port=line(row.get(oids.CDP["port"])),
            platform=line(row.get(oids.CDP["platform"])), roles=roles, protocol="cdp",
        )  # fmt: skip
    return Neighbours(tuple(found.values())[:MOST_NEIGHBOURS], dict(others))


def _local_port(number_here: int, local: Rows, port_names: Mapping[int, str]) -> str:
    """Name a port of lldpLocPortTable; many devices number it as ifIndex, some do not."""
    row = local.get((number_here,), {})
    kind = number(row.get(oids.LLDP_LOCAL["id_kind"]))
    told = line(row.get(oids.LLDP_LOCAL["id"])) if kind in _LOCAL_KINDS else None
    names = set(port_names.values())
    description = line(row.get(oids.LLDP_LOCAL["description"]))
    for name in (told, description):
        if name is not None and name in names:
            return name
    return port_names.get(number_here) or description or told or f"#{number_here}"


def _remote_port(row: Mapping[Oid, Value]) -> str | None:
    kind = number(row.get(oids.LLDP_REMOTE["port_kind"]))
    told = line(row.get(oids.LLDP_REMOTE["port"])) if kind in _LOCAL_KINDS else None
    return told or line(row.get(oids.LLDP_REMOTE["port_description"]))


def _lldp_roles(value: Value | None) -> tuple[str, ...]:
    if value is None or not isinstance(value.data, bytes) or not value.data:
        return ()
    bits = value.data[0]
    return tuple(role for place, role in _LLDP_ROLES.items() if bits & 0x80 >> place)


def _cdp_roles(value: Value | None) -> tuple[str, ...]:
    if value is None or value.kind is not Kind.STRING or not isinstance(value.data, bytes):
        return ()
    bits = int.from_bytes(value.data[-4:], "big")
    return tuple(dict.fromkeys(role for bit, role in _CDP_ROLES.items() if bits & bit))
