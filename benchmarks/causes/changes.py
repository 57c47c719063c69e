"""Changes of a school that several faults share."""

from dataclasses import replace

from benchmarks.causes.planted_school import Case, Devices
from benchmarks.causes.streams import Slot, Speeds


def slow(case: Case, low_bps: float, high_bps: float, swing: float = 0.0) -> None:
    """Everything ends at so much, at all hours."""
    rate = case.random.uniform(low_bps, high_bps)

    def change(_slot: Slot, speeds: Speeds) -> Speeds:
        now = rate * case.random.uniform(1 - swing, 1 + swing)
        line = min(speeds.line_bps, now)
        return replace(
            speeds, line_bps=line, cross_bps=min(speeds.cross_bps, 0.3 * line),
            noise_ratio=min(speeds.noise_ratio, swing),
        )  # fmt: skip

    case.speeds.append(change)


def port(case: Case, device: str, name: str, **changes: object) -> None:
    """One port of a device is so, at all hours."""

    def alter(_slot: Slot, devices: Devices) -> None:
        devices[device] = devices[device].port(name, **changes)

    case.devices.append(alter)
