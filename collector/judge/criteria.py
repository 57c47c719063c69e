"""Required download speed of a school by its number of pupils (当面の推奨帯域).

The published table gives a speed for some numbers of pupils. Between two rows the
requirement lies on the straight line through them; it is never rounded up to the next row
(316 pupils would jump from 422 to 525 Mbit/s). Below the first row a rate for each pupil
holds; above the last row the last slope goes on and the result is marked as outside.

Where a published row is not confirmed, the line may be too low. If the true table is concave
(every confirmed row says so) it cannot lie above either neighbouring line extended, so the
requirement there is an interval up to the lesser of the two.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from collector.judge.bands import Band
from collector.judge.model import Requirement

MAX_PUPILS: Final = 20_000
"""More than any school has: a larger number is a slip of the pen."""
_MBPS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One published row, with where it was read and when that was published."""

    pupils: int
    mbps: Fraction
    source: str
    published_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """Numbers of pupils between two rows where an unconfirmed row may lie, and why."""

    first_pupils: int
    last_pupils: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """A table of required speeds, checked. Rows ascend in pupils and in speed."""

    name: str
    version: str
    issued_by: str
    rows: tuple[Row, ...]
    below_mbps_per_pupil: Fraction
    above_mbps_per_pupil: Fraction
    uncertain: tuple[Uncertain, ...]
    bands: tuple[Band, ...]

    def requirement(self, pupils: int) -> Requirement:
        """Give the required speed for ``pupils`` pupils. Raises ValueError outside 1..20000."""
        if not 1 <= pupils <= MAX_PUPILS:
            raise ValueError(f"{pupils} pupils: allowed is 1 to {MAX_PUPILS}")
        required = self._mbps(pupils)
        upper = required
        if self.uncertainty(pupils) is not None:
            upper = max(required, self._envelope_mbps(pupils))
        return Requirement(
            pupils=pupils,
            required_bps=round(required * _MBPS),
            upper_bps=round(upper * _MBPS),
            outside_table=pupils > self.rows[-1].pupils,
            table_version=self.version,
        )

    def uncertainty(self, pupils: int) -> Uncertain | None:
        """Give the uncertain range that ``pupils`` falls into, or None."""
        return next(
            (item for item in self.uncertain if item.first_pupils <= pupils <= item.last_pupils),
            None,
        )

    def rows_used(self, pupils: int) -> tuple[Row, ...]:
        """Give the rows the requirement rests on: the row itself, two neighbours, or the end."""
        index = bisect_left(self._pupils(), pupils)
        if index < len(self.rows) and self.rows[index].pupils == pupils:
            return (self.rows[index],)
        if index == 0:
            return (self.rows[0],)
        if index == len(self.rows):
            return self.rows[-2:]
        return self.rows[index - 1 : index + 1]

    def _pupils(self) -> list[int]:
        return [row.pupils for row in self.rows]

    def _mbps(self, pupils: int) -> Fraction:
        first, last = self.rows[0], self.rows[-1]
        if pupils < first.pupils:
            return self.below_mbps_per_pupil * pupils
        if pupils > last.pupils:
            return last.mbps + self.above_mbps_per_pupil * (pupils - last.pupils)
        index = bisect_left(self._pupils(), pupils)
        if self.rows[index].pupils == pupils:
            return self.rows[index].mbps
        return _line(self.rows[index - 1], self.rows[index], pupils)

    def _envelope_mbps(self, pupils: int) -> Fraction:
        """Lesser of the two neighbouring chords, extended to ``pupils``."""
        index = bisect_left(self._pupils(), pupils)
        return min(
            _line(self.rows[index - 2], self.rows[index - 1], pupils),
            _line(self.rows[index], self.rows[index + 1], pupils),
        )


def slope(left: Row, right: Row) -> Fraction:
    """Mbit/s for each further pupil between two rows."""
    return (right.mbps - left.mbps) / (right.pupils - left.pupils)


def enclosing_rows(rows: Sequence[Row], item: Uncertain) -> int | None:
    """Find i where ``item`` lies inside rows i and i+1 and both neighbours exist, or None."""
    for index in range(1, len(rows) - 2):
        inside = rows[index].pupils < item.first_pupils <= item.last_pupils
        if inside and item.last_pupils < rows[index + 1].pupils:
            return index
    return None


def _line(left: Row, right: Row, pupils: int) -> Fraction:
    return left.mbps + slope(left, right) * (pupils - left.pupils)
