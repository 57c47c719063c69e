"""A school's reports for the tests: a router, a core switch, floor switches, access points."""

from datetime import UTC, datetime
from typing import Any

from collector.topology.report import Report

AT = datetime(2026, 5, 13, 3, 0, tzinfo=UTC)
ROUTER, CORE, FLOOR1, FLOOR2 = (f"192.0.2.{last}" for last in (1, 2, 3, 4))


def of(target: str) -> str:
    """A device's id."""
    return f"address:{target}"


def port(name: str, speed_bps: int | None = 1_000_000_000, **more: Any) -> dict[str, Any]:
    """A port that is up."""
    told = {"port": name, "state": "up", "speed_bps": speed_bps, "duplex": "full"} | more
    return {key: value for key, value in told.items() if value is not None}


def sees(here: str, name: str, remote: str | None = None, **more: Any) -> dict[str, Any]:
    """A neighbour."""
    told = {
        "port": here,
        "name": name,
        "remote_port": remote,
        "roles": "bridge",
        "protocol": "lldp",
    }
    return {key: value for key, value in (told | more).items() if value is not None}


def behind(**ports: str) -> list[dict[str, str]]:
    """Behind which port which devices stand: ``core="p1"``."""
    known = {"router": ROUTER, "core": CORE, "floor1": FLOOR1, "floor2": FLOOR2}
    return [{"device": known[name], "port": port} for name, port in ports.items()]


def report(target: str, name: str, **values: Any) -> Report:
    """One device's newest report."""
    return Report(target=target, values={"system_name": name} | values, started_at=AT)


def with_lldp() -> list[Report]:
    """Everybody speaks LLDP; the appliance is plugged into the first floor switch."""
    return [
        report(
            ROUTER, "rt", role="router", vendor="Maker", model="R1", firmware="1.0",
            wan_port="wan0",
            ports=[port("wan0", 10_000_000_000), port("lan1")],
            neighbours=[sees("lan1", "core", "p1")],
        ),
        report(
            CORE, "core", role="switch", model="S24",
            ports=[port("p1"), port("p2"), port("p3", 100_000_000, duplex="half")],
            neighbours=[
                sees("p1", "rt", "lan1", roles="router"), sees("p2", "floor1", "u1"),
                sees("p3", "floor2", "u1"),
            ],
            device_ports=behind(router="p1", floor1="p2", floor2="p3"),
            appliance_port="p2", gateway_port="p1",
        ),
        report(
            FLOOR1, "floor1", role="switch",
            ports=[port("u1"), port("p7"), port("p8")],
            neighbours=[
                sees("u1", "core", "p2"),
                sees("p7", "ap-1", "eth0", roles="bridge access_point"),
            ],
            device_ports=behind(router="u1", core="u1", floor2="u1"),
            appliance_port="p8", gateway_port="u1",
        ),
        report(
            FLOOR2, "floor2", role="switch",
            ports=[port("u1", 100_000_000)],
            neighbours=[sees("u1", "core", "p3")],
            device_ports=behind(router="u1", core="u1", floor1="u1"),
            appliance_port="u1", gateway_port="u1",
        ),
    ]  # fmt: skip


def without_lldp() -> list[Report]:
    """The same school where nobody speaks LLDP."""
    return [
        Report(
            target=one.target,
            values={name: told for name, told in one.values.items() if name != "neighbours"},
            started_at=one.started_at,
        )
        for one in with_lldp()
    ]
