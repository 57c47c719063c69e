"""Plant faults: what is wrong at each school follows from what it has, and from chance.

Some faults follow from quantities (a router that carries less than its line), some from a lot of
equipment (one model that drops 'packet too big'), some from an upstream that schools share, some
from nothing but bad luck. How common each is differs from city to city.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from collector.programme.planted.lots import FOLLOWS_REGION, Lots, buy
from collector.programme.planted.site import Site
from collector.schools.model import Line, School

CARRIERS: Final = ("甲通信（架空）", "乙ネット（架空）", "丙回線（架空）")
PEOPLE_SPREAD: Final = 0.35
CITY_SPREAD: Final = 0.5
"""Standard deviation of the logarithm by which faults are commoner in one city than in another."""


def plant(
    schools: Sequence[School], required_bps: Callable[[int], float], random: Random
) -> list[Site]:
    """Make the sites of a city, with their faults."""
    lots = buy(random)
    lot_of = {region: _choice(lots, random) for region in sorted({one.region for one in schools})}
    carrier_of = {region: random.choice(CARRIERS) for region in lot_of}
    city = _City(random, sorted({one.aggregation_group for one in schools} - {""}), lot_of)
    sites = []
    for school in schools:
        own = lot_of[school.region] if random.random() < FOLLOWS_REGION else _choice(lots, random)
        site = _site(school, own, carrier_of[school.region], required_bps(school.pupils), random)
        sites.append(city.with_faults(site))
    return sites


class _City:
    """How common each fault is in one city."""

    def __init__(
        self, random: Random, groups: Sequence[str], regions: Mapping[str, object]
    ) -> None:
        self._random = random
        self._thin = {group: random.random() < 0.45 for group in groups}
        self._radar = {region: random.choice((0.02, 0.05, 0.4)) for region in regions}
        self._pppoe = {(c, r): random.choice((0.1, 0.3, 0.75)) for c in CARRIERS for r in regions}
        self._carrier = {carrier: random.choice((0.03, 0.05, 0.3)) for carrier in CARRIERS}
        self._more: dict[str, float] = {}

    def with_faults(self, site: Site) -> Site:
        """Decide what is wrong at a school."""
        faults = {name for name, share in self._shares(site).items() if self._happens(name, share)}
        if self._thin.get(site.school.aggregation_group, False):
            faults.add("aggregation_thin")
        return replace(site, faults=frozenset(faults))

    def _happens(self, name: str, share: float) -> bool:
        more = self._more.setdefault(name, math.exp(self._random.gauss(0, CITY_SPREAD)))
        odds = share / max(1e-9, 1 - share) * more
        return self._random.random() < odds / (1 + odds)

    def _shares(self, site: Site) -> dict[str, float]:
        school, router, switch, wifi = site.school, site.router, site.switch, site.wifi
        pppoe = school.line is Line.BEST_EFFORT_PPPOE
        proxied = router.filter_kind in ("utm", "proxy_local", "proxy_cloud")
        sessions = school.pupils * self._random.uniform(40, 110)
        slow = router.rated_bps < min(0.85 * site.line_bps, site.required_bps)
        crowded = (site.pupils_per_ap - wifi.capacity) / 6
        cut = {"unmanaged": 0.45, "staggered": 0.12, "night": 0.04, "cache": 0.03}[site.updates]
        return {
            "line_saturated": _steep((site.use_ratio - 0.7) / 0.07),
            "line_below_contract": 0.07,
            "pppoe_congested": self._pppoe[site.carrier, school.region] if pppoe else 0.0,
            "carrier_congested": 0.0 if pppoe else self._carrier[site.carrier],
            "router_limit": 0.85 if slow else 0.02,
            "nat_sessions": 0.85 if sessions > router.sessions_limit else 0.01,
            "filter_slow": router.filter_trouble if proxied else 0.0,
            "interception": 0.08 if proxied else 0.01,
            "port_100m": switch.slow_port,
            "half_duplex": switch.negotiates_badly,
            "port_errors": switch.errors,
            "ap_overload": _steep(crowded),
            "channel_interference": {"planned": 0.03, "automatic": 0.12, "default": 0.4}[wifi.plan]
            * (1.3 if site.access_points > 20 else 0.8),
            "radar_channel": self._radar[school.region] if wifi.dfs else 0.0,
            "mtu_black_hole": router.drops_too_big + (0.03 if pppoe else 0.0),
            "dns_slow": router.resolver_trouble,
            "update_day": cut,
            "loop": 0.01 if switch.loop_protection else 0.12,
            "address_pool": 0.8 if router.pool < school.pupils * 1.05 else 0.01,
            "appliance_limit": 0.04,
            "cloud_side": 0.04,
        }


def _site(school: School, lots: Lots, carrier: str, required: float, random: Random) -> Site:
    contract = (school.contracted_mbps or 1000) * 1e6
    best = school.line is not Line.GUARANTEED
    line = contract * (random.uniform(0.5, 0.93) if best else random.uniform(0.92, 0.95))
    demand = school.pupils * math.exp(random.gauss(math.log(0.6e6), 0.8))
    wifi = lots.wifi[0]
    each = wifi.pupils_per_ap * math.exp(random.gauss(0, PEOPLE_SPREAD / 2))
    return Site(
        school=school,
        required_bps=required,
        carrier=carrier,
        contract_bps=contract,
        line_bps=line,
        share_bps=required * random.uniform(0.5, 1.5) if school.aggregation_group else line,
        router=lots.routers[0],
        switch=lots.switches[0],
        wifi=wifi,
        access_points=max(1, round(school.pupils / each)),
        updates=random.choice(("unmanaged", "unmanaged", "staggered", "night", "cache")),
        use_ratio=min(0.97, demand / line),
    )


def _choice(lots: Lots, random: Random) -> Lots:
    """One of each: what a region, or a school equipped apart, has."""
    return Lots(
        [random.choice(lots.routers)], [random.choice(lots.switches)], [random.choice(lots.wifi)]
    )


def _steep(x: float) -> float:
    return min(0.95, max(0.005, 1 / (1 + math.exp(-min(max(x, -20), 20)))))
