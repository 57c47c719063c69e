"""What is planted in devices and results, and the healthy schools that look odd: changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from benchmarks.causes.planted_school import Case, Devices, Plant
from benchmarks.causes.streams import Slot, Speeds, Stream, failed_of, slots
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.measurement import Measurement


def _slow(case: Case, low_bps: float, high_bps: float, swing: float = 0.0) -> None:
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


def _port(case: Case, device: str, name: str, **changes: object) -> None:
    def alter(_slot: Slot, devices: Devices) -> None:
        devices[device] = devices[device].port(name, **changes)

    case.devices.append(alter)


def _half_duplex_to_router(case: Case) -> None:
    errors = case.some(3e-4, 8e-3)
    _port(case, "core", "port1", duplex="half", error_ratio=errors,
          late_collisions_per_second=case.some(0.1, 2.0))  # fmt: skip
    if case.random.random() < 0.5:
        _port(case, "router", "lan1", error_ratio=errors)
    _slow(case, 9e6, 70e6, 0.35)


def _half_duplex_floor(case: Case) -> None:
    _port(case, "floor", "port1", duplex="half", late_collisions_per_second=case.some(0, 1))


def _half_duplex_appliance(case: Case) -> None:
    case.speeds.append(lambda _, speeds: replace(speeds, link_duplex="half", link_speed_bps=1e8))
    _slow(case, 20e6, 80e6, 0.3)


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
    _port(case, "core", "port1", speed_bps=1e8)
    _port(case, "router", "lan1", speed_bps=1e8)
    _slow(case, 93.5e6, 94.2e6, 0.004)


def _slow_floor_port(case: Case) -> None:
    _port(case, "floor", "port1", speed_bps=1e8)


def _slow_wan_port(case: Case) -> None:
    _port(case, "router", "wan1", speed_bps=1e8)
    _slow(case, 93.5e6, 94.2e6, 0.004)


def _slow_own_port(case: Case) -> None:
    case.speeds.append(lambda _, speeds: replace(speeds, link_speed_bps=1e8, ceiling_bps=94.1e6))


def _plateau(case: Case) -> None:
    """No device says anything: the speed alone does."""
    case.after.append(lambda stream: stream.drop("snmp"))
    _slow(case, 93.6e6, 94.2e6, 0.004)


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

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson and slot.number < 3 * days and slot.number % 3 < 2:
            for key in ("core", "floor"):
                device = replace(devices[key], topology_changes_count=changes)
                devices[key] = device.port(
                    "port1", broadcast_per_second=frames, discard_ratio=4e-3, in_bps=9e8
                )
            devices["router"] = replace(devices["router"], cpu_ratio=0.97)

    case.devices.append(alter)


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
    _slow(case, 100e6, 240e6, 0.03)


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


FAULTS: Final[Mapping[str, tuple[str, Plant]]] = {
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
    "router's processor": ("router_limit", _hot_router),
    "session table": ("nat_sessions", _sessions),
    "access point full": ("ap_overload", _full_point),
    "all access points full": ("ap_overload", _full_points),
    "channel": ("channel_interference", _channel),
    "radar": ("radar_channel", _radar),
    "loop": ("loop", _loop),
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
PAIRS: Final = (
    ("half duplex on a floor", "access point full"),
    ("errors on an uplink", "session table"),
    ("100 Mbit/s WAN port", "channel"),
    ("router's processor", "DHCP pool"),
    ("line used up", "access point full"),
    ("half duplex to the router", "DNS"),
    ("loop", "cloud"),
    ("discards to an access point", "line used up"),
    ("evening", "100 Mbit/s on a floor"),
)


def _busy(case: Case) -> None:
    """Everything is used a lot and nothing is at its end."""

    def change(slot: Slot, speeds: Speeds) -> Speeds:
        if not slot.lesson:
            return speeds
        return replace(speeds, line_bps=700e6, cross_bps=330e6, rtt_seconds=0.017,
                       channel_busy_ratio=0.5, same_channel_count=2, dns_seconds=0.06)  # fmt: skip

    def alter(slot: Slot, devices: Devices) -> None:
        if not slot.lesson:
            return
        devices["router"] = replace(
            devices["router"], cpu_ratio=0.78,
            sessions_count=None if case.small_router else 44_000,
        ).port("wan1", in_bps=3.3e8)  # fmt: skip
        devices["point"] = replace(devices["point"], clients_count=46)
        devices["core"] = devices["core"].port(
            "port2", discard_ratio=3e-4, error_ratio=2e-6, broadcast_per_second=160.0
        )
        devices["floor"] = replace(devices["floor"], power_used_ratio=0.72)

    case.speeds += [
        lambda slot, speeds: speeds if slot.lesson else replace(speeds, line_bps=700e6),
        change,
    ]
    case.devices.append(alter)


def _weak_clients(case: Case) -> None:
    """Radios repeat and drop a lot, since devices are far away; the wires are sound."""

    def alter(slot: Slot, devices: Devices) -> None:
        if slot.lesson:
            devices["point"] = devices["point"].port(
                "ath0", error_ratio=0.15, discard_ratio=0.08, in_bps=2e7, out_bps=4e7
            )

    case.devices.append(alter)
    case.speeds.append(lambda _, speeds: replace(speeds, channel_busy_ratio=0.42))


def _one_noisy_run(case: Case) -> None:
    """Once, everything was at its end."""
    odd = case.random.randrange(4, 12)

    def change(slot: Slot, speeds: Speeds) -> Speeds:
        if not slot.lesson or slot.number != odd:
            return speeds
        return replace(speeds, line_bps=30e6, cross_bps=9e6, rtt_seconds=0.2, dns_seconds=0.9,
                       dns_timeouts_count=2, own_errors_count=80, channel_busy_ratio=0.9,
                       same_channel_count=6)  # fmt: skip

    def alter(slot: Slot, devices: Devices) -> None:
        if not slot.lesson or slot.number != odd:
            return
        router = replace(devices["router"], cpu_ratio=1.0)
        if not case.small_router:
            router = replace(router, sessions_count=63_000)
        devices["router"] = router
        devices["point"] = replace(devices["point"], clients_count=90)
        devices["core"] = devices["core"].port(
            "port2", error_ratio=5e-3, discard_ratio=2e-2, broadcast_per_second=2_500.0
        )

    case.speeds.append(change)
    case.devices.append(alter)


def _old_printer(case: Case) -> None:
    """Devices at the ends of cables run at 10 and 100 Mbit/s, half duplex; nobody else's path."""
    _port(case, "core", "port3", speed_bps=1e7, duplex="half", in_bps=2e4, out_bps=2e4)


