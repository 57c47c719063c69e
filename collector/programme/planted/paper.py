"""What papers and a questionnaire say of a fictional school: with gaps, old and partly wrong."""

from collections.abc import Mapping
from random import Random
from typing import Final

from collector.programme.model import Value
from collector.programme.planted.site import Site

KNOWN: Final[Mapping[str, float]] = {
    "line.carrier": 0.95,
    "aggregation.share_bps": 0.7,
    "router.model": 0.9,
    "router.installed_year": 0.7,
    "router.rated_bps": 0.6,
    "router.sessions_limit_count": 0.4,
    "router.dhcp_pool_count": 0.5,
    "router.filter_kind": 0.85,
    "router.tls_inspection": 0.6,
    "internet.dns_server": 0.6,
    "core_switch.model": 0.75,
    "floor_switch.model": 0.7,
    "floor_switch.loop_protection": 0.5,
    "wiring.category": 0.55,
    "wiring.installed_year": 0.6,
    "access_point.model": 0.9,
    "access_point.generation": 0.85,
    "access_point.count": 0.9,
    "access_point.channel_plan": 0.4,
    "access_point.dfs_channels": 0.4,
    "device.pupils_per_ap": 0.85,
    "usage.updates": 0.6,
    "usage.slow_period": 0.75,
    "usage.slow_places": 0.7,
    "usage.sites_hang": 0.65,
    "usage.outages_per_month": 0.6,
}
"""Share of schools of which a paper or an answer is there."""
WRONG: Final = 0.05
"""Share of papers that are of another school or of before the last change."""

_PERIODS: Final[Mapping[str, str]] = {
    "line_saturated": "lessons",
    "aggregation_thin": "lessons",
    "router_limit": "lessons",
    "filter_slow": "lessons",
    "ap_overload": "lesson_start",
    "address_pool": "lesson_start",
    "nat_sessions": "lesson_start",
    "pppoe_congested": "afternoon",
    "carrier_congested": "afternoon",
    "line_below_contract": "always",
    "port_100m": "always",
    "half_duplex": "always",
    "radar_channel": "irregular",
    "loop": "irregular",
    "port_errors": "irregular",
    "cloud_side": "irregular",
}
_LOCAL: Final = ("ap_overload", "channel_interference", "radar_channel", "port_errors")
_HANGING: Final = ("mtu_black_hole", "interception", "nat_sessions", "filter_slow")


def paper(site: Site, other: Site, random: Random) -> dict[str, Value]:
    """Give what is on paper; ``other`` is the school whose papers may lie in the wrong folder."""
    mixed = _inventory(other, random) if random.random() < WRONG else {}
    values = {**_inventory(site, random), **mixed, **answers(site, random)}
    return {key: value for key, value in values.items() if random.random() < KNOWN[key]}


def answers(site: Site, random: Random) -> dict[str, Value]:
    """What teachers answer: of several troubles one, sometimes none, sometimes the wrong one."""
    periods = sorted({_PERIODS[one] for one in site.faults if one in _PERIODS})
    told = random.choice(periods) if periods and random.random() < 0.65 else "never"
    if random.random() < 0.15:
        told = random.choice(
            ("never", "lesson_start", "lessons", "afternoon", "always", "irregular")
        )
    local = any(one in site.faults for one in _LOCAL)
    wide = bool(periods) and not local
    places = "some_rooms" if local and random.random() < 0.7 else "nowhere"
    if (wide and random.random() < 0.6) or random.random() < 0.1:
        places = "everywhere"
    hang = 0.65 if any(one in site.faults for one in _HANGING) else 0.1
    outages = random.choice((1, 2, 3, 4)) if "loop" in site.faults else 0
    outages += random.choice((0, 0, 0, 0, 1, 2))
    return {
        "usage.slow_period": told,
        "usage.slow_places": places,
        "usage.sites_hang": random.random() < hang,
        "usage.outages_per_month": float(outages),
        "usage.updates": site.updates,
    }


def _inventory(site: Site, random: Random) -> dict[str, Value]:
    counted = max(1, round(site.access_points * random.choice((0.9, 1.0, 1.0, 1.0, 1.15))))
    values = site.equipment() | {
        "wiring.category": site.switch.category if random.random() < 0.9 else "cat5e",
        "access_point.count": float(counted),
        "device.pupils_per_ap": site.school.pupils / counted,
    }
    if site.school.aggregation_group:
        values["aggregation.share_bps"] = site.share_bps
    return values
