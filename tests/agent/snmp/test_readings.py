"""From tables to typed records: what devices in the field get wrong, and what is never kept."""

import json
from dataclasses import replace

import pytest

from agent.snmp.counters import Count, Moment, NoDifference
from agent.snmp.interfaces import Port
from agent.snmp.limits import Trouble
from agent.snmp.reading import Reading, Sample
from agent.snmp.report import values
from agent.snmp.tally import Tally
from agent.snmp.text import line
from agent.snmp.values import Kind, Value
from tests.agent.snmp import ber
from tests.agent.snmp.asking import read
from tests.agent.snmp.recording import of
from tests.agent.snmp.responder import Device

IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"
LLDP = "1.0.8802.1.1.2.1.4.1.1"
CDP = "1.3.6.1.4.1.9.9.23.1.2.1.1"
PUPIL_MAC = bytes.fromhex("02c0ffee0b0e")
PUPIL_NAME = "canary-tablet-0815"


def text(value: str) -> bytes:
    """A string."""
    return ber.tlv(ber.STRING, value.encode())


def switch(**more: bytes) -> Device:
    """One port that is up, and what else is given (OIDs with _ for dots)."""
    told = {
        "1.3.6.1.2.1.1.1.0": text("Example switch"),
        "1.3.6.1.2.1.1.2.0": ber.oid((1, 3, 6, 1, 4, 1, 99999, 1)),
        "1.3.6.1.2.1.1.3.0": ber.integer(1_000_000, ber.TICKS),
        "1.3.6.1.2.1.1.5.0": text("core"),
        f"{IF}.2.1": text("port1"),
        f"{IF}.3.1": ber.integer(6),
        f"{IF}.7.1": ber.integer(1),
        f"{IF}.8.1": ber.integer(1),
    }
    return Device(of(told | {name.replace("_", "."): value for name, value in more.items()}))


def with_values(told: dict[str, bytes]) -> Reading:
    """What is read of the switch with these values too."""
    device = switch()
    for name, value in told.items():
        device.recording.set(tuple(map(int, name.split("."))), value)
    return read(device)


@pytest.mark.parametrize(
    ("high", "low", "speed_bps"),
    [
        (1_000, 1_000_000_000, 1_000_000_000),
        (10_000, 4_294_967_295, 10_000_000_000),
        (0, 100_000_000, 100_000_000),
        (0, 0, None),
        (0, 4_294_967_295, None),
        (None, 10_000_000, 10_000_000),
        (1, 1_544_000, 1_544_000),
    ],
)
def test_speed(high: int | None, low: int, speed_bps: int | None) -> None:
    """The first counts megabits and is 0 on many ports that are up; the second ends at 4.3 G."""
    told = {f"{IF}.5.1": ber.integer(low, ber.GAUGE32)}
    if high is not None:
        told[f"{IFX}.15.1"] = ber.integer(high, ber.GAUGE32)
    assert with_values(told).ports[0].speed_bps == speed_bps


@pytest.mark.parametrize(
    ("duplex", "mau", "found"),
    [(3, None, "full"), (2, None, "half"), (1, 29, "half"), (1, 30, "full"), (1, 54, "full"),
     (1, None, None), (None, 15, "half"), (None, None, None), (1, 5, None)],
)  # fmt: skip
def test_duplex(duplex: int | None, mau: int | None, found: str | None) -> None:
    """EtherLike-MIB first; where it says unknown, the type of the MAU; else nothing is known."""
    told = {}
    if duplex is not None:
        told["1.3.6.1.2.1.10.7.2.1.19.1"] = ber.integer(duplex)
    if mau is not None:
        told["1.3.6.1.2.1.26.2.1.1.3.1.1"] = ber.oid((1, 3, 6, 1, 2, 1, 26, 4, mau))
    assert with_values(told).ports[0].duplex == found


def test_counters_of_32_bits_serve_where_there_are_no_others() -> None:
    """Also where ifXTable is there but stands at 0 beside an ifTable that counts."""
    told = {f"{IF}.10.1": ber.integer(77, ber.COUNTER32)}
    assert with_values(told).ports[0].counts["in_octets"] == Count(77, 32)
    told[f"{IFX}.6.1"] = ber.integer(0, ber.COUNTER64)
    assert with_values(told).ports[0].counts["in_octets"] == Count(77, 32)
    told[f"{IFX}.6.1"] = ber.integer(2**40, ber.COUNTER64)
    assert with_values(told).ports[0].counts["in_octets"] == Count(2**40, 64)


