"""Facts from SNMP: which device is what, and no fact where that is not clear."""

import json
from datetime import timedelta
from typing import Any

import pytest

from collector.programme import measured_rows
from collector.programme.facts_catalogue import load_facts
from collector.programme.measured_devices import (
    DeviceHour,
    DeviceReport,
    Devices,
    device_values,
    place,
)
from collector.rollup.keeper import roll_all
from collector.store.interface import Batch, Store
from tests.collector.conftest import MONDAY, Maker


def port(name: str, speed_bps: float | None = 1e9, **more: Any) -> dict[str, Any]:
    """A port that is up."""
    told = {"port": name, "state": "up", "speed_bps": speed_bps, "duplex": "full", **more}
    return {key: value for key, value in told.items() if value is not None}


def sees(here: str, name: str, there: str, roles: str) -> dict[str, Any]:
    """A neighbour on a port."""
    return {"port": here, "name": name, "remote_port": there, "roles": roles, "protocol": "lldp"}


def device(target: str, **values: Any) -> DeviceReport:
    """A report."""
    return DeviceReport(target=target, values=values)


def school(**changes: dict[str, Any]) -> list[DeviceReport]:
    """A router, a core switch, two floor switches, a controller; values changed by device."""
    made: dict[str, dict[str, Any]] = {
        "router": {
            "role": "router", "system_name": "rt", "vendor": "Maker", "model": "R1",
            "sessions_limit_count": 40_000, "ports": [port("wan"), port("lan1")],
        },
        "core": {
            "role": "switch", "system_name": "core.school.example", "model": "S24",
            "ports": [port("1"), port("2"), port("3", 1e8), port("9", 1e7)],
            "neighbours": [
                sees("1", "rt", "lan1", "router"), sees("2", "f1", "24", "bridge"),
                sees("3", "f2", "24", "bridge"), sees("9", "ap", "eth", "access_point"),
            ],
        },
        "f1": {"role": "switch", "system_name": "f1", "model": "S8", "ports": [port("24")]},
        "f2": {
            "role": "switch", "system_name": "f2", "model": "S8", "ports": [port("24", None)],
            "neighbours": [sees("24", "CORE(123)", "3", "bridge")],
        },
        "wlc": {"role": "controller", "access_points_count": 20},
    }  # fmt: skip
    for name, change in changes.items():
        made[name] = made.get(name, {}) | change
    return [DeviceReport(target=name, values=values) for name, values in made.items()]


def test_a_school_gives_its_facts() -> None:
    """Ports of the path only: the slow port of an access point is none of the core's."""
    assert device_values(Devices(reports=school(), pupils=500)) == {
        "router.model": "Maker R1",
        "router.sessions_limit_count": 40_000,
        "router.wan_port_speed_bps": 1e9,
        "core_switch.model": "S24",
        "core_switch.port_speed_bps": 1e8,
        "core_switch.duplex": "full",
        "floor_switch.model": "S8",
        "floor_switch.uplink_speed_bps": 1e8,  # told by the core's end of the link
        "access_point.count": 20,
        "device.pupils_per_ap": 25,
    }


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"core": {"neighbours": []}}, ("core_switch.", "floor_switch.")),
        ({"f1": {"neighbours": [sees("8", "rt", "lan2", "router")]}}, ("core_switch.",)),
        ({"core": {"neighbours": []}, "router": {"role": None}}, ("router.", "core_switch.")),
        ({"wlc2": {"role": "controller", "access_points_count": 9}}, ("access_point.count",)),
        ({"wlc": {"access_points_count": 0}}, ("access_point.count", "device.pupils_per_ap")),
        ({"router": {"ports": [port("wan1"), port("wan2")]}}, ("router.wan_port_speed_bps",)),
        ({"router": {"ports": [port("wan", state="down")]}}, ("router.wan_port_speed_bps",)),
        ({"router": {"model": "R\t1"}}, ("router.model",)),
        ({"f1": {"model": "other"}}, ("floor_switch.model",)),
        ({"core": {"ports": [port("1", duplex=None)]}}, ("core_switch.duplex",)),
        ({"core": {"neighbours": "odd", "ports": [1, None]}}, ("core_switch.",)),
    ],
)
def test_what_is_not_clear_is_no_fact(
    changes: dict[str, dict[str, Any]], gone: tuple[str, ...]
) -> None:
    """No router known, two cores, two controllers, nothing told: no fact, and never 0."""
    found = device_values(Devices(reports=school(**changes), pupils=500))
    assert not [key for key in found if key.startswith(gone)]
    assert 0 not in found.values()


def test_a_device_without_profile_is_what_all_its_neighbours_say() -> None:
    """Two that disagree leave it unknown; a router that also bridges may be a switch."""
    for roles, routers in (("router", 1), ("bridge router", 0)):
        changed = school(router={"role": ""}, core={"neighbours": [sees("1", "rt", "lan1", roles)]})
        assert len(place(changed).routers) == routers
    both = school(router={"role": ""}, f1={"neighbours": [sees("1", "rt", "x", "bridge")]})
    assert not place(both).routers


