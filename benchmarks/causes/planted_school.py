"""A healthy school as devices and probes tell of it, and how faults are put into it.

A school has a router, a core and a floor switch, an access point, sometimes a controller. Reports
of devices are what the agent's SNMP code makes of them; other results are made of given figures.
What a fault does to speeds is in them too: a cause must be told from its symptoms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, Final

from benchmarks.causes.planted_devices import PlantedDevice, PlantedPort
from benchmarks.causes.scenario import Group, Scenario
from benchmarks.causes.streams import DAYS, GATEWAY, Slot, Speeds, Stream, slots
from collector.causes.model import SchoolRecord

GROUP: Final[Group] = "device data"
CORE, FLOOR, POINT, CONTROLLER = "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"
Devices = dict[str, PlantedDevice]


@dataclass
class Case:
    """One school while faults are put into it."""

    random: Random
    required_bps: float = 323e6
    contract_bps: float | None = 1e9
    line_kind: str = "best_effort_ipoe"
    facts: dict[str, Any] = field(default_factory=dict)
    small_router: bool = False
    controller: bool = False
    speeds: list[Callable[[Slot, Speeds], Speeds]] = field(default_factory=list)
    devices: list[Callable[[Slot, Devices], None]] = field(default_factory=list)
    after: list[Callable[[Stream], None]] = field(default_factory=list)

    def some(self, low: float, high: float, steps: int = 6) -> float:
        """A figure drawn from a few between two ends: devices that are alike are read once."""
        return low + (high - low) * self.random.randrange(steps + 1) / steps


Plant = Callable[[Case], None]


def devices_of(case: Case, slot: Slot) -> Devices:
    """The devices of a healthy school in one slot."""
    busy = case.random.randrange(3) if slot.lesson else 0
    load = (0.18, 0.32, 0.45)[busy]
    rate = ((4e6, 60e6, 110e6) if slot.lesson else (1e6,) * 3)[busy]
    wan = PlantedPort(name="wan1", in_bps=rate, out_bps=rate / 6)
    lan = PlantedPort(name="lan1", in_bps=rate / 6, out_bps=rate,
                      neighbour=("switch", "core-sw", "port1"))  # fmt: skip
    kind = "small router" if case.small_router else "router"
    sessions = None if case.small_router else (900, 6_000, 14_000)[busy]
    found = {
        "router": PlantedDevice(
            kind=kind, name="gw", address=GATEWAY, ports=(wan, lan),
            cpu_ratio=load, sessions_count=sessions,
        ),
        "core": PlantedDevice(
            kind="switch", name="core-sw", address=CORE, ports=(
                PlantedPort(name="port1", in_bps=rate, out_bps=rate / 6, addresses_count=2,
                            neighbour=(kind, "gw", "lan1")),
                PlantedPort(name="port2", in_bps=rate / 8, out_bps=rate / 2, addresses_count=9,
                            neighbour=("switch", "floor-sw", "port1")),
                PlantedPort(name="port3", addresses_count=1, speed_bps=1e8),
                PlantedPort(name="port4", up=False),
            ),
        ),
        "floor": PlantedDevice(
            kind="switch", name="floor-sw", address=FLOOR, ports=(
                PlantedPort(name="port1", in_bps=rate / 2, out_bps=rate / 8, addresses_count=9,
                            neighbour=("switch", "core-sw", "port2")),
                PlantedPort(name="port2", in_bps=rate / 9, out_bps=rate / 3, addresses_count=7,
                            neighbour=("access point", "ap-2-1", "eth0")),
            ), power_used_ratio=0.4,
        ),
        "point": PlantedDevice(
            kind="access point", name="ap-2-1", address=POINT,
            clients_count=(28, 33, 38)[busy] if slot.lesson else 2,
            ports=(PlantedPort(name="eth0", in_bps=rate / 3, out_bps=rate / 9,
                               neighbour=("switch", "floor-sw", "port2")),
                   PlantedPort(name="ath0", type=71, in_bps=rate / 9, out_bps=rate / 3,
                               error_ratio=2e-3)),
        ),
    }  # fmt: skip
    if case.controller:
        found["controller"] = PlantedDevice(
            kind="controller", name="wlc", address=CONTROLLER,
            clients_count=(260, 310, 370)[busy] if slot.lesson else 14,
            ports=(PlantedPort(name="eth0"),),
        )  # fmt: skip
    return found


def speeds_of(case: Case, slot: Slot) -> Speeds:
    """Line and services of a healthy school in one slot."""
    rise = case.random.uniform(0, 0.002) if slot.lesson else 0.0
    cross = case.random.uniform(20e6, 90e6) if slot.lesson else case.random.uniform(0, 3e6)
    return Speeds(line_bps=430e6, cross_bps=cross, rtt_seconds=0.011 + rise)


def built(
    name: str,
    plants: Sequence[Plant],
    planted: Sequence[str],
    seed: int,
    days: Sequence[date] = DAYS,
) -> Scenario:
    """One school with some plants in it."""
    random = Random(f"{name} {seed}")
    case = Case(random, small_router=random.random() < 0.5, controller=random.random() < 0.3)
    for plant in plants:
        plant(case)
    stream = Stream(random)
    for slot in slots(days):
        speeds, devices = speeds_of(case, slot), devices_of(case, slot)
        for change in case.speeds:
            speeds = change(slot, speeds)
        for alter in case.devices:
            alter(slot, devices)
        stream.measure(slot, speeds)
        for device in devices.values():
            stream.device(slot, device)
    for step in case.after:
        step(stream)
    return Scenario(
        name=name,
        group=GROUP,
        planted=frozenset(planted),
        seed=seed,
        school=SchoolRecord(
            code="planted",
            required_bps=case.required_bps,
            contract_bps=case.contract_bps,
            line_kind=case.line_kind,
            facts=case.facts,
        ),
        measurements=stream.measurements(),
    )
