"""Equipment comes in lots: schools of a region bought the same things in the same year."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

FOLLOWS_REGION: Final = 0.8
"""Share of schools that have what their region bought; the others were equipped apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterLot:
    """Routers of one purchase."""

    model: str
    year: int
    rated_bps: float
    """What it really carries with everything switched on."""
    told_bps: float
    """What its data sheet says."""
    sessions_limit: int
    pool: int
    filter_kind: str
    tls_inspection: bool
    dns_server: str
    drops_too_big: float
    """Share of schools with this model where 'packet too big' is dropped."""
    resolver_trouble: float
    filter_trouble: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLot:
    """Switches and cables of one purchase."""

    model: str
    floor_model: str
    year: int
    category: str
    loop_protection: bool
    slow_port: float
    """Share of schools where a port of the path runs at 100 Mbit/s."""
    negotiates_badly: float
    errors: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiLot:
    """Access points of one purchase."""

    model: str
    generation: str
    year: int
    capacity: float
    """Devices that one access point serves well."""
    plan: str
    dfs: bool
    pupils_per_ap: float


@dataclass(frozen=True, slots=True)
class Lots:
    """What a city bought, and which region has which."""

    routers: Sequence[RouterLot]
    switches: Sequence[SwitchLot]
    wifi: Sequence[WifiLot]


def buy(random: Random) -> Lots:
    """Make what a city bought over the years."""
    return Lots(
        [_router(random, number) for number in range(random.randint(3, 5))],
        [_switch(random, number) for number in range(random.randint(3, 5))],
        [_wifi(random, number) for number in range(random.randint(3, 4))],
    )


def _router(random: Random, number: int) -> RouterLot:
    year = random.randint(2012, 2023)
    real = random.uniform(0.6, 1.4) * (250e6 if year < 2017 else 600e6 if year < 2020 else 1.6e9)
    return RouterLot(
        model=f"RT-{year}{'ABCDE'[number]}",
        year=year,
        rated_bps=real,
        told_bps=real * random.uniform(1.0, 1.7),
        sessions_limit=random.choice((16_000, 32_000, 65_000, 130_000, 260_000)),
        pool=random.choice((253, 508, 508, 1_000, 1_000, 4_000)),
        filter_kind=random.choice(("utm", "proxy_local", "proxy_cloud", "device", "dns", "none")),
        tls_inspection=random.random() < 0.35,
        dns_server=random.choice(("router", "router", "school", "centre", "carrier", "public")),
        drops_too_big=random.choice((0.0, 0.01, 0.02, 0.05, 0.3)),
        resolver_trouble=random.choice((0.02, 0.03, 0.05, 0.1, 0.4)),
        filter_trouble=random.choice((0.05, 0.1, 0.25, 0.6)),
    )


def _switch(random: Random, number: int) -> SwitchLot:
    year = random.randint(2003, 2022)
    old = year < 2010
    return SwitchLot(
        model=f"CS-{year}{'ABCDE'[number]}",
        floor_model=f"FS-{year}{'ABCDE'[number]}",
        year=year,
        category=random.choice(("cat5", "cat5e"))
        if old
        else random.choice(("cat5e", "cat6", "cat6a")),
        loop_protection=random.random() < (0.3 if old else 0.75),
        slow_port=random.uniform(0.1, 0.45) if old else random.uniform(0.0, 0.1),
        negotiates_badly=random.choice((0.0, 0.01, 0.02, 0.25)),
        errors=random.uniform(0.05, 0.3) if old else random.uniform(0.0, 0.08),
    )


def _wifi(random: Random, number: int) -> WifiLot:
    year = random.randint(2014, 2023)
    generation = "wifi4" if year < 2016 else "wifi5" if year < 2021 else "wifi6"
    return WifiLot(
        model=f"AP-{year}{'ABCD'[number]}",
        generation=generation,
        year=year,
        capacity={"wifi4": 32.0, "wifi5": 45.0, "wifi6": 62.0}[generation]
        * random.uniform(0.85, 1.15),
        plan=random.choice(("planned", "automatic", "automatic", "default")),
        dfs=random.random() < 0.6,
        pupils_per_ap=random.uniform(24, 44),
    )
