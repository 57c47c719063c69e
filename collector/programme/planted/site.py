"""What one fictional school has, and what is wrong there."""

from dataclasses import dataclass

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
