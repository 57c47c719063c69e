"""Approval: who let a school's network be searched or listened to, for what, where and how long.

Three checks of the LAN send packets to devices of others or listen to theirs: :data:`CHECKS`. They
run only under a record of the collector that names the school, the check and the networks, within
its time. The reply to a heartbeat carries the records of the school; an agent that hears of none
has none. Deciding is pure; whoever has no leave sends no packet.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

CHECKS: Final = ("lan_devices", "dhcp", "lan_listen")
"""Probes that need an approval."""
MAX_NETWORKS: Final = 20
MAX_APPROVALS: Final = 20
"""Records of one school that hold or will hold."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One record, as the appliance gets it; who gave it stays at the collector."""

    number: int
    school: str
    """Code of the school."""
    checks: tuple[str, ...]
    networks: tuple[str, ...]
    """Ranges in the usual spelling, 192.0.2.0/24."""
    valid_from: datetime
    valid_until: datetime
    """The first moment at which it does not hold any more."""


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read ranges. Raises ValueError for one that is none or has bits set behind its mask."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def inside(network: Network, ranges: Sequence[Network]) -> bool:
    """``network`` lies whole in one of ``ranges``."""
    return any(
        network.subnet_of(one)  # type: ignore[arg-type]  # of one version by the condition
        for one in ranges
        if one.version == network.version
    )


def holding(
    approvals: Sequence[Approval], school: str, check: str, network: Network, now: datetime
) -> tuple[Approval | None, str]:
    """Give the record under which ``check`` may look at ``network`` now, else None and why not.

    Of several that do not hold the one that comes nearest says why.
    """
    why = [_why_not(one, school, check, network, now) for one in approvals]
    for one, (_, reason) in zip(approvals, why, strict=True):
        if not reason:
            return one, ""
    if not why:
        return None, f"no approval for {check} is known on this appliance"
    return None, max(why)[1]


def _why_not(
    one: Approval, school: str, check: str, network: Network, now: datetime
) -> tuple[int, str]:
    """How near a record comes, and why it does not hold; empty where it does."""
    name = f"approval {one.number}"
    if one.school != school or not school:
        return 0, f"{name} is for another school"
    if check not in one.checks:
        return 1, f"{name} is for {' '.join(one.checks)}, not for {check}"
    if not inside(network, networks_of(one.networks)):
        return 2, f"{name} does not cover this network, only {' '.join(one.networks)}"
    if now < one.valid_from:
        return 3, f"{name} holds only from {one.valid_from:%FT%TZ}"
    if now >= one.valid_until:
        return 4, f"{name} ended at {one.valid_until:%FT%TZ}"
    return 5, ""
