"""The path in two segments: what the school's own network carries against what comes from outside.

Where a responder stands in the school and one at the centre, the same test against both divides the
path in two. The test to the centre crosses the LAN as well, so it cannot be faster than the test
inside; how much slower it is says where the narrow piece lies. Pure.
"""

from enum import StrEnum
from typing import Final

BEYOND_RATIO: Final = 1.25
"""The LAN carries so much more than comes from the centre: it is not what holds the path."""
ALIKE_RATIO: Final = 1.1
"""Closer than this the two are one figure: what holds one may hold the other."""


class Segment(StrEnum):
    """Where the narrow piece lies."""

    BEYOND_LAN = "beyond_lan"
    """Behind the LAN responder: line, carrier, centre."""
    WITHIN_LAN = "within_lan"
    """On the way that both tests share: the LAN, or the appliance itself."""
    CANNOT_TELL = "cannot_tell"
    """The two figures are too close to part them and too far apart to be one, or uncertain."""


def compare(
    lan_bps: float,
    centre_bps: float,
    lan_half_width_ratio: float = 0.0,
    centre_half_width_ratio: float = 0.0,
) -> Segment:
    """Compare goodput of one direction, in bit/s, each with its relative half width.

    Half widths are those of the throughput test (1.96 standard errors over the mean). Raises
    ValueError for a rate that is not above 0: it was not measured.
    """
    if not (lan_bps > 0 and centre_bps > 0):
        raise ValueError("both rates must have been measured")
    low = lan_bps * (1 - lan_half_width_ratio) / (centre_bps * (1 + centre_half_width_ratio))
    high = (
        lan_bps * (1 + lan_half_width_ratio) / (centre_bps * max(1e-9, 1 - centre_half_width_ratio))
    )
    if low >= BEYOND_RATIO:
        return Segment.BEYOND_LAN
    return Segment.WITHIN_LAN if high <= ALIKE_RATIO else Segment.CANNOT_TELL
