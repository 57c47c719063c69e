"""The interface that stands in the school's network: its name, addresses and subnet."""

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.failure import MeasurementFailed
from agent.surroundings import ROUTES, Route, parse_routes
from wire.failure import FailureCode, Operation

_SIOCGIFADDR: Final = 0x8915
_SIOCGIFNETMASK: Final = 0x891B
_SIOCGIFHWADDR: Final = 0x8927
_ETHERNET: Final = (1,)
"""ARPHRD_ETHER, which Wi-Fi interfaces are too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface with an IPv4 address."""

    name: str
    link_address: bytes
    """6 bytes."""
    address: ipaddress.IPv4Address
    network: ipaddress.IPv4Network


def default_route(routes: Path = ROUTES) -> Route | None:
    """The default route of IPv4; None where there is none."""
    try:
        return parse_routes(routes.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def chosen(name: object) -> Interface:
    """The interface called ``name``, by default that of the default route.

    Raises :class:`MeasurementFailed`.
    """
    if not name:
        route = default_route()
        if route is None:
            raise MeasurementFailed(
                FailureCode.NETWORK_UNREACHABLE,
                Operation.PREPARE,
                "there is no default route, so name the interface with the option interface",
            )
        name = route.interface
    return read(str(name))


def read(name: str) -> Interface:
    """Read one interface. Raises :class:`MeasurementFailed`."""
    if not 0 < len(name.encode()) < 16 or "/" in name or "\0" in name:
        raise _refused(f"{name[:20]!r} is no name of an interface")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            kind, link = _asked(sock, name, _SIOCGIFHWADDR, "=H6s")
        except OSError as error:
            raise _refused(f"interface {name}: {error.strerror}") from None
        if kind not in _ETHERNET:
            raise _unsupported(f"{name} is no Ethernet or Wi-Fi interface")
        try:
            (address,) = _asked(sock, name, _SIOCGIFADDR, "=4x4s")
            (mask,) = _asked(sock, name, _SIOCGIFNETMASK, "=4x4s")
        except OSError:
            raise _unsupported(f"{name} has no IPv4 address, so its network is not known") from None
    held = ipaddress.IPv4Interface((address, int.from_bytes(mask).bit_count()))
    return Interface(name=name, link_address=link, address=held.ip, network=held.network)


def _asked(sock: socket.socket, name: str, what: int, shape: str) -> tuple[Any, ...]:
    """Ask the kernel about an interface (netdevice(7)): the part of ifreq behind the name."""
    reply = fcntl.ioctl(sock, what, struct.pack("256s", name.encode()))
    return struct.unpack_from(shape, reply, 16)


def _refused(text: str) -> MeasurementFailed:
    return MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)


def _unsupported(text: str) -> MeasurementFailed:
    return MeasurementFailed(FailureCode.UNSUPPORTED, Operation.PREPARE, text)
