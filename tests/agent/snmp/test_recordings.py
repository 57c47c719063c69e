"""Recordings of real devices: what each gives. ``make test-recordings DIR=...`` takes any folder.

Without a folder the recordings of the snmpsim-data package are used (BSD), those that unpack fast.
Each device is read twice by the direct engine; in between its counters rise, run round or are
reset by chance. A few are read by both engines, with identical results.
"""

import os
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from agent.failure import MeasurementFailed
from agent.snmp import oids
from agent.snmp.client import Client
from agent.snmp.limits import Limits
from agent.snmp.profiles import Figure
from agent.snmp.reading import Reading, read_all, read_counters
from agent.snmp.report import values
from agent.snmp.session import Engine
from agent.snmp.tally import Tally
from tests.agent.snmp import ber, recording
from tests.agent.snmp.asking import ENGINES, PROFILES, access, asked
from tests.agent.snmp.recording import Recording
from tests.agent.snmp.responder import Device, serving
from wire.fields import read_fields
from wire.measurement import Json

LARGEST_BYTES = 60_000
"""Packed, of the recordings that are always read."""
BOTH_ENGINES = 6
COUNTERS = [
    *(oids.INTERFACES[name] for name in ("in_octets", "out_octets", "in_errors", "out_errors")),
    *(oids.INTERFACES_MORE[name] for name in ("hc_in_octets", "hc_out_octets")),
]
LIMITS = Limits(pdu_seconds=2.0, device_seconds=20.0)


def _folder() -> tuple[Path, bool]:
    given = os.environ.get("SNMP_RECORDINGS")
    if given:
        return Path(given), True
    spec = find_spec("snmpsim_data")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data", False


def _files() -> list[Path]:
    folder, whole = _folder()
    found = sorted(path for path in folder.rglob("*.snmprec*") if path.is_file())
    return [path for path in found if whole or path.stat().st_size <= LARGEST_BYTES]


def move(told: Recording, chance: Random) -> None:
    """Let counters rise, run round or begin anew."""
    for oid, raw in list(told.values.items()):
        if oid[:-1] not in COUNTERS or raw[0] not in (ber.COUNTER32, ber.COUNTER64):
            continue
        bits = 32 if raw[0] == ber.COUNTER32 else 64
        value = ber.to_int(ber.read(raw)[1]) & ((1 << bits) - 1)
        kind = chance.randrange(10)
        moved = 0 if kind == 0 else value - 5 if kind == 1 else value + chance.randrange(100_000)
        told.values[oid] = ber.integer(moved % (1 << bits), raw[0])


def negative(told: Json) -> bool:
    """Whether any number in it is below zero."""
    if isinstance(told, dict):
        return any(negative(one) for name, one in told.items() if name != "temperature_celsius")
    if isinstance(told, list):
        return any(negative(one) for one in told)
    return isinstance(told, int | float) and told < 0


async def _twice(client: Client, told: Recording, chance: Random) -> tuple[Reading, Tally]:
    tally = Tally()
    reading = await read_all(client, PROFILES)
    tally.take(reading.sample)
    move(told, chance)
    tally.take(await read_counters(client, reading))
    return reading, tally


def test_recordings_of_real_devices() -> None:
    """At least 40 devices with ports: no crash, no negative rate, no endless walk; a table."""
    files, chance = _files(), Random(5)
    with_ports, slowest, silent = 0, 0.0, 0
    print(f"\n{'recording':38} ports   up 32bit speed? duplex? seconds  what else")
    for path in files:
        told = recording.load(path)
        began = time.monotonic()
        with serving(Device(told)) as port:
            try:
                (reading, tally), _ = asked(
                    Engine.DIRECT,
                    access(port),
                    lambda one, told=told: _twice(one, told, chance),
                    LIMITS,
                )
            except MeasurementFailed as error:
                silent += 1
                print(f"{path.name[:38]:38} {error}")
                continue
        seconds = time.monotonic() - began
        slowest = max(slowest, seconds)
        found = values(reading, tally)
        read_fields("values", found)
        assert not negative(found), path
        assert seconds < LIMITS.device_seconds + 10, path
        with_ports += bool(reading.ports)
        print(_line(path, reading, found, seconds))
    print(
        f"{len(files)} recordings, {with_ports} with ports, {silent} without an answer, "
        f"slowest {slowest:.1f} s"
    )
    if not _folder()[1]:
        assert with_ports >= 40
        assert silent == 0


def _line(path: Path, reading: Reading, found: dict[str, Json], seconds: float) -> str:
    up = [port for port in reading.ports if port.is_up]
    narrow = sum("in_octets" in port.counts and port.counts["in_octets"].bits == 32 for port in up)
    told = [
        f"{name}={found[name]:.3g}" if isinstance(found[name], float) else f"{name}={found[name]}"
        for name in (*Figure, "addresses_count", "power_ports_count")
        if name in found and name not in ("model", "firmware")
    ]
    neighbours = len(reading.neighbours.infrastructure)
    what = [str(found.get("profile", "-")), *told, f"neighbours={neighbours}"]
    return (
        f"{path.name[:38]:38} {len(reading.ports):5} {len(up):4} {narrow:5} "
        f"{sum(port.speed_bps is None for port in up):6} "
        f"{sum(port.duplex is None for port in up):7} {seconds:7.2f}  {' '.join(what)} "
        f"{' '.join(sorted(reading.troubles))}"
    )


@pytest.mark.parametrize(
    "path", _files()[:: max(1, len(_files()) // BOTH_ENGINES)], ids=lambda one: one.name
)
def test_both_engines_read_a_recording_alike(path: Path) -> None:
    """Ports, neighbours, figures: all that is read is identical."""
    told = recording.load(path)
    readings = []
    for engine in ENGINES:
        with serving(Device(told)) as port:
            found, _ = asked(
                engine, access(port), lambda one: read_all(one, PROFILES), Limits(device_seconds=90)
            )
        readings.append(found)
    first, second = readings
    assert first.ports == second.ports
    assert first.neighbours == second.neighbours
    assert first.sample.figures == second.sample.figures
    assert (first.system, first.parts, first.power) == (second.system, second.parts, second.power)
    assert first.forwarding == second.forwarding
    assert first.troubles == second.troubles
