"""Who may read without signing in, and which other machines may ask for metrics."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from collector.api.auth import is_local

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "via")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What ``serve`` was told."""

    public_pages: bool = False
    """Anyone may read the pages; changing anything still needs an operator."""
    metrics_from: Sequence[Network] = ()
    """Machines beside this one that may read /metrics."""


def truly_local(request: Request) -> bool:
    """Say whether it came from this machine, not through a proxy on it."""
    return is_local(request) and not any(name in request.headers for name in _FORWARDED)


def within(request: Request, networks: Sequence[Network]) -> bool:
    """Say whether the caller's address is in one of the networks."""
    if request.client is None:
        return False
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
