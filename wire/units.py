"""Units live in names. This is the table of suffixes and what a value of each may be.

A key of ``values``, ``context`` or ``confidence`` that ends in one of these suffixes holds a
finite number of that unit within its range; other keys hold text, flags, lists or objects. A
number under a name without unit is read, since it is somebody else's, but nothing here writes one.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its suffix, what it means, and the range of its values (None: unbounded)."""

    suffix: str
    meaning: str
    minimum: float | None = 0.0
    maximum: float | None = None
    whole: bool = False


UNITS: Final[tuple[Unit, ...]] = (
    Unit("_offset_seconds", "seconds, signed difference of two clocks", minimum=None),
    Unit("_seconds", "seconds"),
    Unit("_bps", "bits per second (decimal: 1 Mbit/s = 1,000,000)"),
    Unit("_bytes", "bytes (octets)", whole=True),
    Unit("_ratio", "share of one, 0 to 1", maximum=1.0),
    Unit("_count", "a number of things", whole=True),
    Unit("_index", "a position, counted from 0", whole=True),
    Unit("_dbm", "decibel-milliwatts", minimum=None),
    Unit("_hertz", "hertz"),
    Unit("_celsius", "degrees Celsius", minimum=-273.15),
    Unit("_per_second", "a number of things each second"),
    Unit("_rpm", "round trips per minute (responsiveness)"),
)


def unit_of(name: str) -> Unit | None:
    """Find the unit that ``name`` ends in; the longest suffix wins."""
    return next((unit for unit in UNITS if name.endswith(unit.suffix)), None)


def why_not(name: str, value: object) -> str | None:
    """Say what is allowed where ``value`` is no value of the unit in ``name``; None if it is."""
    unit = unit_of(name)
    if unit is None:
        return None
    wanted = "a whole number" if unit.whole else "a finite number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{wanted} of {unit.meaning}"
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN test
        return f"{wanted} of {unit.meaning}"
    if unit.whole and not isinstance(value, int):
        return f"{wanted} of {unit.meaning}"
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return f"below 2^63 ({unit.meaning})"
    if unit.minimum is not None and value < unit.minimum:
        return f"at least {unit.minimum:g} ({unit.meaning})"
    if unit.maximum is not None and value > unit.maximum:
        return f"at most {unit.maximum:g} ({unit.meaning})"
    return None
