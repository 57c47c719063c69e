"""One device's newest report, read with suspicion: a neighbour chooses its own name. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from collector.topology.model import Role

LONGEST: Final = 100
MOST_ROWS: Final = 4_096
_ROLES: Final = {
    "router": Role.ROUTER,
    "firewall": Role.ROUTER,
    "switch": Role.SWITCH,
    "access_point": Role.ACCESS_POINT,
    "controller": Role.CONTROLLER,
}
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LONG: Final = (
    ("hundredgigabitethernet", "hu"),
    ("fortygigabitethernet", "fo"),
    ("twentyfivegigabitethernet", "twe"),
    ("tengigabitethernet", "te"),
    ("gigabitethernet", "gi"),
    ("fastethernet", "fa"),
    ("ethernet", "eth"),
)
FIGURES: Final = (
    "cpu_ratio", "cpu_max_ratio", "memory_ratio", "memory_max_ratio", "sessions_count",
    "sessions_max_count", "sessions_limit_count", "sessions_max_ratio", "nat_entries_count",
    "clients_count", "clients_max_count", "access_points_count", "access_points_down_count",
    "ports_count", "ports_up_count", "ports_half_duplex_count", "addresses_count",
    "arp_entries_count", "vlans_count", "power_used_ratio", "power_ports_count",
    "power_faults_count", "uptime_seconds", "restarts_count", "temperature_celsius",
)  # fmt: skip
PORT_NUMBERS: Final = (
    "speed_bps", "in_bps", "out_bps", "in_max_bps", "out_max_bps", "errors_count",
    "discards_count", "error_ratio", "discard_ratio", "addresses_count", "others_count",
    "broadcast_count", "late_collisions_count", "check_errors_count",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """What a device says of another on one of its ports."""

    port: str
    name: str | None
    remote_port: str | None
    platform: str | None
    roles: frozenset[str]
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Values of the probe ``snmp`` of one device (docs/methods.md), and when they were read."""

    target: str
    values: Mapping[str, Any]
    started_at: datetime | None = None

    @property
    def id(self) -> str:
        """The device's id."""
        return f"address:{self.target}"

    def text(self, name: str) -> str | None:
        """One line; None where there is none."""
        return line(self.values.get(name))

    def number(self, name: str) -> float | None:
        """A number that is not negative."""
        return number(self.values.get(name))

    @property
    def role(self) -> Role | None:
        """By its maker's profile."""
        told = self.values.get("role")
        return _ROLES.get(told) if isinstance(told, str) else None

    def ports(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and values of each port; the first of those with one name."""
        passed: set[str] = set()
        for row in _rows(self.values, "ports"):
            name = line(row.get("port"))
            if name is None or name in passed:
                continue
            passed.add(name)
            yield name, _port_values(row)

    def neighbours(self) -> Iterator[Neighbour]:
        """Infrastructure that it sees."""
        for row in _rows(self.values, "neighbours"):
            port = line(row.get("port"))
            if port is None:
                continue
            roles = row.get("roles")
            yield Neighbour(
                port=port,
                name=line(row.get("name")),
                remote_port=line(row.get("remote_port")),
                platform=line(row.get("platform")),
                roles=frozenset(roles.split()) if isinstance(roles, str) else frozenset(),
                protocol="cdp" if row.get("protocol") == "cdp" else "lldp",
            )

    def device_ports(self) -> dict[str, str]:
        """Port behind which each other device stands, by its address."""
        found: dict[str, str] = {}
        for row in _rows(self.values, "device_ports"):
            device, port = row.get("device"), line(row.get("port"))
            if isinstance(device, str) and port is not None:
                found.setdefault(device, port)
        return found


def told_role(roles: frozenset[str]) -> Role | None:
    """What a neighbour says it is; one that is several things is not told."""
    if "access_point" in roles:
        return Role.ACCESS_POINT
    if roles == {"router"}:
        return Role.ROUTER
    return Role.SWITCH if roles == {"bridge"} else None


def name_key(name: str | None) -> str | None:
    """A system name for comparing: CDP adds a serial number in brackets, some a domain."""
    if name is None:
        return None
    return name.partition("(")[0].partition(".")[0].strip().casefold() or None


def port_key(port: str | None) -> str | None:
    """A port's name for comparing: short as makers shorten it, without blanks."""
    if port is None:
        return None
    plain = re.sub(r"\s+", "", port).casefold()
    for long, short in _LONG:
        if plain.startswith(long):
            return short + plain.removeprefix(long)
    return plain or None


def line(value: object, longest: int = LONGEST) -> str | None:
    """Text on one line, without hidden signs, of bounded length; None for anything else."""
    if not isinstance(value, str):
        return None
    if len(value) <= longest and value.isascii() and value.isprintable():
        return value.strip() or None
    shown = "".join(
        " " if char.isspace() else char
        for char in value[: 4 * longest]
        if char.isspace() or unicodedata.category(char) not in _HIDDEN
    ).strip()
    return shown[:longest] or None


def number(value: object) -> float | None:
    """A finite number that is not negative; whole ones stay whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 1e18 else None


def _port_values(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: number(row.get(name)) for name in PORT_NUMBERS}
    speed = found["speed_bps"]
    found["speed_bps"] = int(speed) if speed else None
    duplex, state = row.get("duplex"), line(row.get("state"), 20)
    found |= {
        "duplex": duplex if duplex in ("full", "half") else None,
        "state": state,
        "alias": line(row.get("alias")),
        "went_down": True if row.get("went_down") is True else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _rows(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = values.get(name)
    if not isinstance(rows, list):
        return []
    return [row for row in rows[:MOST_ROWS] if isinstance(row, dict)]
