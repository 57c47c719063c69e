"""Two readings of a counter become a difference, or a reason why there is none. Pure.

Never negative, and never guessed: a device that restarted, a counter that was reset, one that may
have run round more than once, another port under the same number each give a reason instead.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TICKS_PER_SECOND: Final = 100
_TICKS: Final = 1 << 32
"""sysUpTime runs round after 497 days (RFC 3418)."""
_CLOCK_SLACK_SECONDS: Final = 10.0
_CLOCK_SLACK_RATIO: Final = 0.1
"""Clocks of devices are bad; some give their up time only every few seconds."""
PLAUSIBLE_FACTOR: Final = 2.0
"""Counters that a device updates seldom step: a minute may hold more than a minute's bytes."""
WRAP_FACTOR: Final = 1.1
"""Where a 32-bit counter is smaller than before it ran round or was reset (a PPP session that came
anew does so): it ran round only if what rose fits the port, and its speed is known."""
UNKNOWN_SPEED_BPS: Final = 10e9


class NoDifference(StrEnum):
    """Why two readings give no difference. Closed vocabulary."""

    FIRST_READING = "first_reading"
    NOT_SUPPORTED = "not_supported"
    """The device has no such counter."""
    RESTARTED = "restarted"
    """The device's up time began anew."""
    DISCONTINUITY = "discontinuity"
    """ifCounterDiscontinuityTime changed: the device says that its counters began anew."""
    RAN_BACKWARDS = "ran_backwards"
    """A 64-bit counter is smaller than before: it was reset."""
    WRAP_UNCLEAR = "wrap_unclear"
    """A 32-bit counter may have run round more than once, or was reset."""
    IMPLAUSIBLE = "implausible"
    """More than the port can carry."""
    OTHER_PORT = "other_port"
    """Another port has this number now."""
    OTHER_DEVICE = "other_device"
    """Another device has this address now."""
    TYPE_CHANGED = "type_changed"
    """The counter has another width than before."""
    NO_TIME = "no_time"
    """Both readings are of one moment, or the later is missing."""


@dataclass(frozen=True, slots=True)
class Count:
    """A counter as it was read."""

    value: int
    bits: int
    """32 or 64: where it runs round."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When counters were read, by this appliance and by the device."""

    at_seconds: float
    """Monotonic clock of the appliance."""
    uptime_ticks: int | None = None
    """sysUpTime; None where the device does not say."""


def broken_between(before: Moment, after: Moment) -> NoDifference | None:
    """Say whether the device restarted between two moments; None: it ran on."""
    elapsed = after.at_seconds - before.at_seconds
    if elapsed <= 0:
        return NoDifference.NO_TIME
    if before.uptime_ticks is None or after.uptime_ticks is None:
        return None
    slack = max(_CLOCK_SLACK_SECONDS, _CLOCK_SLACK_RATIO * elapsed)
    ran = (after.uptime_ticks - before.uptime_ticks) % _TICKS / TICKS_PER_SECOND
    if abs(ran - elapsed) <= slack:
        return None  # also where it ran round
    backwards = after.uptime_ticks < before.uptime_ticks
    if backwards or after.uptime_ticks / TICKS_PER_SECOND < elapsed - slack:
        return NoDifference.RESTARTED
    return None  # a clock that is wrong, but that went on


def difference(
    before: Count | None,
    after: Count | None,
    elapsed_seconds: float,
    most_per_second: float | None = None,
) -> int | NoDifference:
    """Give how much a counter rose. ``most_per_second``: what the port can carry at most.

    The caller has seen to it that the device did not restart (:func:`broken_between`).
    """
    if after is None or before is None:
        return NoDifference.NOT_SUPPORTED if after is None else NoDifference.FIRST_READING
    if before.bits != after.bits:
        return NoDifference.TYPE_CHANGED
    if elapsed_seconds <= 0:
        return NoDifference.NO_TIME
    most = most_per_second or UNKNOWN_SPEED_BPS / 8
    factor = PLAUSIBLE_FACTOR
    if after.bits == 64:
        if after.value < before.value:
            return NoDifference.RAN_BACKWARDS
        rose = after.value - before.value
    else:
        rose = (after.value - before.value) % (1 << 32)
        if most_per_second is not None and most * elapsed_seconds >= 1 << 32:
            return NoDifference.WRAP_UNCLEAR
        if after.value < before.value:
            factor = WRAP_FACTOR
            if most_per_second is None:
                return NoDifference.WRAP_UNCLEAR
    if rose > factor * most * max(elapsed_seconds, 1.0):
        return NoDifference.WRAP_UNCLEAR if after.bits == 32 else NoDifference.IMPLAUSIBLE
    return rose
