"""Measurements of a made-up school over two weeks, as the agent's records are: given figures."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from benchmarks.causes.planted_devices import REPORT_SECONDS, PlantedDevice, told
from wire.failure import Failure, FailureCode, Operation, Outcome
from wire.measurement import Measurement

JST: Final = ZoneInfo("Asia/Tokyo")
DAYS: Final = tuple(date(2026, 5, day) for day in (18, 19, 20, 21, 25, 26))
"""School days without days of updates."""
HOURS: Final = {
    "morning": (time(7, 20),),
    "lesson": (time(9, 0), time(10, 55), time(14, 0)),
    "evening": (time(17, 10),),
}
PartName = Literal["morning", "lesson", "evening"]
GATEWAY: Final = "192.0.2.1"
NOISES: Final = 2


@dataclass(frozen=True)
class Slot:
    """A quarter of an hour in which everything is measured once."""

    at: datetime
    part: PartName
    number: int
    """Of all slots of its part."""

    @property
    def lesson(self) -> bool:
        """Lessons are taught."""
        return self.part == "lesson"


def slots(days: Sequence[date] = DAYS) -> list[Slot]:
    """All of them, oldest first."""
    found = []
    counts: dict[str, int] = {}
    for day in days:
        for part, hours in HOURS.items():
            for hour in hours:
                at = datetime.combine(day, hour, JST).astimezone(UTC)
                number = counts.get(part, 0)
                counts[part] = number + 1
                found.append(Slot(at, part, number))  # type: ignore[arg-type] # keys of HOURS
    return found


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """What the line and the services do; of one slot."""

    line_bps: float = 420e6
    """What everybody together gets."""
    noise_ratio: float = 0.02
    """How much single tests differ, one standard deviation."""
    cross_bps: float = 0.0
    counted: bool = True
    """Whether others' traffic is read."""
    rtt_seconds: float = 0.011
    link_speed_bps: float = 1e9
    link_duplex: str = "full"
    ceiling_bps: float = 940e6
    own_errors_count: int = 0
    dns_seconds: float = 0.018
    dns_timeouts_count: int = 0
    page_seconds: Mapping[str, float] = field(
        default_factory=lambda: {"https://a.example/": 0.22, "https://b.example/": 0.3}
    )
    pool_empty: bool = False
    near_lost_count: int = 0
    channel: int = 36
    channel_dfs: bool = False
    channel_busy_ratio: float = 0.18
    same_channel_count: int = 1


