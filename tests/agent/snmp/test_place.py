"""Where this appliance, its gateway and other devices are plugged in, and which port is the WAN."""

import json
from pathlib import Path

import pytest

from agent.snmp.limits import Trouble
from agent.snmp.place import (
    MOST_ROUTES,
    Here,
    Place,
    Whereabouts,
    best_route,
    parse_kernel_table,
    parse_link_address,
    read_wan,
)
from agent.snmp.profiles import load
from agent.snmp.reading import Reading, read_all
from agent.snmp.report import values
from agent.snmp.session import Engine
from agent.snmp.tally import Tally
from tests.agent.snmp import ber
from tests.agent.snmp.asking import QUICK, access, asked
from tests.agent.snmp.recording import of
from tests.agent.snmp.responder import Answer, Ask, Device, serving

IF = "1.3.6.1.2.1.2.2.1"
FDB = "1.3.6.1.2.1.17.4.3.1"
FDB_VLAN = "1.3.6.1.2.1.17.7.1.2.2.1"
BRIDGE = "1.3.6.1.2.1.17.1.4.1.2"
STACK = "1.3.6.1.2.1.31.1.2.1.3"
OURS, GATEWAY, OTHER, PUPIL = (
    (2, 0, 0x5E, 0, 0x53, last) for last in (0x11, 0x22, 0x33, 0x44)
)  # locally administered
HERE = Here(appliance=(OURS,), gateway=GATEWAY, devices={"192.0.2.9": OTHER})


def interface(number: int, kind: int = 6) -> dict[str, bytes]:
    """A port that is up."""
    return {
        f"{IF}.2.{number}": ber.tlv(ber.STRING, f"ge{number}".encode()),
        f"{IF}.3.{number}": ber.integer(kind),
        f"{IF}.7.{number}": ber.integer(1),
        f"{IF}.8.{number}": ber.integer(1),
    }


def learned(address: tuple[int, ...], port: int, vlan: int | None = None) -> dict[str, bytes]:
    """A row of a forwarding table."""
    mac = ".".join(map(str, address))
    table, index = (FDB, mac) if vlan is None else (FDB_VLAN, f"{vlan}.{mac}")
    return {f"{table}.2.{index}": ber.integer(port), f"{table}.3.{index}": ber.integer(3)}


def device(*told: dict[str, bytes]) -> Device:
    """Four ports; bridge port N is interface N + 10."""
    found: dict[str, bytes] = {"1.3.6.1.2.1.1.3.0": ber.integer(1_000_000, ber.TICKS)}
    for number in range(11, 15):
        found |= interface(number)
        found[f"{BRIDGE}.{number - 10}"] = ber.integer(number)
    for one in told:
        found |= one
    return Device(of(found))


def read(served: Device, here: Here = HERE) -> Reading:
    """Everything."""
    with serving(served) as port:
        found, _ = asked(Engine.DIRECT, access(port), lambda one: read_all(one, load(), here))
    return found


@pytest.mark.parametrize("vlan", [None, 7])
def test_ports_of_what_this_appliance_knows(vlan: int | None) -> None:
    """By bridge port and interface; nobody's address is in the reading or the report."""
    found = read(
        device(
            learned(OURS, 1, vlan),
            learned(GATEWAY, 4, vlan),
            learned(OTHER, 3, vlan),
            learned(PUPIL, 2, vlan),
        )
    )
    assert found.place == Place(
        appliance_port="ge11", gateway_port="ge14", device_ports={"192.0.2.9": "ge13"}
    )
    assert found.forwarding.addresses_count == 4
    tally = Tally()
    tally.take(found.sample)
    report = values(found, tally)
    assert report["appliance_port"] == "ge11"
    assert report["gateway_port"] == "ge14"
    assert report["device_ports"] == [{"device": "192.0.2.9", "port": "ge13"}]
    shown = json.dumps(report) + repr(found) + repr(HERE)
    for address in (OURS, GATEWAY, OTHER, PUPIL):
        forms = (bytes(address).hex(), bytes(address).hex(":"), ".".join(map(str, address)))
        assert not [form for form in (*forms, str(address)) if form in shown]


