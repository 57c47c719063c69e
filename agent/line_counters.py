"""The line's counters of this appliance in tests whose author does not know them. Pure.

A policy of the centre says what to measure, not at which router of which school: address and port
stand in ``[line]`` of agent.toml. A test that names counters of its own keeps them.
"""

from dataclasses import replace
from typing import Final

from agent.config import LineSettings, Planned
from wire.probes import PROBES

_NAMES: Final = ("wan_interface", "wan_device", "wan_port")


def with_line_counters(planned: Planned, line: LineSettings) -> Planned:
    """Give the test with the counters of this line, where its probe takes some and it has none."""
    if any(planned.options.get(name) is not None for name in _NAMES):
        return planned
    known = PROBES[planned.probe].options
    if line.wan_interface is not None and "wan_interface" in known:
        found = {"wan_interface": line.wan_interface}
    elif line.wan_device is not None and line.wan_port is not None and "wan_device" in known:
        found = {"wan_device": line.wan_device, "wan_port": line.wan_port}
    else:
        return planned
    return replace(planned, options={**planned.options, **found})
