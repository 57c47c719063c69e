"""Size bands of schools. Bands are data: a list of last numbers of pupils."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Band:
    """Schools with ``first`` to ``last`` pupils; ``last`` None: no upper end."""

    first: int
    last: int | None

    @property
    def label(self) -> str:
        """``<=60``, ``61-120``, ``>840``."""
        if self.last is None:
            return f">{self.first - 1}"
        if self.first <= 1:
            return f"<={self.last}"
        return f"{self.first}-{self.last}"


def bands_up_to(limits: Sequence[int]) -> tuple[Band, ...]:
    """Make bands that end at each of ``limits`` (ascending), and an open one above."""
    firsts = [1, *(limit + 1 for limit in limits)]
    lasts: list[int | None] = [*limits, None]
    return tuple(Band(first, last) for first, last in zip(firsts, lasts, strict=True))


def band_of(pupils: int, bands: Sequence[Band]) -> Band:
    """Find the band of a school with ``pupils`` pupils."""
    lasts = [band.last for band in bands if band.last is not None]
    return bands[bisect_left(lasts, pupils)]


DEFAULT_BANDS: Final = bands_up_to((60, 120, 315, 560, 840))
"""Bands in which the ministry's survey of 2023 showed how differently sizes fare."""
