"""What an agent in a fictional school would measure: what faults do to the figures, with noise.

Many faults do alike things: a thin aggregation and a line used up both leave little in lessons, a
router and a bad line both hold the speed down. So no figure names its cause by itself.
"""

from collections.abc import Mapping
from random import Random
from typing import Final

from collector.programme.model import Value
from collector.programme.planted.site import Site
from collector.schools.model import Line

NOT_MEASURED: Final = 0.06
"""Share of figures that an agent lacks: a probe not planned, too few results."""
FROM_FEW: Final[Mapping[str, float]] = {
    "line.update_day_ratio": 0.35,
    "line.lesson_use_ratio": 0.3,
    "router.filter_throughput_bps": 0.3,
    "line.mtu_black_hole": 0.2,
    "cloud.response_median_seconds": 0.15,
    "cloud.failure_ratio": 0.15,
}
"""Figures that lack more often: they need probes, counters or weeks that not every school has."""


def measured(site: Site, random: Random) -> dict[str, Value]:
    """Give what the agent's results of some weeks would say."""
    values = _speeds(site, random) | _delays(site, random) | _beyond(site, random)
    ceiling = (
        site.required_bps * random.uniform(0.7, 1.25) if _has(site, "appliance_limit") else 2e9
    )
    values["appliance.ceiling_bps"] = ceiling
    slow_link = _has(site, "port_100m") and random.random() < 0.3
    values["appliance.link_speed_bps"] = 1e8 if slow_link or random.random() < 0.01 else 1e9
    half = _has(site, "half_duplex") and random.random() < 0.35
    values["appliance.link_duplex"] = "half" if half else "full"
    return {
        key: value
        for key, value in values.items()
        if random.random() >= FROM_FEW.get(key, NOT_MEASURED)
    }


def _speeds(site: Site, random: Random) -> dict[str, Value]:
    quiet, spread = site.line_bps, random.uniform(0.01, 0.08)
    evening, loss = random.gauss(0.96, 0.06), random.uniform(0.0, 0.003)
    use, lesson = min(0.97, site.use_ratio * random.uniform(0.9, 1.15)), 1.0
    if _has(site, "line_below_contract"):
        quiet *= random.uniform(0.1, 0.45)
    if _has(site, "aggregation_thin"):
        quiet *= random.uniform(0.45, 0.95)
        lesson *= random.uniform(0.3, 0.75)
        use *= random.uniform(0.6, 1.0)
    if _has(site, "router_limit"):
        quiet = min(quiet, site.router.rated_bps * random.uniform(0.75, 1.0))
        lesson *= random.uniform(0.75, 1.0)
    if _has(site, "pppoe_congested"):
        evening = random.uniform(0.35, 0.85)
    if _has(site, "carrier_congested"):
        evening, loss = random.uniform(0.5, 0.9), loss + random.uniform(0.0, 0.006)
    quiet *= (1 + min(1.0, evening)) / 2
    if _has(site, "port_errors"):
        quiet, loss = quiet * random.uniform(0.5, 0.98), loss + random.uniform(0.001, 0.012)
        spread += random.uniform(0.0, 0.1)
    if _has(site, "half_duplex"):
        quiet, loss = quiet * random.uniform(0.05, 0.35), loss + random.uniform(0.002, 0.02)
        spread += random.uniform(0.05, 0.3)
    if _has(site, "port_100m"):
        quiet, spread = min(quiet, 94.1e6), spread * random.uniform(0.1, 0.7)
    if _has(site, "line_saturated"):
        use = random.uniform(0.65, 0.98)
    quiet *= random.gauss(1, 0.04)
    leftover = quiet * lesson * (1 - use)
    ratio = random.gauss(0.97, 0.09)
    if _has(site, "update_day"):
        ratio = random.uniform(0.35, 0.88)
    through = random.uniform(0.2, 0.7) if _has(site, "filter_slow") else random.uniform(0.55, 1.0)
    return {
        "line.quiet_median_bps": max(1e6, quiet),
        "line.lesson_median_bps": max(1e6, quiet * lesson * random.gauss(1, 0.1)),
        "line.lesson_leftover_median_bps": max(5e5, leftover),
        "line.lesson_use_ratio": use,
        "line.lesson_ratio": max(0.01, lesson * (1 - use)),
        "line.evening_ratio": max(0.1, evening),
        "line.spread_ratio": spread,
        "line.quiet_loss_ratio": loss,
        "line.loss_ratio": loss + max(0.0, use - 0.8) * random.uniform(0, 0.05),
        "line.upload_median_bps": max(1e6, quiet * random.uniform(0.3, 0.9)),
        "line.update_day_ratio": max(0.1, ratio),
        "router.filter_throughput_bps": max(1e6, quiet * through),
    }


def _delays(site: Site, random: Random) -> dict[str, Value]:
    base, lesson = random.uniform(0.004, 0.02), random.uniform(0.0, 0.01)
    evening = abs(random.gauss(0.0008, 0.0012))
    if _has(site, "line_saturated"):
        lesson += random.uniform(0.004, 0.05)
    if _has(site, "aggregation_thin"):
        lesson += random.uniform(0.002, 0.035)
    if _has(site, "router_limit"):
        lesson += random.uniform(0.0, 0.015)
    if _has(site, "pppoe_congested") or _has(site, "carrier_congested"):
        evening += random.uniform(0.001, 0.018)
    return {
        "line.rtt_median_seconds": base,
        "line.lesson_rtt_increase_seconds": lesson,
        "line.loaded_rtt_increase_seconds": random.uniform(0.005, 0.15),
        "carrier.evening_rtt_increase_seconds": evening,
    }


def _beyond(site: Site, random: Random) -> dict[str, Value]:
    dns, dns_failed = random.lognormvariate(-3.4, 0.5), random.uniform(0.0, 0.012)
    if _has(site, "dns_slow"):
        dns, dns_failed = dns + random.uniform(0.05, 0.4), dns_failed + random.uniform(0.0, 0.06)
    cloud, cloud_failed = random.uniform(0.2, 0.55) + dns, random.uniform(0.0, 0.02)
    if _has(site, "filter_slow"):
        cloud *= random.uniform(1.0, 2.2)
    if _has(site, "cloud_side"):
        cloud, cloud_failed = cloud + random.uniform(0.2, 1.4), random.uniform(0.0, 0.12)
    failed = random.uniform(0.0, 0.04)
    if _has(site, "nat_sessions"):
        failed += random.uniform(0.01, 0.1)
    stopped = 0.015 if random.random() < 0.02 else 0.0
    if _has(site, "interception"):
        stopped = random.uniform(0.03, 0.5)
    hole = random.random() < (0.9 if _has(site, "mtu_black_hole") else 0.015)
    pppoe = site.school.line is Line.BEST_EFFORT_PPPOE
    mtu = random.choice((1454, 1454, 1492)) if pppoe else random.choice((1500, 1500, 1460))
    if hole and random.random() < 0.4:
        mtu = random.choice((1280, 1380, 1414))
    return {
        "internet.dns_median_seconds": dns,
        "internet.dns_failure_ratio": dns_failed,
        "cloud.response_median_seconds": cloud,
        "cloud.failure_ratio": cloud_failed,
        "line.failure_ratio": min(1.0, failed + stopped),
        "router.intercepted_ratio": stopped,
        "line.mtu_black_hole": hole,
        "line.path_mtu_bytes": float(mtu),
    }


def _has(site: Site, fault: str) -> bool:
    return fault in site.faults
