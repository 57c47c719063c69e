"""Faults planted on the line, in services and in the appliance."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from benchmarks.causes.changes import slow
from benchmarks.causes.planted_school import Case, Devices, Plant
from benchmarks.causes.streams import Slot, Speeds, Stream, failed_of, slots
from wire.failure import FailureCode
from wire.measurement import Measurement


def _pool(case: Case) -> None:
    case.speeds.append(
        lambda slot, speeds: replace(speeds, pool_empty=slot.lesson and slot.number % 3 == 0)
    )


def _saturated(case: Case) -> None:
    share = case.random.uniform(0.72, 0.9)

    def change(slot: Slot, speeds: Speeds) -> Speeds:
        if not slot.lesson:
            return speeds
        return replace(speeds, cross_bps=share * speeds.line_bps, rtt_seconds=0.05)

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson:  # its queue overflows
            devices["router"] = devices["router"].port("wan1", in_bps=4e8, discard_ratio=2e-3)

    case.speeds.append(change)
    case.devices.append(alter)


def _below_contract(case: Case) -> None:
    slow(case, 100e6, 240e6, 0.03)


def _evening(case: Case) -> None:
    low = case.random.uniform(0.25, 0.6)
    case.speeds.append(
        lambda slot, speeds: (
            replace(speeds, line_bps=low * speeds.line_bps, rtt_seconds=speeds.rtt_seconds + 0.015)
            if slot.part == "evening"
            else speeds
        )
    )


def _dns(case: Case) -> None:
    late = case.random.uniform(0.22, 0.7)
    if case.random.random() < 0.5:
        case.speeds.append(
            lambda _, speeds: replace(
                speeds,
                dns_seconds=late,
                page_seconds={key: value + late for key, value in speeds.page_seconds.items()},
            )
        )
    else:
        case.speeds.append(
            lambda slot, speeds: replace(speeds, dns_timeouts_count=1 + slot.number % 2)
        )


def _cloud(case: Case) -> None:
    late = case.random.uniform(1.5, 4.0)
    case.speeds.append(
        lambda _, speeds: replace(
            speeds, page_seconds={**speeds.page_seconds, "https://b.example/": late}
        )
    )


def _ceiling(case: Case) -> None:
    ceiling = case.random.uniform(180e6, 330e6)
    case.speeds.append(lambda _, speeds: replace(speeds, ceiling_bps=ceiling))


def _hole(case: Case) -> None:
    def after(stream: Stream) -> None:
        for slot in slots()[:12:4]:
            values = {"path_mtu_bytes": 1454, "black_hole": True, "mss_upload_black_hole": True,
                      "mss_download_black_hole": case.random.random() < 0.5}  # fmt: skip
            stream.add(slot, "path_mtu", "far.example", values=values)

    case.after.append(after)


def _blocked(case: Case) -> None:
    def change(made: Measurement) -> Measurement:
        if made.probe == "https" and case.random.random() < 0.4:
            return failed_of(made, FailureCode.INTERCEPTED)
        return made

    case.after.append(lambda stream: stream.change(change))


LINE_FAULTS: Final[Mapping[str, tuple[str, Plant]]] = {
    "DHCP pool": ("address_pool", _pool),
    "line used up": ("line_saturated", _saturated),
    "below contract": ("line_below_contract", _below_contract),
    "evening": ("carrier_congested", _evening),
    "DNS": ("dns_slow", _dns),
    "cloud": ("cloud_side", _cloud),
    "ceiling of the appliance": ("appliance_limit", _ceiling),
    "MTU black hole": ("mtu_black_hole", _hole),
    "blocked pages": ("interception", _blocked),
}
