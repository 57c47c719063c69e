"""The device itself: name, parts, processor and memory, power over Ethernet. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.snmp import oids
from agent.snmp.text import line, number
from agent.snmp.values import Kind, Oid, Value
from agent.snmp.walk import Rows

LONGEST_DESCRIPTION: Final = 200
CHASSIS: Final = 3
STACK: Final = 11
MOST_PARTS: Final = 12
_POWER_STATES: Final = {1: "on", 2: "off", 3: "faulty"}
_DELIVERING, _FAULT, _OTHER_FAULT = 3, 4, 6
"""pethPsePortDetectionStatus: deliveringPower, fault, otherFault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The system group."""

    description: str | None
    object_id: Oid | None
    uptime_ticks: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """A chassis of ENTITY-MIB; a stack has several."""

    model: str | None
    software: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOverEthernet:
    """What a switch gives to its ports."""

    used_ratio: float | None
    states: tuple[str, ...]
    delivering_count: int
    faults_count: int


def parse_system(found: Mapping[Oid, Value]) -> System:
    """Make it of single values."""
    identity = found.get(oids.SYSTEM["object_id"])
    return System(
        description=line(found.get(oids.SYSTEM["description"]), LONGEST_DESCRIPTION),
        object_id=identity.data
        if identity is not None and isinstance(identity.data, tuple)
        else None,
        uptime_ticks=number(found.get(oids.UPTIME), Kind.TICKS, Kind.GAUGE32, Kind.INTEGER),
        name=line(found.get(oids.SYSTEM["name"])),
    )


def wanted_parts(classes: Rows) -> tuple[Oid, ...]:
    """Say which rows of ENTITY-MIB are chassis, in order."""
    chosen = [
        index
        for index, row in sorted(classes.items())
        if number(row.get(oids.ENTITY_CLASS)) in (CHASSIS, STACK)
    ]
    return tuple(chosen[:MOST_PARTS])


def parse_parts(found: Mapping[Oid, Value], indices: tuple[Oid, ...]) -> tuple[Part, ...]:
    """Make parts of single values, those that say something."""
    parts = []
    for index in indices:
        columns = {name: found.get((*column, *index)) for name, column in oids.ENTITY.items()}
        model = line(columns["model"]) or line(columns["description"])
        if model is not None:
            parts.append(Part(model, line(columns["software"])))
    return tuple(parts)


def processor_ratio(processors: Rows) -> float | None:
    """Mean load of all processors of HOST-RESOURCES-MIB; None where it has none."""
    loads = [number(row.get(oids.PROCESSORS["load"]), Kind.INTEGER) for row in processors.values()]
    known = [load for load in loads if load is not None and 0 <= load <= 100]
    return sum(known) / len(known) / 100 if known else None


def memory_ratio(storage: Rows) -> float | None:
    """Share of main memory in use by HOST-RESOURCES-MIB: the first row of its type."""
    for _, row in sorted(storage.items()):
        kind = row.get(oids.STORAGE["type"])
        size = number(row.get(oids.STORAGE["size"]))
        used = number(row.get(oids.STORAGE["used"]))
        if kind is not None and kind.data == oids.STORAGE_RAM and size and used is not None:
            return used / size if 0 <= used <= size else None
    return None


def parse_power(main: Rows, ports: Rows) -> PowerOverEthernet | None:
    """Make it of POWER-ETHERNET-MIB; None where the device gives no power."""
    if not main and not ports:
        return None
    power = sum(max(0, number(row.get(oids.POWER["power"])) or 0) for row in main.values())
    used = sum(max(0, number(row.get(oids.POWER["used"])) or 0) for row in main.values())
    states = (number(row.get(oids.POWER["state"])) for row in main.values())
    found = [number(row.get(oids.POWER_PORTS["detection"])) for row in ports.values()]
    return PowerOverEthernet(
        used_ratio=min(1.0, used / power) if power > 0 else None,
        states=tuple(_POWER_STATES[state] for state in states if state in _POWER_STATES),
        delivering_count=sum(state == _DELIVERING for state in found),
        faults_count=sum(state in (_FAULT, _OTHER_FAULT) for state in found),
    )
