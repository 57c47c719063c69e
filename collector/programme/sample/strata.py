"""Strata: what makes schools alike before anything is known of their networks."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from collector.judge.bands import Band, band_of
from collector.schools.model import School


class SampleRefused(Exception):
    """No such sample; the text says what is allowed."""


class Margin(StrEnum):
    """One way in which the sample is stratified."""

    BAND = "band"  # 規模
    REGION = "region"  # 地域
    LINE = "line"  # 回線種別


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One stratum: size band, region and kind of line together."""

    band: str
    region: str
    line: str

    def of(self, margin: Margin) -> str:
        """Give its value of one margin."""
        return {Margin.BAND: self.band, Margin.REGION: self.region, Margin.LINE: self.line}[margin]


PAIRS: Final = (
    (Margin.BAND, Margin.LINE),
    (Margin.BAND, Margin.REGION),
    (Margin.REGION, Margin.LINE),
)
Bands = Sequence[Band]


def cell_of(school: School, bands: Bands) -> Cell:
    """Give the stratum of a school."""
    return Cell(band_of(school.pupils, bands).label, school.region, school.line.value)


def distance(
    schools: Sequence[School], chosen: Sequence[School], key: Callable[[School], str]
) -> Fraction:
    """Say how many chosen schools would have to lie elsewhere for exact proportion.

    Half the sum of the differences from each value's share: 0 where every value has exactly its
    share. No sample of whole schools need reach 0.
    """
    if not schools or not chosen:
        return Fraction(0)
    there, here = Counter(map(key, schools)), Counter(map(key, chosen))
    share = Fraction(len(chosen), len(schools))
    return sum((abs(here[one] - count * share) for one, count in there.items()), Fraction(0)) / 2


def margin_distances(
    schools: Sequence[School], chosen: Sequence[School], bands: Bands
) -> Mapping[Margin, Fraction]:
    """Give the distance from proportion of each margin, in schools."""

    def of(margin: Margin) -> Fraction:
        return distance(schools, chosen, lambda one: cell_of(one, bands).of(margin))

    return {margin: of(margin) for margin in Margin}


def pair_distance(schools: Sequence[School], chosen: Sequence[School], bands: Bands) -> Fraction:
    """Give the sum of the distances over the three pairs of margins, in schools."""

    def of(pair: tuple[Margin, Margin]) -> Fraction:
        return distance(schools, chosen, lambda one: _pair(cell_of(one, bands), pair))

    return sum(map(of, PAIRS), Fraction(0))


def _pair(cell: Cell, of: tuple[Margin, Margin]) -> str:
    return f"{cell.of(of[0])}\0{cell.of(of[1])}"