def test_what_is_not_there_or_in_two_places_has_no_port() -> None:
    """Another port in another VLAN, the device's own row, no row at all, nothing to look for."""
    twice = device(learned(OURS, 1, 7), learned(OURS, 2, 8), learned(GATEWAY, 3, 7))
    mac = ".".join(map(str, GATEWAY))
    twice.recording.set(tuple(map(int, f"{FDB_VLAN}.3.7.{mac}".split("."))), ber.integer(4))  # self
    assert read(twice).place == Place()
    assert read(device(learned(OURS, 1)), Here()).place == Place()


def test_where_not_all_ports_fit_those_that_lead_somewhere_do() -> None:
    """Of a stack of a thousand: the appliance's, the gateway's and the WAN port among the first."""
    many: dict[str, bytes] = {f"{BRIDGE}.{number}": ber.integer(number) for number in (900, 990)}
    for number in range(1, 1001):
        many |= interface(number)
        many[f"1.3.6.1.2.1.31.1.1.1.18.{number}"] = ber.tlv(ber.STRING, b"room" * 16)
    served = Device(of(many | learned(OURS, 990) | learned(GATEWAY, 900) | route_old(950)))
    found = read(served)
    tally = Tally()
    tally.take(found.sample)
    report = values(found, tally)
    ports = report["ports"]
    assert isinstance(ports, list)
    assert {one["port"] for one in ports[:3] if isinstance(one, dict)} == {
        "ge900",
        "ge950",
        "ge990",
    }
    assert len(ports) + int(str(report["ports_left_off_count"])) == 1000
    assert len(json.dumps(report)) < 65_536


def route(interface_number: int, hop: int = 1, metric: int | None = 1) -> dict[str, bytes]:
    """A default route of inetCidrRouteTable."""
    index = f"1.4.0.0.0.0.0.2.0.0.1.4.192.0.2.{hop}"
    told = {f"1.3.6.1.2.1.4.24.7.1.7.{index}": ber.integer(interface_number)}
    if metric is not None:
        told[f"1.3.6.1.2.1.4.24.7.1.12.{index}"] = ber.integer(metric)
    return told


def route_cidr(interface_number: int) -> dict[str, bytes]:
    """A default route of ipCidrRouteTable, and another route before it."""
    table = "1.3.6.1.2.1.4.24.4.1.5"
    return {
        f"{table}.0.0.0.0.0.0.0.0.0.192.0.2.1": ber.integer(interface_number),
        f"{table}.192.0.2.0.255.255.255.0.0.0.0.0.0": ber.integer(11),
    }


def route_old(interface_number: int) -> dict[str, bytes]:
    """A default route of ipRouteTable, and one of an odd destination."""
    table = "1.3.6.1.2.1.4.21.1.2"
    return {
        f"{table}.0.0.0.0": ber.integer(interface_number),
        f"{table}.0.0.0.9": ber.integer(11),
    }


@pytest.mark.parametrize(
    ("told", "port", "interface_name"),
    [
        ({}, None, None),
        (route(14), "ge14", None),
        (route_cidr(13), "ge13", None),
        (route_old(12), "ge12", None),
        (route(14) | route_cidr(13), "ge14", None),
        (route(14, 1, 5) | route(13, 2, 1), "ge13", None),
        (route(14, 1) | route(13, 2), None, None),
        (route(14, 1) | route(14, 2), "ge14", None),
        (route(14, 1, None) | route(13, 2, 9), "ge13", None),
        (route(77), None, None),
        (route(-1), None, None),
        (route(0), None, None),
        (route(20) | interface(20, 23) | {f"{STACK}.20.12": ber.integer(1)}, "ge12", "ge20"),
        (
            route(20) | interface(20, 23) | interface(21, 135)
            | {f"{STACK}.20.21": ber.integer(1), f"{STACK}.21.12": ber.integer(1)},
            "ge12", "ge20",
        ),
        (
            route(20) | interface(20, 23)
            | {f"{STACK}.20.{lower}": ber.integer(1) for lower in (11, 12)},
            "ge20", None,
        ),
        (route(20) | interface(20, 23) | {f"{STACK}.20.0": ber.integer(1)}, "ge20", None),
        (
            route(20) | interface(20, 23) | interface(21, 135)
            | {f"{STACK}.20.21": ber.integer(1), f"{STACK}.21.20": ber.integer(1)},
            "ge20", None,
        ),
    ],
)  # fmt: skip
def test_the_port_of_the_default_route(
    told: dict[str, bytes], port: str | None, interface_name: str | None
) -> None:
    """In any of three tables, the least metric, down to the plug; two that are equal are none."""
    found = read(device(told)).place
    assert (found.wan_port, found.wan_interface) == (port, interface_name)


