"""The interface a target is reached through: name, speed, duplex. Reading only."""

import fcntl
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.target import parse_host_port

SYS_NET: Final = Path("/sys/class/net")
GOODPUT_RATIO: Final = 1448 / 1538
"""TCP payload of a full Ethernet frame (1500 less IPv4 20, TCP 20, timestamps 12) over what it
takes on the wire: 1500, header 14, check sequence 4, preamble 8, gap 12 (IEEE 802.3)."""
_SIOCGIFADDR: Final = 0x8915
_DISCARD_PORT: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One network interface."""

    name: str
    speed_bps: float | None = None
    """Negotiated link speed; None where the driver does not say."""
    duplex: str | None = None
    """``full`` or ``half``; None where the driver does not say."""
    wireless: bool = False

    @property
    def goodput_bps(self) -> float | None:
        """Most TCP goodput the link can carry."""
        return None if self.speed_bps is None else self.speed_bps * GOODPUT_RATIO


def parse_card(name: str, speed: str, duplex: str, *, wireless: bool) -> Card:
    """Make a Card of what ``/sys/class/net/NAME/{speed,duplex}`` hold; empty: unreadable.

    The kernel gives Mbit/s, -1 or 2^32-1 for unknown (Documentation/ABI sysfs-class-net).
    """
    text = speed.strip()
    megabits = int(text) if text.isascii() and text.isdigit() else 0
    known = duplex.strip() if duplex.strip() in ("full", "half") else None
    return Card(
        name=name,
        speed_bps=megabits * 1e6 if 0 < megabits < 10_000_000 else None,
        duplex=known,
        wireless=wireless,
    )


def read_card(name: str, root: Path = SYS_NET) -> Card:
    """Read one interface."""
    folder = root / name
    return parse_card(
        name,
        _text(folder / "speed"),
        _text(folder / "duplex"),
        wireless=(folder / "wireless").exists() or (folder / "phy80211").exists(),
    )


def card_towards(target: str, root: Path = SYS_NET) -> Card | None:
    """The interface that the routing table gives for HOST or HOST:PORT; None: not to be found.

    A connected datagram socket sends nothing, and says which address would be used.
    """
    host, port = parse_host_port(target, _DISCARD_PORT)
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as sock:
            sock.connect(address)
            own = sock.getsockname()[0]
    except OSError:
        return None
    name = _holder_of(own)
    return None if name is None else read_card(name, root)


def parse_if_inet6(text: str) -> dict[str, str]:
    """Addresses of ``/proc/net/if_inet6`` by interface name."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 6 and len(words[0]) == 32:
            found[socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0]))] = words[5]
    return found


def _holder_of(address: str) -> str | None:
    if ":" in address:
        table = parse_if_inet6(_text(Path("/proc/net/if_inet6")))
        return table.get(address.partition("%")[0])
    if address.startswith("127."):
        return "lo"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            try:
                reply = fcntl.ioctl(sock, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # no IPv4 address on this one
            if socket.inet_ntoa(reply[20:24]) == address:
                return name
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):  # speed of an interface that is down gives EINVAL
        return ""
