"""The appliance's own port: speed, duplex and what its kernel counted as wrong. Reading only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.network_card import SYS_NET, Card, read_card
from wire.measurement import Json

ERRORS: Final = ("rx_errors", "tx_errors", "collisions")
DISCARDS: Final = ("rx_dropped", "tx_dropped", "rx_missed_errors")
"""Files of ``/sys/class/net/NAME/statistics`` (Documentation/ABI sysfs-class-net-statistics);
rx_missed_errors is what the card had no room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One look at a port. None: the driver does not say."""

    card: Card
    up: bool | None = None
    errors: int | None = None
    discards: int | None = None
    carrier_changes: int | None = None


def read_port(name: str, root: Path = SYS_NET) -> Port:
    """Read a port."""
    folder = root / name
    carrier = _whole(folder / "carrier")
    return Port(
        card=read_card(name, root),
        up=None if carrier is None else carrier == 1,
        errors=_sum(folder, ERRORS),
        discards=_sum(folder, DISCARDS),
        carrier_changes=_whole(folder / "carrier_changes"),
    )


def figures(before: Port, after: Port) -> Mapping[str, Json]:
    """Values of two looks; a counter that ran backwards (a driver was loaded anew) gives none."""
    found: dict[str, Json | None] = {
        "port_speed_bps": after.card.speed_bps,
        "port_duplex": after.card.duplex,
        "port_up": after.up,
        "port_wireless": after.card.wireless,
        "port_errors_count": _grown(before.errors, after.errors),
        "port_discards_count": _grown(before.discards, after.discards),
        "port_errors_total_count": after.errors,
        "port_discards_total_count": after.discards,
        "port_carrier_changes_total_count": after.carrier_changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def _grown(before: int | None, after: int | None) -> int | None:
    if before is None or after is None or after < before:
        return None
    return after - before


def _sum(folder: Path, names: tuple[str, ...]) -> int | None:
    found = [_whole(folder / "statistics" / name) for name in names]
    known = [number for number in found if number is not None]
    return sum(known) if known else None


def _whole(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # of an interface that is down
        return None
