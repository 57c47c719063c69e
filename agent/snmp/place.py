"""Behind which port of a device something stands: this appliance, its gateway, the other devices.

Link addresses come from this appliance's own kernel: of its own interface, of its gateway and of
the devices of the access file. They are compared in memory and dropped; what is told is the name
of a port. Reading is thin, the rest pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.network_card import SYS_NET, card_towards
from agent.snmp import oids
from agent.snmp.client import Client
from agent.snmp.interfaces import Port
from agent.snmp.text import number
from agent.snmp.values import Oid
from agent.snmp.walk import Rows
from agent.surroundings import NEIGHBOURS, ROUTES, Route, parse_routes

MOST_ROUTES: Final = 16
"""Default routes that are looked at."""
MOST_LAYERS: Final = 4
"""From PPP or a VLAN down to the port with the plug."""
MOST_ADDRESSES: Final = 4_096
_COMPLETE: Final = 0x2
_NOBODY: Final = (0,) * 6


@dataclass(frozen=True, slots=True)
class Here:
    """Link addresses that this appliance knows itself; they are never printed."""

    appliance: tuple[Oid, ...] = field(default=(), repr=False)
    """Its own: of the interface of the default route, of the one towards the device."""
    gateway: Oid | None = field(default=None, repr=False)
    devices: Mapping[str, Oid] = field(default_factory=dict, repr=False)
    """Of devices of the access file, by their address there."""


NOWHERE: Final = Here()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Names of ports; None and absent: not known."""

    appliance_port: str | None = None
    gateway_port: str | None = None
    device_ports: Mapping[str, str] = field(default_factory=dict)
    """By the device's address."""
    wan_port: str | None = None
    wan_interface: str | None = None
    """The interface of the default route, where it is another than the port it runs over."""


def place(
    here: Here, found: Mapping[Oid, int], ports: Sequence[Port], wan: tuple[int, int] | None
) -> Place:
    """Name the ports. ``found``: ifIndex by link address; ``wan``: of :func:`read_wan`."""
    names = {port.index: port.name for port in ports}

    def of(addresses: Iterable[Oid]) -> str | None:
        for address in addresses:
            if address in found:
                return names.get(found[address], f"#{found[address]}")
        return None

    devices = {
        device: port
        for device, address in here.devices.items()
        if (port := of((address,))) is not None
    }
    interface, port = (None, None) if wan is None else (names.get(wan[0]), names.get(wan[1]))
    return Place(
        appliance_port=of(here.appliance),
        gateway_port=of(() if here.gateway is None else (here.gateway,)),
        device_ports=devices,
        wan_port=port,
        wan_interface=interface if interface != port else None,
    )


def sought(here: Here) -> frozenset[Oid]:
    """All link addresses whose port is wanted."""
    gateway = () if here.gateway is None else (here.gateway,)
    return frozenset((*here.appliance, *gateway, *here.devices.values()))


async def read_wan(client: Client, ports: Sequence[Port]) -> tuple[int, int] | None:
    """Find the interface of the default route and the port it runs over (ifIndex); None: unclear.

    Of several default routes the one with the least metric; of equal ones through different
    interfaces none. RFC 4292 section 5 (inetCidrRouteTable), its elder RFC 2096, RFC 1213.
    """
    routes: list[tuple[int, int]] = []
    for columns in (oids.DEFAULT_ROUTE, oids.DEFAULT_ROUTE_CIDR, oids.DEFAULT_ROUTE_OLD):
        rows = await client.table(tuple(columns.values()), MOST_ROUTES)
        routes = parse_default_routes(rows, columns)
        if routes:
            break
    interface = best_route(routes)
    if interface is None:
        return None
    return interface, await _lowest(client, interface, ports)


