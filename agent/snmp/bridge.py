"""Forwarding tables: how many addresses stand behind each port. Pure; no address is kept.

The few that the caller names itself (its own, its gateway's) are told their port.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.snmp import oids
from agent.snmp.text import number
from agent.snmp.values import Oid
from agent.snmp.walk import Rows

_LEARNED: Final = 3
_MAC_NUMBERS: Final = 6


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Numbers of learned addresses."""

    addresses_count: int | None = None
    """Different ones; None where the device has no such table."""
    by_interface: Mapping[int, int] = field(default_factory=dict)
    """By ifIndex."""
    found: Mapping[Oid, int] = field(default_factory=dict, repr=False)
    """ifIndex by address, of those that were sought and stand behind one port."""


def parse_forwarding(
    ports: Rows, plain: Rows, by_vlan: Rows, sought: Collection[Oid] = ()
) -> Forwarding:
    """Count. An address that is known in several VLANs counts once a port."""
    if not plain and not by_vlan:
        return Forwarding()
    interfaces = {
        index[0]: told
        for index, row in ports.items()
        if len(index) == 1 and (told := number(row.get(oids.BRIDGE_PORTS["interface"]))) is not None
    }
    seen: dict[int, set[Oid]] = defaultdict(set)
    everywhere: set[Oid] = set()
    for table, columns in ((plain, oids.FORWARDING), (by_vlan, oids.FORWARDING_VLAN)):
        for index, row in table.items():
            address = index[-_MAC_NUMBERS:]
            status = number(row.get(columns["status"]))
            port = number(row.get(columns["port"]))
            if len(address) != _MAC_NUMBERS or status not in (None, _LEARNED) or not port:
                continue
            everywhere.add(address)
            seen[interfaces.get(port, port)].add(address)
    places = {
        address: [port for port, behind in seen.items() if address in behind] for address in sought
    }
    return Forwarding(
        len(everywhere),
        {port: len(behind) for port, behind in seen.items()},
        {address: found[0] for address, found in places.items() if len(found) == 1},
    )
