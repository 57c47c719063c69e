"""Approvals as JSON objects, in the reply to a heartbeat and on the appliance's disk."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

from wire.approval import MAX_NETWORKS, Approval, networks_of
from wire.codec import format_time
from wire.fields import PROBE_NAME, read_line, read_time, read_whole
from wire.measurement import Json
from wire.parsing import Refused, Words

MAX_CHECKS: Final = 20
T = TypeVar("T")


def approval_out(one: Approval) -> Json:
    """Write one record."""
    return {
        "number": one.number,
        "school": one.school,
        "checks": list(one.checks),
        "networks": list(one.networks),
        "valid_from": format_time(one.valid_from),
        "valid_until": format_time(one.valid_until),
    }


def approval_in(place: str, value: Json) -> Approval:
    """Read one record. Raises :class:`~wire.parsing.Refused`. Checks not known here are kept."""
    if not isinstance(value, dict):
        raise Refused(place, value, "an object")

    def need(name: str, read: Callable[[str, Json], T]) -> T:
        if name not in value:
            raise Refused(f"{place}.{name}", Words("nothing"), "to be present")
        return read(f"{place}.{name}", value[name])

    valid_from: datetime = need("valid_from", read_time)
    return Approval(
        number=need("number", read_whole),
        school=need("school", read_line),
        checks=need("checks", _checks),
        networks=need("networks", _networks),
        valid_from=valid_from,
        valid_until=need("valid_until", read_time),
    )


def _checks(place: str, value: Json) -> tuple[str, ...]:
    allowed = f"a list of 1 to {MAX_CHECKS} names of checks"
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CHECKS:
        raise Refused(place, value, allowed)
    names = [name for name in value if isinstance(name, str) and PROBE_NAME.fullmatch(name)]
    if len(names) != len(value):
        raise Refused(place, value, allowed)
    return tuple(names)


def _networks(place: str, value: Json) -> tuple[str, ...]:
    allowed = f"a list of 1 to {MAX_NETWORKS} ranges such as 192.0.2.0/24"
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_NETWORKS:
        raise Refused(place, value, allowed)
    texts = [text for text in value if isinstance(text, str)]
    try:
        found = networks_of(texts)
    except ValueError:
        raise Refused(place, value, allowed) from None
    if len(found) != len(value):
        raise Refused(place, value, allowed)
    return tuple(map(str, found))
