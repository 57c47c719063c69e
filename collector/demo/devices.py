"""What the devices of a fictional school would say over SNMP: seeded, marked ``simulated``.

Two school days of the last week, three reports each: two in a lesson, one after; and one evening of
the week before, so that there is something to compare. They have the equipment that the school's
papers name and show the fault behind its simulated measurements, and those planted beside (crowded
access points, a loop, errors, sessions): never another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from random import Random
from typing import Any, Final

from collector.demo.profiles import WEEKS, Path
from collector.demo.simulator import AGENT_VERSION, SimulatedAgent, moment_of
from collector.programme.planted.site import Site
from collector.schools.model import Line
from wire.failure import Outcome
from wire.ids import uuid4, uuid7
from wire.measurement import Measurement

DAYS: Final = (1, 4)
LESSON: Final = (time(9, 0), time(9, 15))
AFTER: Final = (time(16, 45),)
DAY_BEFORE: Final = 2
"""Of the week before."""
REPORT_SECONDS: Final = 900.0
ROUTER, CORE, CONTROLLER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
GIGABIT, FAST = 1_000_000_000, 100_000_000
MOST_FLOORS: Final = 4
PUPILS_OF_A_FLOOR: Final = 250
MOST_POINTS: Final = 4
"""Access points of a floor switch, one a port."""
POINT: Final = "192.0.2.21"
APPLIANCE_PORT: Final = "21"
OLD_FIRMWARE, FIRMWARE = "14.01.20", "14.01.26"
"""Of the router; every third school brought it up to date between the two weeks."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """One report: in a lesson or after, and its chance."""

    lesson: bool
    random: Random
    running: timedelta
    """Since the devices were started."""
    last_week: bool
    """Else in the week before."""

    def drawn(self, lesson: tuple[float, float], after: tuple[float, float]) -> float:
        """A figure between the ends that hold now."""
        return self.random.uniform(*(lesson if self.lesson else after))


def device_reports(
    agent: SimulatedAgent, site: Site, path: Path, seed: int, before: Path | None = None
) -> SimulatedAgent:
    """Make the reports of one school's devices, as its agent would send them.

    ``path``: of the last week; ``before``: of the week before, the same unless it is told.
    """
    random = Random(f"{seed}:devices:{site.school.code}")  # noqa: S311 - a simulation, no secret
    stream, boot_id = uuid4(random.getrandbits(128)), uuid4(random.getrandbits(128))
    made: list[Measurement] = []
    if path.falls_silent:
        return SimulatedAgent(agent.school, agent.agent_id, ())
    booted_at = moment_of(WEEKS[-2], 0, time(5, 0))
    first = Random(f"{seed}:devices before:{site.school.code}")  # noqa: S311 - a simulation
    moments = [
        *((WEEKS[-2], DAY_BEFORE, clock, first, before or path) for clock in AFTER),
        *((WEEKS[-1], day, clock, random, path) for day in DAYS for clock in (*LESSON, *AFTER)),
    ]
    for week, day, clock, chance, of in moments:
        started_at = moment_of(week, day, clock)
        running = started_at - booted_at
        now = _Moment(clock in LESSON, chance, running, last_week=week == WEEKS[-1])
        for target, values in _devices(site, of, now):
            made.append(
                Measurement(
                    result_id=uuid7(int(started_at.timestamp() * 1000), chance.getrandbits(74)),
                    agent_id=agent.agent_id,
                    stream=stream,
                    seq=len(made) + 1,
                    probe="snmp",
                    target=target,
                    segment="lan",
                    started_at=started_at,
                    boot_id=boot_id,
                    monotonic_start_seconds=running.total_seconds(),
                    duration_seconds=REPORT_SECONDS,
                    outcome=Outcome.OK,
                    values=values,
                    context={
                        "agent_version": AGENT_VERSION,
                        "simulated_cause": of.cause,
                        "polled": True,
                    },
                    simulated=True,
                )
            )
    return SimulatedAgent(agent.school, agent.agent_id, tuple(made))


def _devices(site: Site, path: Path, now: _Moment) -> Iterator[tuple[str, dict[str, Any]]]:
    floors = 1 + min(MOST_FLOORS - 1, site.school.pupils // PUPILS_OF_A_FLOOR)
    yield ROUTER, _device("router", "rt", site.router.model, now, _router(site, path, now))
    told = _core(site, path, now, floors)
    yield CORE, _device("switch", "core", site.switch.model, now, told)
    for number in range(1, floors + 1):
        told = _floor(site, now, number, floors)
        model = site.switch.floor_model
        yield _floor_address(number), _device("switch", f"floor-{number}", model, now, told)
    clients = site.school.pupils * now.drawn((0.55, 0.9), (0.0, 0.05))
    told = _controller(site, round(clients))
    yield CONTROLLER, _device("controller", "wlc", "", now, told)
    yield POINT, _device("access_point", "ap-1", site.wifi.model, now, _busiest(site, now))


def _floor_address(number: int) -> str:
    return f"192.0.2.{10 + number}"


def _behind(ports: Mapping[str, str]) -> list[dict[str, str]]:
    """A forwarding table: which of the devices stands behind which port, by address."""
    return [{"device": device, "port": port} for device, port in sorted(ports.items())]


def _router(site: Site, path: Path, now: _Moment) -> dict[str, Any]:
    hot = path.cause == "router_limit"
    full = "nat_sessions" in site.faults
    mean = now.drawn((0.78, 0.88) if hot else (0.2, 0.45), (0.05, 0.2))
    most = min(1.0, mean + now.drawn((0.14, 0.2) if hot else (0.05, 0.2), (0.02, 0.1)))
    limit = site.router.sessions_limit
    used = now.drawn((0.93, 0.99) if full else (0.1, 0.45), (0.01, 0.05))
    crossed = path.capacity_bps * (path.lesson_use_ratio if now.lesson else 0.01)
    lan = FAST if path.cause == "port_100m" else GIGABIT
    wan = 10 * GIGABIT if path.capacity_bps > 0.95 * GIGABIT else GIGABIT
    return {
        "cpu_ratio": round(mean, 4),
        "cpu_max_ratio": round(most, 4),
        "sessions_count": round(limit * used * 0.9),
        "sessions_max_count": round(limit * used),
        "sessions_limit_count": limit,
        "sessions_max_ratio": round(used, 4),
        "memory_ratio": 0.41,
        "firmware": FIRMWARE if now.last_week or site.school.pupils % 3 else OLD_FIRMWARE,
        "wan_port": "wan",
        **({"wan_interface": "pp1"} if site.school.line is Line.BEST_EFFORT_PPPOE else {}),
        "ports": [_port("wan", wan, now, crossed), _port("lan1", lan, now, crossed)],
        "neighbours": [_sees("lan1", "core", "1", "bridge")],
    }


def _core(site: Site, path: Path, now: _Moment, floors: int) -> dict[str, Any]:
    crossed = path.capacity_bps * (path.lesson_use_ratio if now.lesson else 0.01)
    up = _port("1", FAST if path.cause == "port_100m" else GIGABIT, now, crossed)
    down = [_port(str(2 + n), GIGABIT, now, crossed / floors) for n in range(floors)]
    if "port_errors" in site.faults:
        packets = 0.9e6 if now.lesson else 2e4
        ratio = now.random.uniform(3e-4, 9e-4)
        down[0] |= {"error_ratio": ratio, "errors_count": round(packets * ratio) + 20}
    loops = "loop" in site.faults
    storm = now.drawn((1_300.0, 4_000.0) if loops else (4.0, 40.0), (1.0, 12.0))
    return {
        "ports": [
            up,
            *down,
            _port("20", GIGABIT, now, 1e6),
            _port(APPLIANCE_PORT, GIGABIT, now, 1e6),
        ],
        "device_ports": _behind(
            {
                ROUTER: "1",
                CONTROLLER: "20",
                POINT: "2",
                **{_floor_address(n + 1): str(2 + n) for n in range(floors)},
            }
        ),
        "appliance_port": APPLIANCE_PORT,
        "gateway_port": "1",
        "broadcast_max_per_second": round(storm, 1),
        "neighbours": [
            _sees("1", "rt", "lan1", "router"),
            *(_sees(str(2 + n), f"floor-{n + 1}", "24", "bridge") for n in range(floors)),
        ],
    }


def _floor(site: Site, now: _Moment, number: int, floors: int) -> dict[str, Any]:
    share = now.drawn((5e6, 80e6), (1e5, 1e6)) / floors
    points = min(MOST_POINTS, -(-site.access_points // floors))
    others = [_floor_address(n) for n in range(1, floors + 1) if n != number]
    inside = {POINT: "1"} if number == 1 else {}
    return {
        "ports": [
            *(_port(str(n), GIGABIT, now, share / 4) for n in range(1, MOST_POINTS + 1)),
            _port("24", GIGABIT, now, share),
        ],
        "neighbours": [
            _sees("24", "core", str(1 + number), "bridge"),
            *(
                _sees(str(n), f"ap-{n + MOST_POINTS * (number - 1)}", "eth0", "access_point")
                for n in range(1, points + 1)
            ),
        ],
        "device_ports": _behind(
            dict.fromkeys((ROUTER, CORE, CONTROLLER, POINT, *others), "24") | inside
        ),
        "appliance_port": "24",
        "gateway_port": "24",
    }


def _controller(site: Site, clients: int) -> dict[str, Any]:
    return {
        "access_points_count": site.access_points,
        "access_points_down_count": 0,
        "clients_count": clients,
        "clients_max_count": round(clients * 1.08),
    }


def _busiest(site: Site, now: _Moment) -> dict[str, Any]:
    """The access point of the fullest room."""
    usual = min(site.pupils_per_ap, 42.0)
    crowd = now.drawn(
        (61.0, 78.0) if "ap_overload" in site.faults else (0.8 * usual, usual), (0.0, 3.0)
    )
    return {"clients_count": round(crowd * 0.9), "clients_max_count": round(crowd)}


def _device(role: str, name: str, model: str, now: _Moment, told: dict[str, Any]) -> dict[str, Any]:
    ports = told.get("ports", [])
    counted = {
        "ports_count": len(ports),
        "ports_up_count": len(ports),
        "ports_half_duplex_count": 0,
        "ports_slow_count": sum(port["speed_bps"] <= FAST for port in ports),
        "ports_with_errors_count": sum(port["error_ratio"] > 0 for port in ports),
        "port_error_max_ratio": max(port["error_ratio"] for port in ports),
        "port_discard_max_ratio": max(port["discard_ratio"] for port in ports),
    } if ports else {}  # fmt: skip
    return {
        "system_name": name,
        "profile": "simulated",
        "role": role,
        **({"model": model} if model else {}),
        "samples_count": 15,
        "covered_seconds": 840.0,
        "uptime_seconds": now.running.total_seconds(),
        **counted,
        **told,
    }


def _port(name: str, speed_bps: int, now: _Moment, crossed_bps: float) -> dict[str, Any]:
    rate = min(crossed_bps, 0.95 * speed_bps) * now.random.uniform(0.9, 1.1)
    return {
        "port": name,
        "state": "up",
        "speed_bps": speed_bps,
        "duplex": "full",
        "in_bps": round(min(rate, 0.97 * speed_bps)),
        "out_bps": round(rate * 0.12),
        "in_max_bps": round(min(rate * 1.2, 0.98 * speed_bps)),
        "out_max_bps": round(rate * 0.2),
        "errors_count": 0,
        "error_ratio": 0.0,
        "discards_count": 0,
        "discard_ratio": 0.0,
    }


def _sees(port: str, name: str, remote_port: str, roles: str) -> dict[str, Any]:
    return {
        "port": port, "name": name, "remote_port": remote_port, "roles": roles, "protocol": "lldp",
    }  # fmt: skip
