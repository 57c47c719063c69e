"""What a test asks the collector for: whom it wants leave from, its flows, its time, its bytes."""

from collections.abc import Mapping
from typing import Final

from wire.measurement import Json
from wire.planning.cost import Budget
from wire.planning.planned import Planned, bound_of
from wire.probes import PROBES
from wire.slot_token import MAX_QUOTA_BYTES, MAX_QUOTA_SECONDS
from wire.slots import SlotRequest

MARGIN_SECONDS: Final = 8.0
"""On top of the data of a test, its handshakes and good-byes included."""
BETWEEN_SECONDS: Final[Mapping[str, float]] = {"bottleneck": 8.0}
"""On top of that, what a test waits on the idle line from its first flow to its last."""
LONGEST_DATA_SECONDS: Final = 10.0
"""Of one direction, where the options do not say."""
QUOTA_FACTOR: Final = 1.2
UNBOUNDED_BPS: Final = 1e11
"""Asked for where no byte budget is kept; the collector bounds it by what the responder carries."""
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "throughput": ("download", "upload"),
    "verify": ("download",),
    "responsiveness": ("download", "upload"),
    "bottleneck": ("download", "upload"),
    "stamp": ("stamp",),
}
"""Probes towards responders of ours, and what they ask admission for."""


def quota_bps(budget: Budget) -> float:
    """Rate that the quota of a test is reckoned with: where bytes are counted, the line's own."""
    counted = budget.day_bytes is not None or budget.month_bytes is not None
    return budget.fastest_bps if counted else UNBOUNDED_BPS


def wants_slot(planned: Planned) -> bool:
    """Whether a test may be towards a responder that wants a token."""
    if planned.probe == "stamp":
        return planned.options.get("session", "admitted") == "admitted"
    return planned.probe in KINDS


def request_for(
    planned: Planned, fastest_bps: float, request_id: str, rehearsal: str | None = None
) -> SlotRequest:
    """What is asked for a test: its flows, and the most it may take of time and bytes."""
    options: dict[str, Json] = {
        name: option.default for name, option in PROBES[planned.probe].options.items()
    }
    options |= planned.options
    kinds = KINDS[planned.probe]
    if (direction := options.get("direction")) in kinds:
        kinds = (str(direction),)
    if kinds == ("stamp",):
        seconds = _number(options.get("count"), 100) * _number(options.get("interval_seconds"), 1)
        return SlotRequest(
            request_id=request_id,
            target=planned.target,
            kinds=kinds,
            flows=1,
            seconds=_bounded(seconds + MARGIN_SECONDS, MAX_QUOTA_SECONDS),
            quota_bytes=1_000_000,
        )
    data_seconds = _number(options.get("seconds"), LONGEST_DATA_SECONDS) * len(kinds)
    data_seconds += BETWEEN_SECONDS.get(planned.probe, 0.0)
    return SlotRequest(
        request_id=request_id,
        target=planned.target,
        kinds=kinds,
        flows=_bounded(_number(options.get("flows"), 4), 64),
        seconds=_bounded(data_seconds + MARGIN_SECONDS, MAX_QUOTA_SECONDS),
        quota_bytes=_bounded(QUOTA_FACTOR * bound_of(planned, fastest_bps), MAX_QUOTA_BYTES),
        rehearsal=rehearsal,
    )


def _number(value: Json, otherwise: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and isinstance(value, int | float) else otherwise


def _bounded(value: float, most: int) -> int:
    return max(1, min(most, int(value + 0.999)))