def _small_school(case: Case) -> None:
    """A contract of 100 Mbit/s, ports of 100 Mbit/s, and no need of more."""
    case.required_bps, case.contract_bps = 54e6, 100e6
    _port(case, "router", "wan1", speed_bps=1e8)
    _port(case, "floor", "port1", speed_bps=1e8)
    case.speeds.append(
        lambda _, speeds: replace(speeds, line_bps=93e6, cross_bps=speeds.cross_bps / 5)
    )


def _little_known(case: Case) -> None:
    """Throughput alone."""
    case.after.append(
        lambda stream: stream.drop("snmp", "https", "dns", "latency", "gateway", "wifi_scan")
    )


def _all_fails(case: Case) -> None:
    """Devices are silent, tests are put off or invalid, one agent's clock is wrong."""

    def change(made: Measurement) -> Measurement:
        if made.probe == "snmp":
            return failed_of(made, FailureCode.NO_REPLY)
        draw = case.random.random()
        if made.probe == "throughput" and draw < 0.3:
            failure = Failure(FailureCode.LINE_BUSY, Operation.PREPARE)
            return replace(made, outcome=Outcome.DEFERRED, failure=failure, values={})
        if draw < 0.45:
            failure = Failure(FailureCode.PROBE_CRASHED, Operation.RUN)
            zeros = {name: 0 for name, value in made.values.items() if isinstance(value, float)}
            return replace(made, outcome=Outcome.INVALID, failure=failure, values=zeros)
        if draw < 0.6:
            bad = {"download_bps": 1e6, "rtt_median_seconds": 3.0, "uncached_median_seconds": 4.0}
            wrong = {key: bad.get(key, value) for key, value in made.values.items()}
            return replace(made, values=wrong, context={**made.context, "clock_state": "wrong"})
        return made

    case.after.append(lambda stream: stream.change(change))


def _simulated_faults(case: Case) -> None:
    """A simulator's results lie beside the measured ones, and they are bad."""

    def after(stream: Stream) -> None:
        bad = [
            replace(
                one, simulated=True, result_id=one.result_id[::-1].replace("-", "0"),
                values={"download_bps": 2e6},
            )
            for one in stream.made if one.probe == "throughput"
        ]  # fmt: skip
        stream.made += bad

    case.after.append(after)


def _far_away(case: Case) -> None:
    """Forty milliseconds to everywhere."""
    case.speeds.append(lambda _, speeds: replace(speeds, rtt_seconds=speeds.rtt_seconds + 0.04))


def _restless(case: Case) -> None:
    """A port of the floor switch is plugged and unplugged: a few changes of the tree a day."""

    def alter(slot: Slot, devices: Devices) -> None:
        devices["floor"] = replace(devices["floor"], topology_changes_count=2 + slot.number % 3)

    case.devices.append(alter)


def _uneven_days(case: Case) -> None:
    """One afternoon a class downloads a film, one evening the line is at half."""

    def change(slot: Slot, speeds: Speeds) -> Speeds:
        if slot.lesson and slot.number == 5:
            return replace(speeds, cross_bps=0.8 * speeds.line_bps, rtt_seconds=0.06)
        if slot.part == "evening" and slot.number == 2:
            return replace(speeds, line_bps=0.5 * speeds.line_bps)
        return speeds

    case.speeds.append(change)


HEALTHY: Final[Mapping[str, Callable[[Case], None]]] = {
    "healthy": lambda _case: None,
    "healthy, busy": _busy,
    "healthy, weak Wi-Fi clients": _weak_clients,
    "healthy, one noisy run": _one_noisy_run,
    "healthy, old printer": _old_printer,
    "healthy, small school": _small_school,
    "healthy, little known": _little_known,
    "healthy, much failed": _all_fails,
    "healthy, simulated beside": _simulated_faults,
    "healthy, far away": _far_away,
    "healthy, re-plugged": _restless,
    "healthy, uneven days": _uneven_days,
}
