"""Faults planted in devices: processor, sessions, clients, radio, storms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from benchmarks.causes.planted_school import Case, Devices, Plant
from benchmarks.causes.streams import DAYS, Slot, Speeds


def _hot_router(case: Case) -> None:
    load, calm = case.some(0.93, 1.0), case.some(0.2, 0.5)
    low = case.random.uniform(0.3, 0.6)

    def alter(slot: Slot, devices: Devices) -> None:
        hot = slot.lesson and slot.number % 3 != 2
        devices["router"] = replace(devices["router"], cpu_ratio=load if hot else calm)

    def change(slot: Slot, speeds: Speeds) -> Speeds:
        return replace(speeds, line_bps=low * speeds.line_bps) if slot.lesson else speeds

    case.devices.append(alter)
    case.speeds.append(change)


def _sessions(case: Case) -> None:
    case.small_router = False
    limit = case.random.choice((8_000, 16_000, 32_000))
    share = case.some(0.93, 1.0)

    def alter(slot: Slot, devices: Devices) -> None:
        count = round(limit * (share if slot.lesson and slot.number % 4 else 0.3))
        router = devices["router"]
        devices["router"] = replace(router, sessions_limit_count=limit, sessions_count=count)

    case.devices.append(alter)


def _full_point(case: Case) -> None:
    clients = case.random.choice((66, 78, 95, 120))

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson and slot.number % 2:
            devices["point"] = replace(devices["point"], clients_count=clients)

    case.devices.append(alter)


def _full_points(case: Case) -> None:
    case.controller = True
    each = case.random.choice((50, 58, 70))

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson and slot.number % 3:
            devices["controller"] = replace(devices["controller"], clients_count=12 * each)

    case.devices.append(alter)


def _channel(case: Case) -> None:
    busy, count = case.random.uniform(0.68, 0.9), case.random.randrange(4, 9)

    def change(slot: Slot, speeds: Speeds) -> Speeds:
        now = busy if slot.lesson else 0.6 * busy
        return replace(speeds, channel_busy_ratio=now, same_channel_count=count)

    case.speeds.append(change)


def _radar(case: Case) -> None:
    def change(slot: Slot, speeds: Speeds) -> Speeds:
        away = slot.lesson and slot.number % 3 == 1
        return replace(speeds, channel=36 if away else 100, channel_dfs=not away)

    case.speeds.append(change)


def _loop(case: Case) -> None:
    frames, changes = case.some(1_500, 40_000), case.random.choice((0, 14, 60))
    days = case.random.choice((2, 3))
    first = 3 * (len(DAYS) - days)
    # on the latest days: a loop of a week ago that is gone is past

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson and slot.number >= first and slot.number % 3 < 2:
            for key in ("core", "floor"):
                device = replace(devices[key], topology_changes_count=changes)
                devices[key] = device.port(
                    "port1", broadcast_per_second=frames, discard_ratio=4e-3, in_bps=9e8
                )
            devices["router"] = replace(devices["router"], cpu_ratio=0.97)

    case.devices.append(alter)


BOX_FAULTS: Final[Mapping[str, tuple[str, Plant]]] = {
    "router's processor": ("router_limit", _hot_router),
    "session table": ("nat_sessions", _sessions),
    "access point full": ("ap_overload", _full_point),
    "all access points full": ("ap_overload", _full_points),
    "channel": ("channel_interference", _channel),
    "radar": ("radar_channel", _radar),
    "loop": ("loop", _loop),
}
