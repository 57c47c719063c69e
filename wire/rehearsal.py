"""The command of a rehearsal: test at the same moments as all other schools of the group.

It comes with every heartbeat for as long as the rehearsal is on. Moments are told as seconds from
the reply on: the clock of an appliance may be wrong. Each round begins at a multiple of the period
after the beginning; a school that misses one takes part in the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wire.measurement import Json
from wire.parsing import Refused

KIND: Final = "rehearsal"
PERIOD_SECONDS: Final = 15.0
ID: Final = "rehearsal_id"
"""In the context of a result: the rehearsal it is a part of."""
ROUND: Final = "rehearsal_round_index"
LONGEST_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """What a school does in a rehearsal."""

    target: str
    starts_in_seconds: float
    """Below zero: it has begun."""
    ends_in_seconds: float
    period_seconds: float
    seconds: float
    """Length of each test."""
    flows: int
    direction: str


def read_plan(details: Mapping[str, Json]) -> RehearsalPlan:
    """Read the details of a command. Raises :class:`~wire.parsing.Refused`."""
    target, direction = details.get("target"), details.get("direction")
    if not isinstance(target, str) or not 1 <= len(target) <= 255:
        raise Refused("target", target, "HOST:PORT")
    if direction not in ("download", "upload"):
        raise Refused("direction", direction, "download or upload")
    return RehearsalPlan(
        target=target,
        starts_in_seconds=_seconds(details, "starts_in_seconds", -LONGEST_SECONDS),
        ends_in_seconds=_seconds(details, "ends_in_seconds", 0.0),
        period_seconds=_seconds(details, "period_seconds", 5.0),
        seconds=_seconds(details, "seconds", 1.0),
        flows=int(_seconds(details, "flows", 1.0)),
        direction=str(direction),
    )


def _seconds(details: Mapping[str, Json], name: str, lowest: float) -> float:
    value = details.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(name, value, "a number")
    if not lowest <= value <= LONGEST_SECONDS:
        raise Refused(name, value, f"{lowest:g} to {LONGEST_SECONDS:g}")
    return float(value)
