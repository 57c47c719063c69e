"""Words for parts of a school's network that several views need."""

from typing import Final

from collector.pages import format as fmt
from collector.pages.i18n import Words
from collector.topology.model import Device, End, Role, Topology
from collector.topology.withheld import nameless

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_SMALL_BPS: Final = 100_000


class Names:
    """Names of devices by id; what has none is called so, with its number."""

    def __init__(self, words: Words, topology: Topology) -> None:
        self._words = words
        self._by_id = {
            one.id: one.name or words("topology.nameless", n=place)
            for place, one in enumerate(topology.devices, 1)
        }
        self.number = {one.id: place for place, one in enumerate(topology.devices, 1)}

    def of(self, device_id: str) -> str:
        """The name of a device."""
        known = self._by_id.get(device_id)
        return known or nameless(device_id) or self._words("topology.unknown")

    def end(self, at: End) -> str:
        """A device with its port."""
        if not at.port:
            return self.of(at.device)
        return self._words("topology.end", device=self.of(at.device), port=at.port)


def role_name(words: Words, role: Role | None) -> str:
    """What a device is."""
    return words("topology_role.unknown" if role is None else f"topology_role.{role.value}")


def made_by(device: Device) -> str:
    """Maker and model; empty where neither is known."""
    return " ".join(part for part in (device.vendor, device.model) if part)


def speed(words: Words, bps: float | None) -> str:
    """Speed of a port or link as people call it: 100 Mbit/s, 2.5 Gbit/s."""
    if bps is None:
        return words("topology.unknown")
    if bps >= 1e9:
        return words("topology.gbps", number=f"{bps / 1e9:g}")
    return words("topology.mbps", number=f"{bps / 1e6:g}")


def duplex(words: Words, told: str | None) -> str:
    """``full``, ``half`` or not known."""
    return words("topology.unknown" if told is None else f"topology_duplex.{told}")


def count(words: Words, number: float | None) -> str:
    """A count with thousands separated; a word where it is not known."""
    return words("topology.unknown") if number is None else f"{number:,.0f}"


def percent(words: Words, ratio: float | None, least: float = 0.01) -> str:
    """A share in per cent; what is less than ``least`` per cent but not nothing is not 0."""
    if ratio is None:
        return words("topology.unknown")
    share = 100 * ratio
    if 0 < share < least:
        return words("topology.small_percent", least=f"{least:g}")
    number = f"{share:.2g}" if 0 < share < 1 else f"{share:.0f}"
    return words("topology.percent", number=number)


def uptime(words: Words, seconds: float | None) -> str:
    """How long a device runs, in the two largest units."""
    if seconds is None:
        return words("topology.unknown")
    if seconds >= _DAY:
        days, rest = divmod(int(seconds), _DAY)
        return words("topology.uptime_days", days=days, hours=rest // _HOUR)
    hours, rest = divmod(int(seconds), _HOUR)
    return words("topology.uptime_hours", hours=hours, minutes=rest // _MINUTE)


def rate(words: Words, bps: float | None) -> str:
    """Traffic of a port."""
    if bps is None:
        return words("topology.unknown")
    if 0 < bps < _SMALL_BPS:
        return words("topology.kbps", number=f"{bps / 1e3:.2g}")
    return fmt.mbps(words, bps)
