"""What broadcasts and multicasts say of a LAN: rates, loops, routers. Headers only, none kept.

The filter hands over the headers of a frame and no more (an ARP or a router advertisement is
nothing but header). Of a frame the books keep a 64-bit hash for two seconds, seeded anew in each
process: enough to see the same frame again.
"""

import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

from agent.lan import advertisement, arp
from agent.lan.advertisement import ROUTER_ADVERTISEMENT
from agent.lan.packet_socket import BROADCAST, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6
from agent.path.bpf import JUMP_ANY_BIT, JUMP_EQUAL, LOAD_BYTE, LOAD_HALF, RETURN, Step

IDENTICAL_SECONDS: Final = 1.0
LOOP_REPEATS: Final = 20
"""The same frame so often within a second: hosts repeat an ARP or mDNS question once a second, a
loop many thousand times."""
LOOP_RATIO: Final = 0.5
OWN_RETURNED: Final = 3
"""So many frames of the appliance itself that came back are no stray copy."""
_ARP_BYTES, _IPV4_BYTES, _IPV6_BYTES, _ELSE_BYTES = 42, 42, 62, 14
"""Ethernet 14; ARP 28; IPv4 20 and IPv6 40 with 8 of what follows (ports, length, checksum)."""
_ADVERTISEMENT_BYTES: Final = 1_024


def headers_of_groups() -> list[Step]:
    """Filter: the headers of frames to everybody or to a group."""
    return [
        Step(LOAD_BYTE, 0),
        Step(JUMP_ANY_BIT, 0x01, no="drop"),
        Step(LOAD_HALF, 12),
        Step(JUMP_EQUAL, ETHERTYPE_ARP, yes="arp"),
        Step(JUMP_EQUAL, ETHERTYPE_IPV4, yes="ipv4"),
        Step(JUMP_EQUAL, ETHERTYPE_IPV6, yes="ipv6"),
        Step(RETURN, _ELSE_BYTES),
        Step(LOAD_BYTE, 20, label="ipv6"),
        Step(JUMP_EQUAL, socket.IPPROTO_ICMPV6, no="plain6"),
        Step(LOAD_BYTE, 54),
        Step(JUMP_EQUAL, ROUTER_ADVERTISEMENT, no="plain6"),
        Step(RETURN, _ADVERTISEMENT_BYTES),
        Step(RETURN, _IPV6_BYTES, label="plain6"),
        Step(RETURN, _IPV4_BYTES, label="ipv4"),
        Step(RETURN, _ARP_BYTES, label="arp"),
        Step(RETURN, 0, label="drop"),
    ]


@dataclass(slots=True)
class Heard:
    """Books of one listening; no frame, no address of a device in them."""

    link_address: bytes
    """Of the appliance."""
    address: IPv4Address
    broadcasts: int = 0
    multicasts: int = 0
    repeats: int = 0
    """Frames that an identical one came before, at most a second earlier (two at most)."""
    most_repeats: int = 0
    """Most times that one frame came within a second."""
    own_returned: int = 0
    own_address_conflict: bool = False
    routers: dict[IPv6Address, frozenset[IPv6Network]] = field(default_factory=dict)
    """Routers that want to be default router, with all prefixes they announced."""
    prefixes: set[IPv6Network] = field(default_factory=set)
    _second: int = -1
    _now: dict[int, int] = field(default_factory=dict)
    _before: dict[int, int] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """Frames looked at."""
        return self.broadcasts + self.multicasts

    def note(self, frame: bytes, at_seconds: float) -> None:
        """Take one frame that came at a moment of the monotonic clock."""
        if frame[:6] == BROADCAST:
            self.broadcasts += 1
        else:
            self.multicasts += 1
        if frame[6:12] == self.link_address:
            self.own_returned += 1
        self._note_repeat(hash(frame), int(at_seconds / IDENTICAL_SECONDS))
        said = arp.read(frame)
        if said is not None:
            self.own_address_conflict |= (
                said.address == self.address and said.link_address != self.link_address
            )
            return
        offered = advertisement.read(frame)
        if offered is not None:
            self.prefixes |= offered.prefixes
            if offered.lifetime_seconds:
                known = self.routers.get(offered.router, frozenset())
                self.routers[offered.router] = known | offered.prefixes

    def _note_repeat(self, seen: int, second: int) -> None:
        if second != self._second:
            self._before = self._now if second == self._second + 1 else {}
            self._now = {}
            self._second = second
        count = self._now.get(seen, 0) + 1
        self._now[seen] = count
        if count > 1 or seen in self._before:
            self.repeats += 1
        self.most_repeats = max(self.most_repeats, count)

    @property
    def repeat_ratio(self) -> float | None:
        """Share of frames that are copies; None where none came."""
        return self.repeats / self.frames if self.frames else None

    def loop_suspected(self, *, wireless: bool) -> bool:
        """The same frames come again and again, or the appliance's own come back by cable.

        An access point sends a station's broadcasts to all, its own sender not excepted.
        """
        ratio = self.repeat_ratio or 0.0
        flooding = self.most_repeats >= LOOP_REPEATS and ratio >= LOOP_RATIO
        return flooding or (self.own_returned >= OWN_RETURNED and not wireless)

    def conflicting_prefixes(self) -> frozenset[IPv6Network]:
        """Prefixes that one router announces and another does not."""
        announced = list(self.routers.values())
        if len(announced) < 2:
            return frozenset()
        return frozenset.union(*announced) - frozenset.intersection(*announced)