def test_endless_default_routes_end() -> None:
    """A device that has a new next hop for every question."""
    made = iter(range(1, 1_000_000))

    def endless(_device: Device, ask: Ask, answer: Answer) -> Answer:
        prefix = (1, 3, 6, 1, 2, 1, 4, 24, 7, 1, 7, 1, 4, 0, 0, 0, 0, 0)
        if ask.oids[0][: len(prefix)] != prefix:
            return answer
        rows = [((*prefix, next(made)), ber.integer(14)) for _ in range(10)]
        return Answer(ask.request_id, values=rows)

    served = device()
    served.meddle = endless
    with serving(served) as port:
        ports = asked(Engine.DIRECT, access(port), lambda one: read_all(one, load()))[0].ports
        before = len(served.asked)
        found, client = asked(Engine.DIRECT, access(port), lambda one: read_wan(one, ports), QUICK)
    assert found == (14, 14)
    assert Trouble.ROWS_CUT in client.troubles
    assert len(served.asked) - before < MOST_ROUTES


def test_best_route_of_none() -> None:
    """Is none."""
    assert best_route([]) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("02:00:5e:00:53:11", OURS),
        ("02:00:5E:00:53:11\n", OURS),
        ("00:00:00:00:00:00", None),
        ("ff:ff:ff:ff:ff:ff", None),
        ("01:00:5e:00:00:01", None),
        ("02:00:5e:00:53", None),
        ("02:00:5e:00:53:1g", None),
        ("02-00-5e-00-53-11", None),
        ("", None),
        ("00:00:00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:00:53:11", None),
    ],
)
def test_link_addresses(text: str, found: tuple[int, ...] | None) -> None:
    """Of one station on Ethernet; of groups, InfiniBand and nobody none."""
    assert parse_link_address(text) == found


ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:5e:00:53:22     *        eth0
192.0.2.9        0x1         0x6         02:00:5e:00:53:33     *        eth0
192.0.2.10       0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.11       0x1         0x2         02:00:5e:00:53:33     *        eth0
192.0.2.11       0x1         0x2         02:00:5e:00:53:44     *        eth1
192.0.2.12       0x1         what        02:00:5e:00:53:44     *        eth0
192.0.2.77       0x1         0x2         02:00:5e:00:53:44     *        eth0
short
"""
ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
)


def test_only_what_was_asked_for_is_taken_from_the_kernel() -> None:
    """Complete entries; an address with two owners has none."""
    wanted = ("192.0.2.1", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12")
    assert parse_kernel_table(ARP, wanted) == {"192.0.2.1": GATEWAY, "192.0.2.9": OTHER}
    assert parse_kernel_table("", wanted) == {}


def look(folder: Path, arp: str = ARP, routes: str = ROUTES, towards: str | None = "eth1") -> Here:
    """At tables in files."""
    (folder / "arp").write_text(arp)
    (folder / "route").write_text(routes)
    for name, address in (("eth0", "02:00:5e:00:53:11"), ("eth1", "02:00:5e:00:53:12")):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "address").write_text(address + "\n")
    whereabouts = Whereabouts(
        ("192.0.2.9", "192.0.2.1"), folder / "route", folder / "arp", folder, lambda _: towards
    )
    return whereabouts.look("192.0.2.1")


def test_looking_at_the_own_tables(tmp_path: Path) -> None:
    """The interface of the default route first; a device is not sought in itself."""
    found = look(tmp_path)
    assert found.appliance == (OURS, (*OURS[:5], 0x12))
    assert found.gateway == GATEWAY
    assert found.devices == {"192.0.2.9": OTHER}


def test_tables_of_another_shape_say_nothing(tmp_path: Path) -> None:
    """No IPv4, an unknown interface, garbage."""
    assert look(tmp_path, "", "").gateway is None
    assert look(tmp_path, "", "", None) == Here()
    assert look(tmp_path, "\nx y z", "Iface\neth0 zz zz zz zz zz zz zz\n", None) == Here()
