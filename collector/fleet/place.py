"""Does an agent stand where it is at home? Pure.

An appliance gives hashes of its gateway, its subnet and its public address, under a key of its own.
The first place it is heard from is its home. Another gateway or subnet, :data:`STRANGE_BEATS` times
running, is another place: that is shown until a person confirms the move or the agent is back. A
public address alone changes with every reconnection of many lines: it counts only where neither
gateway nor subnet is known.
"""

from dataclasses import dataclass
from typing import Final

from wire.heartbeat import Network

STRANGE_BEATS: Final = 3
"""A DHCP server that answers wrongly once, or a cable that was in the wrong port, is no move."""
NOWHERE: Final = Network()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an agent is at home, and where it has been seen since."""

    home: Network
    other: Network = NOWHERE
    other_count: int = 0
    """Heartbeats in a row from there."""

    @property
    def strange(self) -> bool:
        """It stands at the other place by now."""
        return self.other_count >= STRANGE_BEATS

    def confirmed(self) -> "Place":
        """A person says that the other place is home."""
        return Place(home=merged(self.home, self.other)) if self.other_count else self


def seen(before: Place | None, network: Network) -> Place | None:
    """Take in where one heartbeat came from. None: nothing is known yet."""
    if network == NOWHERE:
        return before
    if before is None:
        return Place(home=network)
    if not differences(before.home, network):
        return Place(home=merged(before.home, network))
    again = not differences(before.other, network)
    count = before.other_count + 1 if again else 1
    return Place(
        home=before.home,
        other=merged(before.other, network) if again else network,
        other_count=min(count, STRANGE_BEATS),
    )


def differences(home: Network, now: Network) -> tuple[str, ...]:
    """What speaks for another place. What either side does not know says nothing."""
    found = tuple(
        name
        for name in ("gateway", "subnet")
        if None not in (getattr(home, name), getattr(now, name))
        and getattr(home, name) != getattr(now, name)
    )
    known = (home.gateway and now.gateway) or (home.subnet and now.subnet)
    if not known and None not in (home.public_address, now.public_address):
        return ("public address",) if home.public_address != now.public_address else ()
    return found


def merged(before: Network, now: Network) -> Network:
    """What is known by now; the newer word counts."""
    return Network(
        gateway=now.gateway or before.gateway,
        subnet=now.subnet or before.subnet,
        public_address=now.public_address or before.public_address,
    )
