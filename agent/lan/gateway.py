"""The default gateway of this appliance, from the routing tables. Reading only."""

import ipaddress
from pathlib import Path
from typing import Final

from agent.failure import MeasurementFailed
from agent.lan.interface import default_route
from wire.failure import FailureCode, Operation

ROUTES6: Final = Path("/proc/net/ipv6_route")


def gateway_now() -> tuple[str, str]:
    """Interface and address of the default gateway. Raises :class:`MeasurementFailed`."""
    route = default_route()
    if route is not None:
        return route.interface, route.gateway
    try:
        found = parse_routes6(ROUTES6.read_text(encoding="ascii"))
    except OSError:
        found = None
    if found is None:
        raise MeasurementFailed(
            FailureCode.NETWORK_UNREACHABLE,
            Operation.PREPARE,
            "this appliance has no default gateway: no lease of an address, or no cable",
        )
    return found


def parse_routes6(text: str) -> tuple[str, str] | None:
    """Read ``/proc/net/ipv6_route``: the default route of the lowest metric with a gateway."""
    rows = [line.split() for line in text.splitlines()]
    rows = [row for row in rows if len(row) == 10 and set(row[0]) == {"0"} and row[1] == "00"]
    rows = [row for row in rows if set(row[4]) != {"0"}]
    if not rows:
        return None
    best = min(rows, key=lambda row: int(row[5], 16))
    address = ipaddress.IPv6Address(bytes.fromhex(best[4]))
    zone = f"%{best[9]}" if address.is_link_local else ""
    return best[9], f"{address}{zone}"
