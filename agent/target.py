"""Targets as :mod:`wire.target` reads them; what is refused is a failed measurement here."""

from agent.failure import MeasurementFailed
from wire import target
from wire.failure import FailureCode, Operation
from wire.target import TargetRefused
from wire.target_forms import LAN


def parse_host(text: str) -> str:
    """Read a name or an address, see :func:`wire.target.parse_host`.

    Raises :class:`~agent.failure.MeasurementFailed` with TARGET_INVALID.
    """
    try:
        return target.parse_host(text)
    except TargetRefused as error:
        raise invalid(error) from None


def parse_host_port(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Read HOST:PORT, see :func:`wire.target.parse_host_port`.

    Raises :class:`~agent.failure.MeasurementFailed` with TARGET_INVALID.
    """
    try:
        return target.parse_host_port(text, default_port)
    except TargetRefused as error:
        raise invalid(error) from None


def invalid(error: TargetRefused) -> MeasurementFailed:
    """Make the failure of a target that was refused."""
    return MeasurementFailed(FailureCode.TARGET_INVALID, Operation.PREPARE, str(error))


def parse_lan(text: str) -> None:
    """Read the word for the appliance's own network. Raises :class:`MeasurementFailed`."""
    if text != LAN:
        raise invalid(TargetRefused(text, f"the word {LAN}: the appliance's own network"))