class Stream:
    """Makes the records of one school."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.agent_id = self._uuid()
        self.made: list[Measurement] = []

    def measure(self, slot: Slot, speeds: Speeds) -> None:
        """Everything but devices, in one slot."""
        self._throughput(slot, speeds)
        self._latency(slot, speeds)
        self._services(slot, speeds)
        self._lan(slot, speeds)

    def device(self, slot: Slot, device: PlantedDevice) -> None:
        """The report of a device that ends in the slot."""
        values = told(device, self.random.randrange(NOISES))
        self.add(slot, "snmp", device.address, values=values, segment="lan")

    def add(
        self,
        slot: Slot,
        probe: str,
        target: str,
        *,
        values: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        segment: str = "internet",
        failure: Failure | None = None,
    ) -> None:
        """One record at a moment of the slot drawn at random; of a device, one over it all."""
        whole = probe == "snmp"
        shift = self.random.uniform(0, 600) if not whole else 600 - REPORT_SECONDS
        self.made.append(
            Measurement(
                result_id=self._uuid(),
                agent_id=self.agent_id,
                stream=self.agent_id,
                seq=len(self.made) + 1,
                probe=probe,
                target=target,
                segment=segment,
                started_at=slot.at + timedelta(seconds=shift),
                boot_id=self.agent_id,
                monotonic_start_seconds=1.0,
                duration_seconds=REPORT_SECONDS if whole else 5.0,
                outcome=Outcome.OK if failure is None else Outcome.FAILED,
                failure=failure,
                values={} if values is None else dict(values),
                context={} if context is None else dict(context),
            )
        )

    def drop(self, *probes: str) -> None:
        """As if these had never been measured."""
        self.made = [one for one in self.made if one.probe not in probes]

    def change(self, change: Callable[[Measurement], Measurement]) -> None:
        """Change every record."""
        self.made = [change(one) for one in self.made]

    def measurements(self) -> list[Measurement]:
        """All, oldest first."""
        return sorted(self.made, key=lambda one: (one.started_at, one.result_id))

    def _throughput(self, slot: Slot, speeds: Speeds) -> None:
        near = self.random.gauss(1.0, speeds.noise_ratio)
        cross = speeds.cross_bps * self.random.uniform(0.8, 1.2)
        left = max(1e6, speeds.line_bps * near - cross)
        context: dict[str, Any] = {
            "engine": "ndt7",
            "link_speed_bps": speeds.link_speed_bps,
            "link_duplex": speeds.link_duplex,
            "appliance_ceiling_bps": speeds.ceiling_bps,
        }
        if speeds.counted:
            context["cross_traffic_during_bps"] = cross
        values = {"download_bps": min(left, speeds.ceiling_bps), "download_limited_by": "network"}
        self.add(slot, "throughput", "far.example:4443", values=values, context=context)

    def _latency(self, slot: Slot, speeds: Speeds) -> None:
        rtt = speeds.rtt_seconds * self.random.uniform(0.95, 1.05)
        values = {"rtt_median_seconds": rtt, "sent_count": 20, "received_count": 20,
                  "loss_ratio": 0.0}  # fmt: skip
        self.add(slot, "latency", "far.example", values=values)
        got = 20 - speeds.near_lost_count
        near = {"rtt_median_seconds": 0.0006, "sent_count": 20, "received_count": got,
                "loss_ratio": 1 - got / 20, "port_speed_bps": speeds.link_speed_bps,
                "port_duplex": speeds.link_duplex, "port_up": True,
                "port_errors_count": speeds.own_errors_count,
                "port_discards_count": 0, "port_wireless": False}  # fmt: skip
        self.add(slot, "gateway", "lan", values=near, segment="lan")

    def _services(self, slot: Slot, speeds: Speeds) -> None:
        lost = speeds.dns_timeouts_count
        seconds = speeds.dns_seconds * self.random.uniform(0.8, 1.25)
        dns = {"uncached_median_seconds": seconds, "ok_count": 8 - lost, "timeout_count": lost}
        self.add(slot, "dns", "192.0.2.53", values=dns)
        for target, total in speeds.page_seconds.items():
            whole = total * self.random.uniform(0.85, 1.2)
            connect = speeds.rtt_seconds
            page = {
                "v4_dns_seconds": seconds,
                "v4_connect_seconds": connect,
                "v4_tls_seconds": 2 * connect,
                "v4_first_byte_seconds": max(connect, whole - seconds - 3 * connect),
                "v4_total_seconds": whole,
            }
            self.add(slot, "https", target, values=page)

    def _lan(self, slot: Slot, speeds: Speeds) -> None:
        if speeds.pool_empty:
            values = {"no_offer_reason": "pool_exhausted", "informed_servers_count": 1}
            failure = Failure(FailureCode.NO_REPLY, Operation.RECEIVE)
            self.add(slot, "dhcp", "lan", values=values, segment="lan", failure=failure)
        else:
            offer = {"offer_seconds": self.random.uniform(0.2, 3.1), "servers_count": 1}
            self.add(slot, "dhcp", "lan", values=offer, segment="lan")
        busy = min(1.0, max(0.0, self.random.gauss(speeds.channel_busy_ratio, 0.04)))
        own = {"channel": speeds.channel, "band": "5 GHz", "networks_count": 2,
               "own_networks_count": 1, "strongest_dbm": -52.0, "busy_ratio": busy,
               "dfs": speeds.channel_dfs}  # fmt: skip
        scan = {"busy_ratio": busy, "same_channel_networks_count": speeds.same_channel_count,
                "networks_count": 9, "channels": [own], "dfs": speeds.channel_dfs}  # fmt: skip
        self.add(slot, "wifi_scan", "lan", values=scan, segment="lan")

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))


def failed_of(made: Measurement, code: FailureCode) -> Measurement:
    """The same attempt, failed."""
    failure = Failure(code, Operation.RUN)
    return replace(made, outcome=Outcome.FAILED, failure=failure, values={})
