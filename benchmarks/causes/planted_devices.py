"""Devices of a school as data, read by the agent's own SNMP code into the reports it would make.

A device is a recording that changes: ports with counters that rise, a processor, sessions, clients.
The agent's client asks it over real SNMP messages, without a socket between.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random

from agent.snmp import message, profiles
from agent.snmp.client import Client
from agent.snmp.exchange import Answer, Ask, Version
from agent.snmp.limits import Limits
from agent.snmp.values import Oid
from agent.snmp.watching import Watched
from tests.agent.snmp import ber, recording, responder
from wire.measurement import Json

PROFILES = profiles.load()
COMMUNITY = "public"
REPORT_SECONDS = 900.0
POLL_SECONDS = 60.0
FRAME_BYTES = 800
"""Mean size of a frame: what makes packets of a rate."""
EPOCH = datetime(2026, 5, 1, tzinfo=UTC)
OBJECT_IDS = {
    "router": "1.3.6.1.4.1.25461.2.3.1",  # Palo Alto: processor, sessions and their limit
    "small router": "1.3.6.1.4.1.1182.1.30",  # Yamaha: processor
    "switch": "1.3.6.1.4.1.207.1.4.1",  # Allied Telesis
    "access point": "1.3.6.1.4.1.41112",  # UniFi: clients
    "controller": "1.3.6.1.4.1.25053.3.1.5",  # Ruckus: access points, clients
}
ROLE_BITS = {"router": 0x08, "small router": 0x08, "switch": 0x20, "access point": 0x10}
"""LldpSystemCapabilitiesMap, the first byte."""


@dataclass(frozen=True, kw_only=True)
class PlantedPort:
    """One port; rates are what it carries in one report."""

    name: str
    speed_bps: float = 1e9
    duplex: str = "full"
    in_bps: float = 2e6
    out_bps: float = 1e6
    error_ratio: float = 0.0
    discard_ratio: float = 0.0
    late_collisions_per_second: float = 0.0
    broadcast_per_second: float = 3.0
    addresses_count: int = 0
    up: bool = True
    type: int = 6
    neighbour: tuple[str, str, str] | None = None
    """Kind, name and port of what is plugged in."""


@dataclass(frozen=True, kw_only=True)
class PlantedDevice:
    """One device in one report."""

    kind: str
    name: str
    address: str
    ports: tuple[PlantedPort, ...] = ()
    cpu_ratio: float | None = None
    sessions_count: int | None = None
    sessions_limit_count: int = 64_000
    clients_count: int | None = None
    access_points_count: int = 12
    access_points_down_count: int = 0
    topology_changes_count: int = 0
    """In a report."""
    power_used_ratio: float | None = None
    power_faults_count: int = 0

    def port(self, name: str, **changes: object) -> "PlantedDevice":
        """The same with one port changed."""
        ports = tuple(replace(one, **changes) if one.name == name else one for one in self.ports)
        return replace(self, ports=ports)


class _Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic_seconds(self) -> float:
        return self.seconds

    def boot_id(self) -> str:
        return "0b5e9a77-6a3f-4d5a-9f5d-0f4a55aa0002"


class _Wire:
    """Asks a device of the tests with real messages."""

    version = Version.V2C
    engine_changed = False

    def __init__(self, device: responder.Device) -> None:
        self._device = device
        self._number = 0

    async def ask(self, kind: Ask, oids: Sequence[Oid], repetitions: int = 0) -> Answer:
        """Write, have it answered, read."""
        self._number += 1
        pdu = message.question(kind, self._number, oids, repetitions)
        raw = message.with_community(self.version, COMMUNITY.encode(), pdu)
        reply = self._device.reply(raw)
        assert reply is not None
        return message.read_with_community(reply, self.version, COMMUNITY.encode()).answer()

    def close(self) -> None:
        """Nothing is open."""


@lru_cache(8192)
def told(device: PlantedDevice, noise: int) -> Mapping[str, Json]:
    """Values of the report that the agent makes of a device that is so for half an hour.

    The same device and noise always give the same: devices that many schools have are read once.
    """
    return _Read(Random(noise)).report(device)


class _Read:
    """One device, read by the agent's polling as time is set forward."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._recording = recording.of({})
        self._device = responder.Device(self._recording, COMMUNITY)
        self._clock = _Clock()
        self._watched = Watched(
            PROFILES, lambda: Client(_Wire(self._device), Limits(), self._clock)
        )
        self._totals: dict[tuple[int, str], float] = {}
        self._changes = 0.0

    def report(self, device: PlantedDevice) -> Mapping[str, Json]:
        """Read it whole, report, a report's time later whole again, counters, report."""
        self._turn(device, 0.0)
        self._watched.report(self._clock.seconds)
        self._turn(device, REPORT_SECONDS)
        self._turn(device, POLL_SECONDS)
        found = self._watched.report(self._clock.seconds)
        assert found.failure is None
        return found.values

    def _turn(self, device: PlantedDevice, seconds: float) -> None:
        self._clock.seconds += seconds
        self._write(device, seconds)
        asyncio.run(self._watched.turn())

    def _write(self, device: PlantedDevice, seconds: float) -> None:
        """Let ``seconds`` pass, and put into the recording what the device then says."""
        put = self._recording.set
        uptime = int(self._clock.seconds * 100) & 0xFFFFFFFF
        put(_oid("1.3.6.1.2.1.1.1.0"), _text(f"{device.kind} of the benchmark"))
        put(_oid("1.3.6.1.2.1.1.2.0"), ber.oid(_oid(OBJECT_IDS[device.kind])))
        put(_oid("1.3.6.1.2.1.1.3.0"), ber.integer(uptime, ber.TICKS))
        put(_oid("1.3.6.1.2.1.1.5.0"), _text(device.name))
        for index, port in enumerate(device.ports, 1):
            self._write_port(index, port, seconds)
        self._write_figures(device)
        self._changes += device.topology_changes_count * seconds / REPORT_SECONDS
        put(_oid("1.3.6.1.2.1.17.2.3.0"), ber.integer(uptime, ber.TICKS))
        put(_oid("1.3.6.1.2.1.17.2.4.0"), ber.integer(int(self._changes), ber.COUNTER32))
        if device.power_used_ratio is not None:
            self._write_power(device)

    def _write_port(self, index: int, port: PlantedPort, seconds: float) -> None:
        put = self._recording.set
        rose = self._rise(index, port, seconds if port.up else 0.0)
        plain, more, ether = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1", "1.3.6.1.2.1.10.7.2.1"
        for column, value in (
            (2, _text(port.name)), (3, ber.integer(port.type)), (4, ber.integer(1500)),
            (5, ber.integer(min(round(port.speed_bps), 4_294_967_295), ber.GAUGE32)),
            (7, ber.integer(1)), (8, ber.integer(1 if port.up else 2)),
        ):  # fmt: skip
            put(_oid(f"{plain}.{column}.{index}"), value)
        for column, name in ((13, "in_discards"), (14, "in_errors"), (19, "out_discards"),
                             (20, "out_errors")):  # fmt: skip
            put(_oid(f"{plain}.{column}.{index}"), ber.integer(rose[name], ber.COUNTER32))
        put(_oid(f"{more}.1.{index}"), _text(port.name))
        put(_oid(f"{more}.15.{index}"), ber.integer(round(port.speed_bps / 1e6), ber.GAUGE32))
        for column, name in ((6, "in_octets"), (7, "in_packets"), (9, "in_broadcast"),
                             (10, "out_octets"), (11, "out_packets")):  # fmt: skip
            put(_oid(f"{more}.{column}.{index}"), ber.integer(rose[name], ber.COUNTER64))
        if port.type == 6:
            put(_oid(f"{ether}.3.{index}"), ber.integer(rose["in_errors"], ber.COUNTER32))
            put(_oid(f"{ether}.8.{index}"), ber.integer(rose["collisions"], ber.COUNTER32))
            duplex = {"unknown": 1, "half": 2, "full": 3}[port.duplex]
            put(_oid(f"{ether}.19.{index}"), ber.integer(duplex))
        self._write_neighbour(index, port)
        for number in range(port.addresses_count):
            row = f"2.0.0.{index}.{number // 256}.{number % 256}"
            put(_oid(f"1.3.6.1.2.1.17.4.3.1.2.{row}"), ber.integer(index))
            put(_oid(f"1.3.6.1.2.1.17.4.3.1.3.{row}"), ber.integer(3))
        put(_oid(f"1.3.6.1.2.1.17.1.4.1.2.{index}"), ber.integer(index))

    def _write_neighbour(self, index: int, port: PlantedPort) -> None:
        put, local = self._recording.set, "1.0.8802.1.1.2.1.3.7.1"
        put(_oid(f"{local}.2.{index}"), ber.integer(5))
        put(_oid(f"{local}.3.{index}"), _text(port.name))
        put(_oid(f"{local}.4.{index}"), _text(port.name))
        if port.neighbour is None:
            return
        kind, name, far = port.neighbour
        row = f"1.0.8802.1.1.2.1.4.1.1.{{}}.0.{index}.1"
        put(_oid(row.format(6)), ber.integer(5))
        put(_oid(row.format(7)), _text(far))
        put(_oid(row.format(8)), _text(far))
        put(_oid(row.format(9)), _text(name))
        put(_oid(row.format(12)), ber.tlv(ber.STRING, bytes((ROLE_BITS[kind], 0))))

    def _rise(self, index: int, port: PlantedPort, seconds: float) -> Mapping[str, int]:
        frames_in = port.in_bps / 8 / FRAME_BYTES
        frames_out = port.out_bps / 8 / FRAME_BYTES
        per_second = {
            "in_octets": port.in_bps / 8,
            "out_octets": port.out_bps / 8,
            "in_packets": frames_in,
            "out_packets": frames_out,
            "in_broadcast": port.broadcast_per_second,
            "in_errors": port.error_ratio * frames_in,
            "out_errors": 0.0,
            "in_discards": 0.0,
            "out_discards": port.discard_ratio * (frames_in + frames_out),
            "collisions": port.late_collisions_per_second,
        }
        for name, rate in per_second.items():
            key = (index, name)
            self._totals[key] = self._totals.get(key, 1000.0) + rate * seconds
        return {name: int(self._totals[index, name]) for name in per_second}

    def _write_figures(self, device: PlantedDevice) -> None:
        put = self._recording.set
        if device.cpu_ratio is not None:
            load = round(100 * min(1.0, max(0.0, device.cpu_ratio + self._random.gauss(0, 0.02))))
            put(_oid("1.3.6.1.2.1.25.3.3.1.2.2"), ber.integer(load))
            put(_oid("1.3.6.1.4.1.1182.2.1.6.0"), ber.integer(load, ber.GAUGE32))
        if device.sessions_count is not None:
            pan = "1.3.6.1.4.1.25461.2.1.2.3"
            count = min(device.sessions_count, device.sessions_limit_count)
            put(_oid(f"{pan}.3.0"), ber.integer(count))
            put(_oid(f"{pan}.2.0"), ber.integer(device.sessions_limit_count))
        if device.clients_count is not None:
            if device.kind == "controller":
                ruckus = "1.3.6.1.4.1.25053.1.2.1.1.1.15"
                put(_oid(f"{ruckus}.1.0"), ber.integer(device.access_points_count, ber.GAUGE32))
                put(_oid(f"{ruckus}.2.0"), ber.integer(device.clients_count, ber.GAUGE32))
            else:
                put(_oid("1.3.6.1.4.1.41112.1.6.1.2.1.8.1"), ber.integer(device.clients_count))

    def _write_power(self, device: PlantedDevice) -> None:
        put, main = self._recording.set, "1.3.6.1.2.1.105.1.3.1.1"
        put(_oid(f"{main}.2.1"), ber.integer(370, ber.GAUGE32))
        put(_oid(f"{main}.3.1"), ber.integer(1))
        used = round(370 * (device.power_used_ratio or 0.0))
        put(_oid(f"{main}.4.1"), ber.integer(used, ber.GAUGE32))
        for number, _ in enumerate(device.ports, 1):
            state = 4 if number <= device.power_faults_count else 3
            put(_oid(f"1.3.6.1.2.1.105.1.1.1.6.1.{number}"), ber.integer(state))


@lru_cache(65_536)
def _oid(text: str) -> Oid:
    return recording.parse_oid(text)


def _text(text: str) -> bytes:
    return ber.tlv(ber.STRING, text.encode())
