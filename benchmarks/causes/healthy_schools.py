"""Healthy schools that look odd: nothing may be said of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from benchmarks.causes.changes import port
from benchmarks.causes.planted_school import Case, Devices
from benchmarks.causes.streams import Slot, Speeds, Stream, failed_of
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.measurement import Measurement


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
    port(case, "core", "port3", speed_bps=1e7, duplex="half", in_bps=2e4, out_bps=2e4)


def _small_school(case: Case) -> None:
    """A contract of 100 Mbit/s, ports of 100 Mbit/s, and no need of more."""
    case.required_bps, case.contract_bps = 54e6, 100e6
    port(case, "router", "wan1", speed_bps=1e8)
    port(case, "floor", "port1", speed_bps=1e8)
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