def test_tables_that_list_other_interfaces() -> None:
    """Ports of either are kept, and the difference is noted."""
    found = with_values({f"{IFX}.1.9": text("only-in-ifXTable")})
    assert [port.name for port in found.ports] == ["port1", "only-in-ifXTable"]
    assert Trouble.TABLES_DIFFER in found.troubles


def test_a_value_of_another_type_is_not_used() -> None:
    """A counter that is a string, a port type that is one."""
    found = with_values({f"{IF}.10.1": text("many"), f"{IF}.3.1": text("ethernet")})
    assert "in_octets" not in found.ports[0].counts
    assert found.ports[0].type is None
    assert Trouble.WRONG_TYPE in found.troubles


def lldp(index: int, name: bytes, capabilities: bytes) -> dict[str, bytes]:
    """A neighbour on port 1."""
    at = f"0.1.{index}"
    return {
        f"{LLDP}.5.{at}": ber.tlv(ber.STRING, PUPIL_MAC),
        f"{LLDP}.6.{at}": ber.integer(3),
        f"{LLDP}.7.{at}": ber.tlv(ber.STRING, PUPIL_MAC),
        f"{LLDP}.8.{at}": text("uplink"),
        f"{LLDP}.9.{at}": ber.tlv(ber.STRING, name),
        f"{LLDP}.12.{at}": ber.tlv(ber.STRING, capabilities),
    }


def test_pupils_devices_are_only_counted() -> None:
    """Names and addresses of what forwards for nobody appear nowhere, whoever tells them."""
    mac = ".".join(map(str, PUPIL_MAC))
    told = {
        **lldp(1, b"floor-2", b"\x28"),
        **lldp(2, PUPIL_NAME.encode(), b"\x01"),
        **lldp(3, PUPIL_NAME.encode(), b"\x00\x00"),
        **lldp(4, PUPIL_NAME.encode(), b""),
        f"{CDP}.6.1.9": text(PUPIL_NAME),
        f"{CDP}.9.1.9": ber.tlv(ber.STRING, b"\0\0\0\x90"),
        f"1.3.6.1.2.1.17.4.3.1.1.{mac}": ber.tlv(ber.STRING, PUPIL_MAC),
        f"1.3.6.1.2.1.17.4.3.1.2.{mac}": ber.integer(1),
        f"1.3.6.1.2.1.17.4.3.1.3.{mac}": ber.integer(3),
        "1.3.6.1.2.1.17.1.4.1.2.1": ber.integer(1),
        "1.3.6.1.2.1.4.22.1.4.1.192.0.2.77": ber.integer(3),
        "1.3.6.1.2.1.4.22.1.2.1.192.0.2.77": ber.tlv(ber.STRING, PUPIL_MAC),
    }
    found = with_values(told)
    tally = Tally()
    tally.take(found.sample)
    report = values(found, tally)
    assert [one.name for one in found.neighbours.infrastructure] == ["floor-2"]
    assert report["neighbours_other_count"] == 4
    assert report["addresses_count"] == 1
    assert report["arp_entries_count"] == 1
    shown = json.dumps(report) + repr(found)
    for canary in (
        PUPIL_NAME,
        PUPIL_MAC.hex(),
        mac,
        "192.0.2.77",
        PUPIL_MAC.hex(":"),
        repr(PUPIL_MAC)[2:-1],
    ):
        assert canary not in shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"floor-2\0\0", "floor-2"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("a\u202eb".encode(), "a?b"),
        (b"\x1b[31mred", "?[31mred"),
        (b"\xff\xfe", "??"),
        (b"A" * 60_000, "A" * 64),
        ("三階スイッチ".encode(), "三階スイッチ"),
        (b"one\r\ntwo", "one  two"),
    ],
)
def test_hostile_names_become_one_printable_line(raw: bytes, shown: str) -> None:
    """Of at most 64 characters; who shows them in a page or a table escapes them there."""
    assert line(Value(Kind.STRING, raw)) == shown
    found = with_values(lldp(1, raw, b"\x20"))
    assert [one.name for one in found.neighbours.infrastructure] == [shown]


