"""What the checks of the LAN have in common: the option of the interface, lists of addresses."""

import ipaddress
from typing import Final

from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation
from wire.options import Option
from wire.target_forms import LAN

TARGET: Final = f"the word {LAN}: the appliance's own network"
INTERFACE: Final = Option(
    type=str, default=None, help="interface in the LAN; by default that of the default route"
)


def addresses4(name: str, given: object) -> frozenset[ipaddress.IPv4Address]:
    """Read IPv4 addresses with commas between. Raises :class:`MeasurementFailed`."""
    try:
        return frozenset(map(ipaddress.IPv4Address, _parts(given)))
    except ValueError:
        raise refused(name, given, "IPv4 addresses with commas between") from None


def addresses6(name: str, given: object) -> frozenset[ipaddress.IPv6Address]:
    """Read IPv6 addresses with commas between. Raises :class:`MeasurementFailed`."""
    try:
        return frozenset(map(ipaddress.IPv6Address, _parts(given)))
    except ValueError:
        raise refused(name, given, "IPv6 addresses with commas between") from None


def refused(name: str, given: object, allowed: str) -> MeasurementFailed:
    """Make the failure of an option that the table of options could not check."""
    found = "".join(each if each.isprintable() else "?" for each in str(given))[:60]
    text = f"option {name}: found {found}, allowed is {allowed}"
    return MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)


def _parts(given: object) -> list[str]:
    return [each.strip() for each in str(given or "").split(",") if each.strip()]
