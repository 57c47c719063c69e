"""Faults planted at ports: duplex, speed, errors, discards."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from benchmarks.causes.changes import port, slow
from benchmarks.causes.planted_school import Case, Devices, Plant
from benchmarks.causes.streams import Slot


def _half_duplex_to_router(case: Case) -> None:
    errors = case.some(3e-4, 8e-3)
    port(case, "core", "port1", duplex="half", error_ratio=errors,
          late_collisions_per_second=case.some(0.1, 2.0))  # fmt: skip
    if case.random.random() < 0.5:
        port(case, "router", "lan1", error_ratio=errors)
    slow(case, 9e6, 70e6, 0.35)


def _half_duplex_floor(case: Case) -> None:
    port(case, "floor", "port1", duplex="half", late_collisions_per_second=case.some(0, 1))


def _half_duplex_appliance(case: Case) -> None:
    case.speeds.append(lambda _, speeds: replace(speeds, link_duplex="half", link_speed_bps=1e8))
    slow(case, 20e6, 80e6, 0.3)


def _errors_uplink(case: Case) -> None:
    # every slot of two in three, as a bad cable does when it is warm or touched
    ratio = case.some(3e-4, 1e-2)

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.number % 3:
            devices["core"] = devices["core"].port("port2", error_ratio=ratio, in_bps=3e7)

    case.devices.append(alter)


def _discards(case: Case) -> None:
    ratio = case.some(2e-3, 3e-2)

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson:
            devices["floor"] = devices["floor"].port("port2", discard_ratio=ratio, out_bps=4e7)

    case.devices.append(alter)


def _own_errors(case: Case) -> None:
    count = case.random.randrange(30, 400)
    case.speeds.append(lambda _, speeds: replace(speeds, own_errors_count=count))


def _slow_core_port(case: Case) -> None:
    port(case, "core", "port1", speed_bps=1e8)
    port(case, "router", "lan1", speed_bps=1e8)
    slow(case, 93.5e6, 94.2e6, 0.004)


def _slow_floor_port(case: Case) -> None:
    port(case, "floor", "port1", speed_bps=1e8)


def _slow_wan_port(case: Case) -> None:
    port(case, "router", "wan1", speed_bps=1e8)
    slow(case, 93.5e6, 94.2e6, 0.004)


def _slow_own_port(case: Case) -> None:
    case.speeds.append(lambda _, speeds: replace(speeds, link_speed_bps=1e8, ceiling_bps=94.1e6))


def _plateau(case: Case) -> None:
    """No device says anything: the speed alone does."""
    case.after.append(lambda stream: stream.drop("snmp"))
    slow(case, 93.6e6, 94.2e6, 0.004)


PORT_FAULTS: Final[Mapping[str, tuple[str, Plant]]] = {
    "half duplex to the router": ("half_duplex", _half_duplex_to_router),
    "half duplex on a floor": ("half_duplex", _half_duplex_floor),
    "half duplex at the appliance": ("half_duplex", _half_duplex_appliance),
    "errors on an uplink": ("port_errors", _errors_uplink),
    "discards to an access point": ("port_errors", _discards),
    "errors at the appliance": ("port_errors", _own_errors),
    "100 Mbit/s to the router": ("port_100m", _slow_core_port),
    "100 Mbit/s on a floor": ("port_100m", _slow_floor_port),
    "100 Mbit/s WAN port": ("port_100m", _slow_wan_port),
    "100 Mbit/s at the appliance": ("port_100m", _slow_own_port),
    "100 Mbit/s by speed alone": ("port_100m", _plateau),
}
