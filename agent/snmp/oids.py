"""Numbers of the public MIBs that are read. Each group names the document it is from."""

from typing import Final

from agent.snmp.values import Oid, parse_oid


def _columns(entry: str, **columns: int) -> dict[str, Oid]:
    return {name: (*parse_oid(entry), number) for name, number in columns.items()}


SYSTEM: Final = {  # SNMPv2-MIB, RFC 3418
    "description": parse_oid("1.3.6.1.2.1.1.1.0"),
    "object_id": parse_oid("1.3.6.1.2.1.1.2.0"),
    "uptime": parse_oid("1.3.6.1.2.1.1.3.0"),
    "name": parse_oid("1.3.6.1.2.1.1.5.0"),
}
UPTIME: Final = SYSTEM["uptime"]
INTERFACES: Final = _columns(  # IF-MIB ifTable, RFC 2863
    "1.3.6.1.2.1.2.2.1",
    description=2,
    type=3,
    mtu=4,
    speed=5,
    admin=7,
    oper=8,
    in_octets=10,
    in_unicast=11,
    in_discards=13,
    in_errors=14,
    out_octets=16,
    out_unicast=17,
    out_discards=19,
    out_errors=20,
)
INTERFACES_MORE: Final = _columns(  # IF-MIB ifXTable, RFC 2863
    "1.3.6.1.2.1.31.1.1.1",
    name=1,
    hc_in_octets=6,
    hc_in_unicast=7,
    hc_in_multicast=8,
    hc_in_broadcast=9,
    hc_out_octets=10,
    hc_out_unicast=11,
    hc_out_multicast=12,
    hc_out_broadcast=13,
    high_speed=15,
    alias=18,
    discontinuity=19,
)
ETHERNET: Final = _columns(  # EtherLike-MIB dot3StatsTable, RFC 3635
    "1.3.6.1.2.1.10.7.2.1", alignment_errors=2, check_errors=3, late_collisions=8, duplex=19
)
MAU: Final = _columns("1.3.6.1.2.1.26.2.1.1", type=3)  # MAU-MIB ifMauTable, RFC 4836
MAU_TYPES: Final = parse_oid("1.3.6.1.2.1.26.4")
LLDP_LOCAL: Final = _columns(  # LLDP-MIB lldpLocPortTable, IEEE 802.1AB-2005
    "1.0.8802.1.1.2.1.3.7.1", id_kind=2, id=3, description=4
)
LLDP_REMOTE: Final = _columns(  # LLDP-MIB lldpRemTable
    "1.0.8802.1.1.2.1.4.1.1",
    port_kind=6,
    port=7,
    port_description=8,
    name=9,
    capabilities=12,
)
CDP: Final = _columns(  # CISCO-CDP-MIB cdpCacheTable
    "1.3.6.1.4.1.9.9.23.1.2.1.1", name=6, port=7, platform=8, capabilities=9
)
BRIDGE_PORTS: Final = _columns("1.3.6.1.2.1.17.1.4.1", interface=2)  # BRIDGE-MIB, RFC 4188
FORWARDING: Final = _columns("1.3.6.1.2.1.17.4.3.1", port=2, status=3)  # dot1dTpFdbTable
FORWARDING_VLAN: Final = _columns(  # Q-BRIDGE-MIB dot1qTpFdbTable, RFC 4363
    "1.3.6.1.2.1.17.7.1.2.2.1", port=2, status=3
)
VLANS: Final = _columns("1.3.6.1.2.1.17.7.1.4.3.1", status=5)  # dot1qVlanStaticTable
SPANNING_TREE: Final = {  # BRIDGE-MIB dot1dStp
    "since_change": parse_oid("1.3.6.1.2.1.17.2.3.0"),
    "changes": parse_oid("1.3.6.1.2.1.17.2.4.0"),
}
ARP: Final = _columns("1.3.6.1.2.1.4.22.1", type=4)  # IP-MIB ipNetToMediaTable, RFC 4293
POWER: Final = _columns(  # POWER-ETHERNET-MIB pethMainPseTable, RFC 3621
    "1.3.6.1.2.1.105.1.3.1.1", power=2, state=3, used=4
)
POWER_PORTS: Final = _columns("1.3.6.1.2.1.105.1.1.1", detection=6)  # pethPsePortTable
ENTITY_CLASS: Final = parse_oid("1.3.6.1.2.1.47.1.1.1.1.5")  # ENTITY-MIB, RFC 6933
ENTITY: Final = _columns("1.3.6.1.2.1.47.1.1.1.1", description=2, software=10, model=13)
PROCESSORS: Final = _columns("1.3.6.1.2.1.25.3.3.1", load=2)  # HOST-RESOURCES-MIB, RFC 2790
STORAGE: Final = _columns("1.3.6.1.2.1.25.2.3.1", type=2, units=4, size=5, used=6)
STORAGE_RAM: Final = parse_oid("1.3.6.1.2.1.25.2.1.2")
DEFAULT_ROUTE: Final = {  # IP-FORWARD-MIB inetCidrRouteTable, RFC 4292: rows of 0.0.0.0/0 only
    name: (*parse_oid(f"1.3.6.1.2.1.4.24.7.1.{column}"), 1, 4, 0, 0, 0, 0, 0)
    for name, column in (("interface", 7), ("metric", 12))
}
DEFAULT_ROUTE_CIDR: Final = {  # ipCidrRouteTable, RFC 2096: destination and mask 0.0.0.0
    name: (*parse_oid(f"1.3.6.1.2.1.4.24.4.1.{column}"), 0, 0, 0, 0, 0, 0, 0, 0)
    for name, column in (("interface", 5), ("metric", 11))
}
DEFAULT_ROUTE_OLD: Final = {  # ipRouteTable, RFC 1213: destination 0.0.0.0
    name: (*parse_oid(f"1.3.6.1.2.1.4.21.1.{column}"), 0, 0, 0)
    for name, column in (("interface", 2), ("metric", 3))
}
"""One number short of the row, so that a walk finds it."""
STACK: Final = parse_oid("1.3.6.1.2.1.31.1.2.1.3")  # IF-MIB ifStackStatus: higher, lower
