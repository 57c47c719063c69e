"""Ports of a device from IF-MIB, EtherLike-MIB and MAU-MIB. Pure.

What devices in the field get wrong is handled here: ifHighSpeed 0 on a port that is up, counters
of 32 bits only, ifXTable that lists other interfaces than ifTable, duplex 'unknown'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.snmp import oids
from agent.snmp.counters import Count
from agent.snmp.limits import Trouble
from agent.snmp.text import line, number
from agent.snmp.values import Kind, Oid, Value
from agent.snmp.walk import Rows

ETHERNET_TYPES: Final = (6, 62, 69, 117)
"""ethernetCsmacd and the obsolete fastEther, fastEtherFX, gigabitEthernet (IANAifType)."""
NOT_PHYSICAL: Final = (1, 24, 53, 131, 135, 136, 150, 161, 209)
"""other, softwareLoopback, propVirtual, tunnel, l2vlan, l3ipvlan, mplsTunnel, lag, bridge."""
_SPEED_MAX: Final = 4_294_967_295
_OPER: Final = {1: "up", 2: "down", 3: "testing", 5: "dormant", 6: "not_present", 7: "lower_down"}
_DUPLEX: Final = {2: "half", 3: "full"}
HALF_MAU: Final = frozenset((10, 12, 15, 17, 19, 21, 23, 25, 27, 29))
FULL_MAU: Final = frozenset((11, 13, 16, 18, 20, 22, 24, 26, 28, *range(30, 42), *range(44, 103)))
"""dot3MauType numbers by duplex (IANA-MAU-MIB); 10 Gbit/s and above know full only."""
WIDE: Final = {
    "in_octets": ("hc_in_octets", "in_octets"),
    "out_octets": ("hc_out_octets", "out_octets"),
    "in_packets": ("hc_in_unicast", "in_unicast"),
    "out_packets": ("hc_out_unicast", "out_unicast"),
}
"""Counters that have 64 bits in ifXTable and 32 in ifTable. Packets are those to one receiver."""
NARROW: Final = ("in_errors", "out_errors", "in_discards", "out_discards")
WIDE_ONLY: Final = {
    "in_broadcast": "hc_in_broadcast",
    "out_broadcast": "hc_out_broadcast",
    "in_multicast": "hc_in_multicast",
    "out_multicast": "hc_out_multicast",
}
ETHERNET_COUNTERS: Final = ("alignment_errors", "check_errors", "late_collisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One interface of a device."""

    index: int
    """ifIndex."""
    name: str
    alias: str | None = None
    type: int | None = None
    """IANAifType."""
    mtu_bytes: int | None = None
    speed_bps: int | None = None
    """None where the device does not say."""
    admin_up: bool | None = None
    state: str | None = None
    """ifOperStatus as a word."""
    duplex: str | None = None
    """``full`` or ``half``; None where the device says unknown or nothing."""
    counts: Mapping[str, Count] = field(default_factory=dict)
    sources: Mapping[str, Oid] = field(default_factory=dict)
    """Which column each count is from, for polling just that."""
    discontinuity_ticks: int | None = None

    @property
    def is_up(self) -> bool:
        """It carries traffic."""
        return self.state == "up"

    @property
    def is_ethernet(self) -> bool:
        """A port with a plug, as far as its type says."""
        return self.type in ETHERNET_TYPES


def parse_ports(
    interfaces: Rows, more: Rows, ethernet: Rows, mau: Rows
) -> tuple[tuple[Port, ...], set[Trouble]]:
    """Make ports of the tables, ordered by index."""
    troubles: set[Trouble] = set()
    known = {index for index in interfaces if len(index) == 1}
    extra = {index for index in more if len(index) == 1}
    if known and extra and known != extra:
        troubles.add(Trouble.TABLES_DIFFER)
    media = _media(mau)
    ports = []
    for index in sorted(known | extra):
        row = _Row(
            interfaces.get(index, {}), more.get(index, {}), ethernet.get(index, {}), troubles
        )
        ports.append(_port(index[0], row, media.get(index[0])))
    return tuple(ports), troubles


