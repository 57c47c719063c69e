"""What a NAT on the way did with some sockets. Pure.

Words are those of RFC 4787 section 4.1: a mapping is *endpoint-independent* where one socket has
one public address and port whomever it speaks to, else *endpoint-dependent* ('symmetric'), which
breaks direct connections of video conferences and makes them go through relays.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from agent.path.stun import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One socket: where it was bound here and how one server saw it."""

    local: Seen
    seen: Seen


def is_translated(asked: Sequence[Asked]) -> bool:
    """Tell whether the address that others see is another than the one used here."""
    return any(
        ipaddress.ip_address(item.local.address) != ipaddress.ip_address(item.seen.address)
        for item in asked
    )


def are_ports_kept(asked: Sequence[Asked]) -> bool:
    """Tell whether every socket is seen at the very port it has here."""
    return all(item.local.port == item.seen.port for item in asked)


def mapping(first: Asked, second: Asked | None) -> str | None:
    """Name the mapping of one socket seen by two servers; None where there is only one."""
    if second is None:
        return None
    return "endpoint_independent" if first.seen == second.seen else "endpoint_dependent"


def addresses(asked: Sequence[Asked]) -> list[str]:
    """Public addresses, each once, in the order seen: more than one is a pool."""
    return list(dict.fromkeys(item.seen.address for item in asked))
