"""What a visit to a fictional school sees: device screens, ports, the air, a class that joins."""

from random import Random

from collector.programme.model import Value
from collector.programme.planted.site import Site

SEEN = 0.9
"""Share of what could be seen that was seen and noted."""


def visit(site: Site, random: Random) -> dict[str, Value]:
    """Give what was noted at the school."""
    values = site.equipment() | {
        "usage.updates": site.updates,
        **_devices(site, random),
        **_air(site, random),
    }
    return {key: value for key, value in values.items() if random.random() < SEEN}


def _devices(site: Site, random: Random) -> dict[str, Value]:
    busy, sessions = random.uniform(0.2, 0.85), random.uniform(0.1, 0.8)
    if "router_limit" in site.faults:
        busy = random.uniform(0.85, 1.0)
    if "nat_sessions" in site.faults:
        sessions = random.uniform(0.85, 1.0)
    errors = random.choice((0.0, 0.0, 1e-6, 2e-5))
    if "port_errors" in site.faults:
        errors = random.uniform(5e-5, 5e-3)
    used = random.uniform(0.3, 0.9)
    if "address_pool" in site.faults:
        used = random.uniform(0.93, 1.0)
    storms = random.uniform(5, 400)
    if "loop" in site.faults and random.random() < 0.3:  # seldom during a visit
        storms = random.uniform(1_000, 50_000)
    values: dict[str, Value] = {
        "router.cpu_max_ratio": busy,
        "router.sessions_max_ratio": sessions,
        "router.wan_port_speed_bps": 1e9,
        "router.dhcp_used_max_ratio": used,
        "core_switch.port_speed_bps": 1e8 if "port_100m" in site.faults else 1e9,
        "core_switch.duplex": "half" if "half_duplex" in site.faults else "full",
        "core_switch.error_ratio": errors,
        "core_switch.broadcast_per_second": storms,
    }
    if site.school.aggregation_group:
        thin = "aggregation_thin" in site.faults
        values["aggregation.use_max_ratio"] = (
            random.uniform(0.85, 1.0) if thin else random.uniform(0.3, 0.92)
        )
    return values


def _air(site: Site, random: Random) -> dict[str, Value]:
    clients, lost = site.pupils_per_ap * random.uniform(0.7, 1.3), random.uniform(0.0, 0.06)
    if "ap_overload" in site.faults:
        clients, lost = clients * random.uniform(1.2, 1.8), random.uniform(0.05, 0.35)
    if "address_pool" in site.faults:
        lost += random.uniform(0.0, 0.2)
    busy, heard = random.uniform(0.15, 0.6), random.choice((0, 1, 1, 2, 3))
    if "channel_interference" in site.faults:
        busy, heard = random.uniform(0.5, 0.95), random.choice((2, 3, 4, 5, 7))
    moved = 0.0 if not site.wifi.dfs else random.choice((0.0, 0.0, 0.2))
    if "radar_channel" in site.faults:
        moved = random.choice((0.5, 1.0, 2.0, 5.0))
    return {
        "access_point.clients_max": float(round(clients)),
        "device.join_failure_ratio": min(1.0, lost),
        "access_point.channel_busy_ratio": busy,
        "access_point.same_channel_count": float(heard),
        "access_point.radar_per_day": moved,
    }