class _Row:
    """What the tables say of one interface."""

    def __init__(
        self,
        plain: Mapping[Oid, Value],
        more: Mapping[Oid, Value],
        ethernet: Mapping[Oid, Value],
        troubles: set[Trouble],
    ) -> None:
        self._plain, self._more, self._ethernet = plain, more, ethernet
        self._troubles = troubles

    def plain(self, name: str) -> Value | None:
        return self._plain.get(oids.INTERFACES[name])

    def more(self, name: str) -> Value | None:
        return self._more.get(oids.INTERFACES_MORE[name])

    def ethernet(self, name: str) -> Value | None:
        return self._ethernet.get(oids.ETHERNET[name])

    def count(self, value: Value | None, bits: int) -> Count | None:
        """Make a counter of a value; one of another type is none."""
        if value is None:
            return None
        kinds = (Kind.COUNTER64,) if bits == 64 else (Kind.COUNTER32, Kind.GAUGE32, Kind.INTEGER)
        if value.kind not in kinds or not isinstance(value.data, int) or value.data < 0:
            self._troubles.add(Trouble.WRONG_TYPE)
            return None
        return Count(value.data, bits)


def _port(index: int, row: _Row, medium: int | None) -> Port:
    oper = number(row.plain("oper"), Kind.INTEGER)
    admin = number(row.plain("admin"), Kind.INTEGER)
    counts, sources = _counts(row)
    discontinuity = number(row.more("discontinuity"), Kind.TICKS, Kind.GAUGE32, Kind.INTEGER)
    name = line(row.more("name")) or line(row.plain("description")) or f"#{index}"
    mtu = number(row.plain("mtu"), Kind.INTEGER)
    return Port(
        index=index,
        name=name,
        alias=line(row.more("alias")),
        type=number(row.plain("type"), Kind.INTEGER),
        mtu_bytes=mtu if mtu is not None and mtu > 0 else None,
        speed_bps=_speed_bps(row),
        admin_up=None if admin is None else admin == 1,
        state=None if oper is None else _OPER.get(oper, "unknown"),
        duplex=_duplex(row, medium),
        counts=counts,
        sources=sources,
        discontinuity_ticks=discontinuity,
    )


def _speed_bps(row: _Row) -> int | None:
    """Take ifHighSpeed (Mbit/s), unless it is 0 or ifSpeed is finer (RFC 2863 section 3.1.6)."""
    high = number(row.more("high_speed"), Kind.GAUGE32, Kind.INTEGER)
    low = number(row.plain("speed"), Kind.GAUGE32, Kind.INTEGER)
    if high is not None and high > 0:
        fine = low is not None and 0 < low < _SPEED_MAX and abs(low - high * 1_000_000) < 1_000_000
        return low if fine else high * 1_000_000
    return low if low is not None and 0 < low < _SPEED_MAX else None


def _duplex(row: _Row, medium: int | None) -> str | None:
    said = number(row.ethernet("duplex"), Kind.INTEGER)
    if said in _DUPLEX:
        return _DUPLEX[said]
    if medium in HALF_MAU:
        return "half"
    return "full" if medium in FULL_MAU else None


def _counts(row: _Row) -> tuple[dict[str, Count], dict[str, Oid]]:
    counts: dict[str, Count] = {}
    sources: dict[str, Oid] = {}

    def keep(name: str, count: Count | None, source: Oid) -> None:
        if count is not None and name not in counts:
            counts[name], sources[name] = count, source

    for name, (wide, narrow) in WIDE.items():
        whole, half = row.count(row.more(wide), 64), row.count(row.plain(narrow), 32)
        if whole is not None and not (whole.value == 0 and half is not None and half.value > 0):
            keep(name, whole, oids.INTERFACES_MORE[wide])
        keep(name, half, oids.INTERFACES[narrow])
    for name in NARROW:
        keep(name, row.count(row.plain(name), 32), oids.INTERFACES[name])
    for name, wide in WIDE_ONLY.items():
        keep(name, row.count(row.more(wide), 64), oids.INTERFACES_MORE[wide])
    for name in ETHERNET_COUNTERS:
        keep(name, row.count(row.ethernet(name), 32), oids.ETHERNET[name])
    return counts, sources


def _media(mau: Rows) -> dict[int, int]:
    """Give dot3MauType numbers by ifIndex: the first MAU of each that has one."""
    found: dict[int, int] = {}
    width = len(oids.MAU_TYPES)
    for index, row in sorted(mau.items()):
        value = row.get(oids.MAU["type"])
        if value is None or value.kind is not Kind.OID or not isinstance(value.data, tuple):
            continue
        if value.data[:width] == oids.MAU_TYPES and len(value.data) == width + 1 and index:
            found.setdefault(index[0], value.data[width])
    return found
