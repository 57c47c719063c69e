"""What a school's network consists of. Data.

A device is known by its address (polled), by its name (only named by a neighbour) or by a person's
own id; ids stay the same from week to week.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """What a device is."""

    ROUTER = "router"
    SWITCH = "switch"
    ACCESS_POINT = "access_point"
    CONTROLLER = "controller"
    OTHER = "other"


class Source(StrEnum):
    """How a device is known."""

    POLLED = "polled"
    """It answers SNMP."""
    SEEN = "seen"
    """A neighbour names it; itself it is not asked."""
    HAND = "hand"
    """A person added it."""


class How(StrEnum):
    """How a link is known."""

    LLDP = "lldp"
    CDP = "cdp"
    FORWARDING = "forwarding"
    """From forwarding tables: no other asked device lies between; a dumb switch may."""
    HAND = "hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device. None: not known."""

    id: str
    name: str
    source: Source
    role: Role | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    address: str | None = None
    """As it is configured on the appliance; of polled devices alone."""
    reported_at: datetime | None = None
    replaced: bool = False
    """Another device answers at the address, as the agent saw."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Numbers of its newest report by their names in docs/methods.md."""
    by_hand: tuple[str, ...] = ()
    """Fields that a person corrected."""
    note: str = ""


@dataclass(frozen=True, slots=True, order=True)
class End:
    """A port of a device; an empty port is not known."""

    device: str
    port: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two ends that are joined; ``a`` comes before ``b``."""

    a: End
    b: End
    how: tuple[How, ...]
    told_by: tuple[str, ...] = ()
    """Ids of the ends that name the other."""
    a_speed_bps: int | None = None
    b_speed_bps: int | None = None
    a_duplex: str | None = None
    b_duplex: str | None = None
    shared: bool = False
    """Several neighbours on one port: something that tells nothing of itself lies between."""
    by_hand: tuple[str, ...] = ()
    """``speed``, ``duplex``: which a person gave where no port tells."""
    note: str = ""

    @property
    def speed_bps(self) -> int | None:
        """What the link carries: the lesser of what its ends say."""
        known = [one for one in (self.a_speed_bps, self.b_speed_bps) if one is not None]
        return min(known, default=None)

    @property
    def duplex(self) -> str | None:
        """``half`` where an end says so."""
        told = (self.a_duplex, self.b_duplex)
        return "half" if "half" in told else next((one for one in told if one), None)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """``speed``, ``duplex``: of which its ends say different things."""
        found = []
        if (
            None not in (self.a_speed_bps, self.b_speed_bps)
            and self.a_speed_bps != self.b_speed_bps
        ):
            found.append("speed")
        if None not in (self.a_duplex, self.b_duplex) and self.a_duplex != self.b_duplex:
            found.append("duplex")
        return tuple(found)

    @property
    def is_measured(self) -> bool:
        """Something other than a person says that it is there."""
        return any(how is not How.HAND for how in self.how)

    def joins(self, one: str, other: str) -> bool:
        """Whether it is between these devices."""
        return {self.a.device, self.b.device} == {one, other}

    def end_at(self, device: str) -> End:
        """Its end at one of its devices."""
        return self.a if self.a.device == device else self.b

    def far_from(self, device: str) -> End:
        """Its other end."""
        return self.b if self.a.device == device else self.a


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRow:
    """One port as its device reports it: ``values`` by their names in docs/methods.md."""

    device: str
    port: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Where the agent's appliance is plugged in."""

    end: End
    behind: str | None = None
    """Id of a device on that port behind which it stands; None: on the port itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A school's network at a moment."""

    devices: tuple[Device, ...] = ()
    links: tuple[Link, ...] = ()
    ports: tuple[PortRow, ...] = ()
    ports_left_off_count: int = 0
    """Ports that did not fit into reports."""
    agent: Attached | None = None
    wan: End | None = None
    hidden_devices: tuple[Device, ...] = ()
    hidden_links: tuple[Link, ...] = ()

    def device(self, device_id: str) -> Device | None:
        """Find a device that is shown."""
        return next((one for one in self.devices if one.id == device_id), None)

    def port(self, end: End) -> PortRow | None:
        """Find what an end's device reports of its port."""
        wanted = (end.device, end.port)
        return next((one for one in self.ports if (one.device, one.port) == wanted), None)


def joined(one: End, other: End, **known: Any) -> Link:  # noqa: ANN401 - fields of Link
    """Make a link with its ends in order; ``known`` names them ``a_`` for ``one``."""
    if one <= other:
        return Link(a=one, b=other, **known)
    turned = {
        {"a": "b", "b": "a"}[name[0]] + name[1:] if name[:2] in ("a_", "b_") else name: value
        for name, value in known.items()
    }
    return Link(a=other, b=one, **turned)
