"""Where this appliance stands, as hashes that say nothing to others.

The gateway's link address and the subnet become HMACs under a key that is made here and never
leaves the state directory. The collector can tell 'as before' from 'another'; without the key
nobody can try addresses until one fits. Parsing is pure, reading thin.
"""

import hashlib
import hmac
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.state import write_whole
from wire.heartbeat import Network

KEY_FILE: Final = "network.key"
KEY_BYTES: Final = 32
ROUTES: Final = Path("/proc/net/route")
NEIGHBOURS: Final = Path("/proc/net/arp")
_UP: Final = 0x1
_GATEWAY: Final = 0x2
_COMPLETE: Final = 0x2
_NO_ADDRESS: Final = "00:00:00:00:00:00"
_HASH_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class Route:
    """The default route of IPv4 and the subnet of its interface."""

    interface: str
    gateway: str
    subnet: str | None
    """NETWORK/MASK; None where the interface has none of its own."""


def parse_routes(text: str) -> Route | None:
    """Read ``/proc/net/route`` (route(8)): the default route of the lowest metric."""
    rows = [line.split() for line in text.splitlines()[1:]]
    rows = [row for row in rows if len(row) >= 8 and int(row[3], 16) & _UP]
    defaults = [
        row for row in rows if row[1] == row[7] == "00000000" and int(row[3], 16) & _GATEWAY
    ]
    if not defaults:
        return None
    best = min(defaults, key=lambda row: int(row[6]))
    gateway = int(best[2], 16)
    near = [row for row in rows if row[0] == best[0] and row[1] != "00000000"]
    near = [row for row in near if not int(row[3], 16) & _GATEWAY]
    holding = [row for row in near if gateway & int(row[7], 16) == int(row[1], 16)]
    own = max(holding, key=lambda row: int(row[7], 16).bit_count(), default=None)
    subnet = None if own is None else f"{_address(own[1])}/{_address(own[7])}"
    return Route(best[0], _address(best[2]), subnet)


def parse_neighbour(text: str, address: str, interface: str) -> str | None:
    """Read the link address of a neighbour from ``/proc/net/arp``; None: not known now."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 6 and (words[0], words[-1]) == (address, interface):
            known = int(words[2], 16) & _COMPLETE and words[3] != _NO_ADDRESS
            return words[3].lower() if known else None
    return None


def fingerprint(
    key: bytes, gateway: str | None, subnet: str | None, public_address: str | None
) -> Network:
    """Hash what is known; what is not stays None."""

    def hashed(name: str, value: str | None) -> str | None:
        if value is None:
            return None
        text = f"{name}\0{value}".encode()
        return hmac.new(key, text, hashlib.sha256).hexdigest()[:_HASH_CHARACTERS]

    return Network(
        gateway=hashed("gateway", gateway),
        subnet=hashed("subnet", subnet),
        public_address=hashed("public_address", public_address),
    )


class Surroundings:
    """Looks at where the appliance stands. Reading only; blocks for two small files.

    ``key`` None: there is none that lasts, so nothing is said: under a new key at each start every
    place would look like another.
    """

    def __init__(
        self, key: bytes | None, routes: Path = ROUTES, neighbours: Path = NEIGHBOURS
    ) -> None:
        self._key = key
        self._routes = routes
        self._neighbours = neighbours
        self.seen_from: str | None = None
        """The address that the collector saw us come from, where it said so."""

    def look(self) -> Network:
        """Give the hashes of this moment."""
        if self._key is None:
            return Network()
        gateway = subnet = None
        try:
            route = parse_routes(self._routes.read_text(encoding="ascii"))
            if route is not None:
                subnet = route.subnet
                table = self._neighbours.read_text(encoding="ascii")
                gateway = parse_neighbour(table, route.gateway, route.interface)
        except (OSError, ValueError):  # no IPv4 here, or a table of another shape: not known
            gateway = subnet = None
        return fingerprint(self._key, gateway, subnet, self.seen_from)


def load_key(directory: Path, make: Callable[[int], bytes]) -> bytes:
    """Give the key of this appliance, made by ``make`` at first use. Raises OSError."""
    path = directory / KEY_FILE
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) != KEY_BYTES:
        key = make(KEY_BYTES)
        write_whole(path, key, durable=True)
    return key


def _address(words: str) -> str:
    """Dotted form of an address as the kernel prints it: hexadecimal in the order of the host."""
    return socket.inet_ntoa(struct.pack("=I", int(words, 16)))
