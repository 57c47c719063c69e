"""Services of third parties: off until whoever answers for the school has accepted their terms.

A measurement over such a service tells it the school's public address, and it may publish that.
So consent is part of the test's own options (``accept_terms``), never a default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.failure import MeasurementFailed
from wire.failure import FailureCode, Operation
from wire.options import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What there is to accept, in words that fit a refusal (500 characters)."""

    name: str
    operator: str
    shares: str
    """What it learns, and what becomes of it."""
    use: str
    """What it may be used for, as far as its operator says."""
    terms_url: str


SERVICES: Final[Mapping[str, Service]] = {
    "mlab": Service(
        name="mlab",
        operator="Measurement Lab (M-Lab)",
        shares="M-Lab publishes every test for anyone for ever, with the public IP address that it "
        "came from, the time and the speed",
        use="open to all; automatic tests at random, 6 hours apart on average",
        terms_url="https://www.measurementlab.net/privacy/ and /aup/",
    ),
    "ookla": Service(
        name="ookla",
        operator="Ookla (Speedtest)",
        shares="Ookla and the server's operator learn the public IP address, the system's version "
        "and the speed; Ookla sells and publishes aggregates",
        use="its licence is for personal, non-commercial use: a city needs Ookla's permission",
        terms_url="https://www.speedtest.net/about/terms and /about/privacy",
    ),
}


def consent(name: str) -> Option:
    """Make the option ``accept_terms`` of a probe that uses the service ``name``."""
    return Option(type=str, default=None, choices=(name,), help=_help(SERVICES[name]))


def require(name: str, accepted: object) -> None:
    """Go on only with consent. Raises :class:`MeasurementFailed`; nothing was sent then."""
    if accepted == name:
        return
    service = SERVICES[name]
    raise MeasurementFailed(
        FailureCode.PERMISSION_DENIED,
        Operation.PREPARE,
        f"off until its terms are accepted: {service.operator}. {service.shares}. "
        f"{_capital(service.use)}. "
        f'Read {service.terms_url}, then set accept_terms = "{name}" (--accept-terms {name})',
    )


def _help(service: Service) -> str:
    return (
        f"accept the terms of {service.operator}; without it nothing is sent. {service.shares}. "
        f"{_capital(service.use)}. Terms: {service.terms_url}"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
