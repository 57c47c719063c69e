"""What one fictional school has, and what is wrong there."""

from dataclasses import dataclass

from collector.programme.model import Value
from collector.programme.planted.lots import RouterLot, SwitchLot, WifiLot
from collector.schools.model import School


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A school's network. ``faults`` are ids of findings: what is planted."""

    school: School
    required_bps: float
    carrier: str
    contract_bps: float
    line_bps: float
    """What the line carries when nothing is wrong with it."""
    share_bps: float
    """The school's share of its centre's uplink; the line's speed where there is no centre."""
    router: RouterLot
    switch: SwitchLot
    wifi: WifiLot
    access_points: int
    updates: str
    use_ratio: float
    """Share of the line that lessons would use were it free."""
    faults: frozenset[str] = frozenset()

    @property
    def pupils_per_ap(self) -> float:
        """Devices for each access point."""
        return self.school.pupils / self.access_points

    def equipment(self) -> dict[str, Value]:
        """Give what stands on labels and papers, as it is; papers may have it wrong."""
        router, switch, wifi = self.router, self.switch, self.wifi
        return {
            "line.carrier": self.carrier,
            "router.model": router.model,
            "router.installed_year": float(router.year),
            "router.rated_bps": router.told_bps,
            "router.sessions_limit_count": float(router.sessions_limit),
            "router.dhcp_pool_count": float(router.pool),
            "router.filter_kind": router.filter_kind,
            "router.tls_inspection": router.tls_inspection,
            "internet.dns_server": router.dns_server,
            "core_switch.model": switch.model,
            "floor_switch.model": switch.floor_model,
            "floor_switch.loop_protection": switch.loop_protection,
            "wiring.category": switch.category,
            "wiring.installed_year": float(switch.year),
            "access_point.model": wifi.model,
            "access_point.generation": wifi.generation,
            "access_point.count": float(self.access_points),
            "access_point.channel_plan": wifi.plan,
            "access_point.dfs_channels": wifi.dfs,
            "device.pupils_per_ap": self.pupils_per_ap,
        }
