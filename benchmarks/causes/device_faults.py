"""All that is planted in device data: faults by name, and pairs of them."""

from collections.abc import Mapping
from typing import Final

from benchmarks.causes.box_faults import BOX_FAULTS
from benchmarks.causes.line_faults import LINE_FAULTS
from benchmarks.causes.planted_school import Plant
from benchmarks.causes.port_faults import PORT_FAULTS

FAULTS: Final[Mapping[str, tuple[str, Plant]]] = {**PORT_FAULTS, **BOX_FAULTS, **LINE_FAULTS}
PAIRS: Final = (
    ("half duplex on a floor", "access point full"),
    ("errors on an uplink", "session table"),
    ("100 Mbit/s WAN port", "channel"),
    ("router's processor", "DHCP pool"),
    ("line used up", "access point full"),
    ("half duplex to the router", "DNS"),
    ("loop", "cloud"),
    ("discards to an access point", "line used up"),
    ("evening", "100 Mbit/s on a floor"),
)