def parse_default_routes(rows: Rows, columns: Mapping[str, Oid]) -> list[tuple[int, int]]:
    """Give metric and ifIndex of each; one without a metric comes last."""
    found = []
    for index, row in rows.items():
        if columns is oids.DEFAULT_ROUTE_OLD and index != (0,):
            continue  # 0.0.0.X
        interface = number(row.get(columns["interface"]))
        metric = number(row.get(columns["metric"]))
        if interface is not None and interface > 0:
            found.append((1 << 31 if metric is None or metric < 0 else metric, interface))
    return found


def best_route(routes: Iterable[tuple[int, int]]) -> int | None:
    """Choose the interface of the least metric; None where that is not one."""
    known = list(routes)
    least = min((metric for metric, _ in known), default=None)
    chosen = {interface for metric, interface in known if metric == least}
    return chosen.pop() if len(chosen) == 1 else None


async def _lowest(client: Client, interface: int, ports: Sequence[Port]) -> int:
    """Go down ifStackTable (RFC 2863) to a port with a plug, where each layer lies on one."""
    plugs = {port.index for port in ports if port.is_ethernet}
    passed, at = {interface}, interface
    for _ in range(MOST_LAYERS):
        if at in plugs:
            return at
        rows = await client.table(((*oids.STACK, at),), MOST_ROUTES)
        lower = {index[0] for index in rows if len(index) == 1 and index[0] > 0} - passed
        if len(lower) != 1:
            break
        at = lower.pop()
        passed.add(at)
    return at if at in plugs else interface


def parse_link_address(text: str) -> Oid | None:
    """Six numbers of ``00:00:5e:00:53:01``; None for nobody's and for other forms."""
    parts = text.strip().split(":")
    if len(parts) != 6 or not all(len(part) == 2 for part in parts):
        return None
    try:
        numbers = tuple(int(part, 16) for part in parts)
    except ValueError:
        return None
    return None if numbers == _NOBODY or numbers[0] & 1 else numbers


def parse_kernel_table(text: str, wanted: Iterable[str]) -> dict[str, Oid]:
    """Link addresses of ``wanted`` in ``/proc/net/arp``; one with two of them has none."""
    asked = frozenset(wanted)
    found: dict[str, set[Oid]] = {}
    for line in text.splitlines()[1 : MOST_ADDRESSES + 1]:
        words = line.split()
        if len(words) < 6 or words[0] not in asked or not _is_complete(words[2]):
            continue
        if (address := parse_link_address(words[3])) is not None:
            found.setdefault(words[0], set()).add(address)
    return {name: known.pop() for name, known in found.items() if len(known) == 1}


def _card_name(address: str) -> str | None:
    card = card_towards(f"[{address}]" if ":" in address else address)
    return None if card is None else card.name


class Whereabouts:
    """Looks into this appliance's own tables. Reading only; blocks for a few small files."""

    def __init__(
        self,
        devices: Sequence[str],
        routes: Path = ROUTES,
        neighbours: Path = NEIGHBOURS,
        cards: Path = SYS_NET,
        towards: Callable[[str], str | None] = _card_name,
    ) -> None:
        self._devices = tuple(devices)
        self._routes, self._neighbours, self._cards = routes, neighbours, cards
        self._towards = towards

    def look(self, device: str) -> Here:
        """Give what is known now, for asking ``device``."""
        route = self._default_route()
        table = _text(self._neighbours)
        gateways = () if route is None else (route.gateway,)
        known = parse_kernel_table(table, (*self._devices, *gateways))
        cards = dict.fromkeys(
            name
            for name in (None if route is None else route.interface, self._towards(device))
            if name is not None
        )
        own = (parse_link_address(_text(self._cards / name / "address")) for name in cards)
        return Here(
            appliance=tuple(address for address in own if address is not None),
            gateway=None if route is None else known.get(route.gateway),
            devices={one: known[one] for one in self._devices if one in known and one != device},
        )

    def _default_route(self) -> Route | None:
        try:
            return parse_routes(_text(self._routes))
        except ValueError:  # a table of another shape: not known
            return None


def _is_complete(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & _COMPLETE)
    except ValueError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):  # none here: not known
        return ""