def test_one_half_duplex_port_of_the_path_is_half() -> None:
    """The worst of them is told."""
    ports = [port("1"), port("2", duplex="half"), port("3")]
    found = device_values(Devices(reports=school(core={"ports": ports})))
    assert found["core_switch.duplex"] == "half"


def test_the_wan_port_is_the_one_that_tests_count_at() -> None:
    """It counts before any name; another device than the router gives nothing."""
    assert device_values(Devices(reports=school(), wan=("router", "lan1")))[
        "router.wan_port_speed_bps"
    ] == pytest.approx(1e9)
    for wan in (("router", "ge9"), ("192.0.2.77", "ge0")):
        found = device_values(Devices(reports=school(), wan=wan))
        assert "router.wan_port_speed_bps" not in found


def hours(target: str, name: str, *given: tuple[int, float]) -> list[DeviceHour]:
    """Hours of (reports, median)."""
    return [DeviceHour(target=target, name=name, count=n, median=m) for n, m in given]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([(4, 0.2), (4, 0.7)], 0.7),
        ([(4, 0.2), (1, 1.0)], 0.2),  # one report is no busiest hour
        ([(2, 0.9), (2, 0.9)], None),  # four reports are too few
        ([], None),
    ],
)
def test_the_busiest_hour(given: list[tuple[int, float]], found: float | None) -> None:
    """The greatest of hours with enough reports, of a device with enough reports."""
    told = hours("router", "cpu_max_ratio", *given) + hours("f1", "cpu_max_ratio", (9, 1.0))
    values = device_values(Devices(reports=school(), hours=told))
    assert values.get("router.cpu_max_ratio") == found


def test_errors_are_the_middle_of_the_hours() -> None:
    """One bad hour of seven is no fact of the port."""
    name = "port_error_max_ratio"
    told = hours("core", name, *[(4, 1e-6)] * 6, (4, 0.5))
    assert device_values(Devices(reports=school(), hours=told))["core_switch.error_ratio"] == 1e-6


def test_all_facts_of_devices_are_in_the_list() -> None:
    """With every value a device may tell, each key is known and fits its range."""
    names = ("cpu_max_ratio", "sessions_max_ratio", "port_error_max_ratio",
             "port_discard_max_ratio", "broadcast_max_per_second", "clients_max_count")  # fmt: skip
    told = [one for t in ("router", "core", "ap") for n in names for one in hours(t, n, (5, 0.5))]
    reports = school(ap={"role": "access_point", "model": "A1"})
    found = device_values(Devices(reports=reports, hours=told, pupils=500))
    definitions = load_facts()
    assert {key for key in found if definitions[key].check(found[key]) != found[key]} == set()
    assert {"access_point.clients_max", "core_switch.broadcast_per_second"} <= set(found)
    assert all(definitions[key].measured for key in found)


def snmp_row(make: Maker, minutes: int, cpu: float, target: str = "192.0.2.1", **more: Any) -> Any:
    """A stored report of the router."""
    values = {"role": "router", "model": f"R{minutes}", "cpu_max_ratio": cpu}
    record = json.dumps({"values": values}).encode()
    at = MONDAY + timedelta(minutes=minutes)
    given = {"probe": "snmp", "target": target, "segment": "lan", "download_bps": None}
    return make.row(started_at=at, record=record, **(given | more))


def test_rows_of_both_databases(store: Store, make: Maker) -> None:
    """The newest good report of each device; hours of roll-ups; no failure, no simulated one."""
    rows = [
        *(snmp_row(make, minutes, 0.5) for minutes in (0, 15, 30)),
        snmp_row(make, 45, 0.9, outcome="failed", failure_code="no_reply"),
        snmp_row(make, 46, 0.9, simulated=True),
        snmp_row(make, 20, 0.1, target="192.0.2.2"),
        snmp_row(make, -60 * 24 * 8, 0.1, target="192.0.2.3"),
    ]
    received = MONDAY + timedelta(hours=2)
    store.submit(Batch(rows[0].agent_id, received, rows)).result(60)
    roll_all(store, received)
    span = (MONDAY - timedelta(days=20), MONDAY + timedelta(days=1))
    reports = store.read(
        lambda sql: measured_rows.device_reports(sql, "A1", *span, simulated=False)
    )
    assert [(one.target, one.values["model"]) for one in reports] == [
        ("192.0.2.1", "R30"),
        ("192.0.2.2", "R20"),
    ]
    found = store.read(lambda sql: measured_rows.device_hours(sql, "A1", *span, simulated=False))
    assert [(one.target, one.count, one.median) for one in found if one.target.endswith(".1")] == [
        ("192.0.2.1", 3, 0.5)
    ]
    nobody = store.read(lambda sql: measured_rows.device_reports(sql, "B2", *span, simulated=False))
    assert nobody == []
