"""Bytes that heavy tests may use, and the most that one can take."""

from dataclasses import dataclass
from typing import Final

HEADER_FACTOR: Final = 1.06
"""Bytes on the line for each byte of TCP payload: 1514/1448 with timestamps, and the
acknowledgements of the other direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be used. None: no limit."""

    day_bytes: int | None = None
    month_bytes: int | None = None
    fastest_bps: float = 1e9
    """Rate that the line cannot exceed: bounds what a test may cost before it has been seen."""


def bound_bytes(seconds: float, directions: int, fastest_bps: float) -> int:
    """Most that a test of ``seconds`` in each direction can take at ``fastest_bps``."""
    return round(HEADER_FACTOR * fastest_bps * seconds * directions / 8)