def sample(at: float, ticks: int, octets: int, **change: object) -> Sample:
    """A port at a moment."""
    port = Port(
        index=1,
        name="ge0",
        type=6,
        speed_bps=1_000_000_000,
        state="up",
        counts={"in_octets": Count(octets, 64)},
    )
    return Sample(
        moment=Moment(at, ticks),
        ports={1: replace(port, **change)},  # type: ignore[arg-type]
        figures={},
        identity=((1, 3, 6), "core"),
    )


def test_a_reboot_in_the_middle_makes_no_rate() -> None:
    """The interval with the reboot has a reason; those around it are measured."""
    tally = Tally()
    for one in (
        sample(0, 100_000, 1_000),
        sample(60, 106_000, 1_000 + 60 * 125_000),
        sample(120, 2_000, 500),
        sample(180, 8_000, 500 + 60 * 125_000),
    ):
        tally.take(one)
    assert tally.restarts_count == 1
    assert tally.ports[1].mean_bps("in_octets") == pytest.approx(1e6)
    assert dict(tally.ports[1].reasons) == {NoDifference.RESTARTED: 1}
    assert tally.covered_seconds == 120


def test_broadcasts_are_a_rate_of_the_known_time() -> None:
    """Of the port with most; without a second reading, or without the counter, there is none."""
    device = with_values({f"{IFX}.9.1": ber.integer(0, ber.COUNTER64)})
    tally = Tally()
    tally.take(sample(0, 100_000, 1_000, counts={"in_broadcast": Count(500, 64)}))
    assert "broadcast_max_per_second" not in values(device, tally)
    tally.take(sample(60, 106_000, 9_000, counts={"in_broadcast": Count(72_500, 64)}))
    assert values(device, tally)["broadcast_max_per_second"] == pytest.approx(1_200)
    tally.clear()
    tally.take(sample(120, 112_000, 9_000, counts={}))
    assert "broadcast_max_per_second" not in values(device, tally)


def test_counters_of_whole_readings_are_known_over_polled_ones_between() -> None:
    """Broadcast is read once a report; what rose since then is known, unless the device restarted.

    Polling reads other counters in between: for a time no polled report had a broadcast rate.
    """
    device = read(Device(of({"1.3.6.1.2.1.1.5.0": ber.tlv(ber.STRING, b"sw")})))
    tally = Tally()

    def turn(at: int, ticks: int, broadcast: int | None = None) -> None:
        counts = {} if broadcast is None else {"in_broadcast": Count(broadcast, 64)}
        tally.take(sample(at, ticks, 1_000 + 10 * at, counts=counts))

    turn(0, 100_000, 500)
    turn(60, 106_000)
    tally.clear()
    turn(120, 112_000, 500 + 120 * 1_200)
    assert values(device, tally)["broadcast_max_per_second"] == pytest.approx(1_200)
    tally.clear()
    turn(180, 2_000)  # restarted
    turn(240, 8_000, 900_000)
    assert "broadcast_max_per_second" not in values(device, tally)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "ge1"}, NoDifference.OTHER_PORT),
        ({"discontinuity_ticks": 77}, NoDifference.DISCONTINUITY),
        ({"counts": {"in_octets": Count(7, 32)}}, NoDifference.TYPE_CHANGED),
        ({"counts": {}}, NoDifference.NOT_SUPPORTED),
        ({"counts": {"in_octets": Count(0, 64)}}, NoDifference.RAN_BACKWARDS),
    ],
)
def test_another_port_or_a_reset_makes_no_rate(
    change: dict[str, object], reason: NoDifference
) -> None:
    """Under the same number, with the same up time."""
    tally = Tally()
    tally.take(sample(0, 100_000, 1_000, discontinuity_ticks=5))
    tally.take(sample(60, 106_000, 9_000, **{"discontinuity_ticks": 5, **change}))
    assert tally.ports[1].mean_bps("in_octets") is None
    assert reason in tally.ports[1].reasons


def test_another_device_at_the_address_makes_no_rate() -> None:
    """Its counters have nothing to do with those before."""
    tally = Tally()
    tally.take(sample(0, 100_000, 1_000))
    told = tally.take(replace(sample(60, 106_000, 9_000), identity=((1, 3, 7), "other")))
    assert told is NoDifference.OTHER_DEVICE
    assert tally.replaced
    assert tally.ports[1].mean_bps("in_octets") is None
