"""From an address to a device that can be asked: access by range, and whoever speaks with it."""

import os
from enum import StrEnum
from random import Random

from agent.clock import Clock
from agent.failure import MeasurementFailed
from agent.snmp import access
from agent.snmp.access import AccessFile, AccessRefused
from agent.snmp.exchange import Exchange
from agent.snmp.limits import Limits
from wire.failure import FailureCode, Operation


class Engine(StrEnum):
    """Who speaks SNMP."""

    PYSNMP = "pysnmp"
    DIRECT = "direct"


def read_access() -> AccessFile:
    """Read the file of this appliance. Raises :class:`MeasurementFailed`."""
    try:
        return access.load(access.place(os.environ))
    except AccessRefused as error:
        raise MeasurementFailed(
            FailureCode.PERMISSION_DENIED, Operation.PREPARE, str(error)
        ) from None


def open_exchange(
    engine: Engine, file: AccessFile, address: str, limits: Limits, clock: Clock, random: Random
) -> Exchange:
    """Make ready to ask ``address``. Raises :class:`MeasurementFailed` where it must not be."""
    found = file.access_to(address)
    if found is None:
        text = f"{address} is in no range of the access file of this appliance"
        raise MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, text)
    if engine is Engine.PYSNMP:
        from agent.snmp.library import Library  # noqa: PLC0415 - 44 MB, only where it is used

        return Library(address, found, limits)
    from agent.snmp.direct import Direct  # noqa: PLC0415 - one of the two

    return Direct(address, found, limits, clock, random)
